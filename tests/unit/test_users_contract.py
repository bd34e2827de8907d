"""The bundled users API reads its parameters as randomuser.me does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from users_api.contract import FIELDS, RefusedRequest, parse_query
from users_api.nationalities import NATIONALITIES


def test_a_request_without_parameters_is_one_person_of_any_kind() -> None:
    query = parse_query({})

    assert (query.results, query.page, query.gender) == (1, 1, None)
    assert query.nationalities == tuple(NATIONALITIES)
    assert query.fields == FIELDS


def test_without_a_seed_a_random_one_is_made_and_reported() -> None:
    one, other = parse_query({}), parse_query({})

    assert one.seed != other.seed
    assert one.info["seed"] == one.seed


@pytest.mark.parametrize("results", ["0", "-1", "5001", "2.5", "many", "", "1e3", "9" * 5000, "٣"])
def test_an_unusable_number_of_results_means_one(results: str) -> None:
    assert parse_query({"results": results}).results == 1


@pytest.mark.parametrize("page", ["0", "-1", "10001", "x"])
def test_an_unusable_page_means_the_first(page: str) -> None:
    assert parse_query({"page": page}).page == 1


def test_the_limits_themselves_are_usable() -> None:
    query = parse_query({"results": "5000", "page": "10000"})

    assert (query.results, query.page) == (5000, 10_000)


def test_a_gender_is_ignored_where_a_seed_is_given() -> None:
    assert parse_query({"gender": "female"}).gender == "female"
    assert parse_query({"gender": "female", "seed": "s"}).gender is None


def test_one_unknown_nationality_voids_the_list() -> None:
    assert parse_query({"nat": "gb, de"}).nationalities == ("GB", "DE")
    assert parse_query({"nat": "gb,xx"}).nationalities == tuple(NATIONALITIES)


def test_exc_wins_over_inc() -> None:
    assert parse_query({"inc": "Name, email,nonsense", "exc": "email"}).fields == ("name",)


@pytest.mark.parametrize("parameters", [{"format": "xml"}, {"fmt": "csv"}, {"seed": "s" * 257}])
def test_what_this_server_cannot_do_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(RefusedRequest) as refused:
        parse_query(parameters)

    assert refused.value.status == 400


@given(
    st.dictionaries(
        st.sampled_from(["results", "page", "seed", "gender", "nat", "inc", "exc", "noinfo"]),
        st.text(max_size=40),
    )
)
def test_no_parameters_leave_the_bounds(parameters: dict[str, str]) -> None:
    query = parse_query(parameters)

    assert 1 <= query.results <= 5000
    assert 1 <= query.page <= 10_000
    assert query.seed
    assert query.nationalities
    assert set(query.nationalities) <= set(NATIONALITIES)
    assert set(query.fields) <= set(FIELDS)
