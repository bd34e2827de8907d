"""The bundled users API's people: the same seed gives the same ones, in the real API's shape."""

from datetime import UTC, date, datetime
from hashlib import md5, sha1, sha256
from typing import Any
from uuid import UUID

import pytest

from users.user import parse_user
from users_api.contract import FIELDS, parse_query
from users_api.nationalities import NATIONALITIES
from users_api.people import People

TODAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def people() -> People:
    return People()


def page(people: People, first: int = 0, count: int = 20, **parameters: str) -> list[Any]:
    return list(people.of(parse_query(parameters), first, count, TODAY))


def test_the_same_seed_and_page_give_the_same_people(people: People) -> None:
    assert page(people, seed="s", page="3") == page(People(), seed="s", page="3")


def test_a_person_depends_on_its_position_and_not_on_how_many_were_asked_for(
    people: People,
) -> None:
    assert page(people, first=7, count=1, seed="s") == page(people, count=20, seed="s")[7:8]


def test_seeds_pages_and_populations_differ_in_every_person(people: People) -> None:
    several = [
        page(people, seed="s"),
        page(people, seed="t"),
        page(people, seed="s", page="2"),
        page(People("other"), seed="s"),
    ]

    ids = [person["login"]["uuid"] for each in several for person in each]
    assert len(set(ids)) == 80


def test_a_person_has_the_fields_of_the_real_api(people: People) -> None:
    for person in page(people, count=200, seed="s"):
        assert tuple(person) == FIELDS
        assert set(person["name"]) == {"title", "first", "last"}
        assert set(person["location"]) == {
            *("street", "city", "state", "country", "postcode", "coordinates", "timezone"),
        }
        assert person["location"]["country"] == NATIONALITIES[person["nat"]].country
        assert set(person["picture"]) == {"large", "medium", "thumbnail"}
        assert UUID(person["login"]["uuid"]).version == 4


def test_the_hashes_are_those_of_the_password_and_its_salt(people: People) -> None:
    login = page(people, count=1, seed="s")[0]["login"]

    secret = (login["password"] + login["salt"]).encode()
    assert login["md5"] == md5(secret).hexdigest()
    assert login["sha1"] == sha1(secret).hexdigest()
    assert login["sha256"] == sha256(secret).hexdigest()


def test_a_post_code_is_text_or_a_number_by_nationality(people: People) -> None:
    british = page(people, nat="gb", seed="s")
    american = page(people, nat="us", seed="s")

    assert all(isinstance(person["location"]["postcode"], str) for person in british)
    assert all(isinstance(person["location"]["postcode"], int) for person in american)


def test_an_age_is_in_whole_years(people: People) -> None:
    for person in page(people, count=200, seed="s"):
        born = datetime.fromisoformat(person["dob"]["date"])
        birthday_is_over = (TODAY.month, TODAY.day) >= (born.month, born.day)
        assert born.tzinfo == UTC
        assert person["dob"]["age"] == TODAY.year - born.year - (0 if birthday_is_over else 1)


def test_gender_and_fields_are_as_asked(people: People) -> None:
    chosen = page(people, gender="female", inc="gender,email")

    assert {person["gender"] for person in chosen} == {"female"}
    assert all(tuple(person) == ("gender", "email") for person in chosen)


@pytest.mark.parametrize("nationality", NATIONALITIES)
def test_people_of_every_nationality_can_be_stored(people: People, nationality: str) -> None:
    for person in page(people, nat=nationality, seed="s"):
        user = parse_user(person)
        assert user.email is not None
        assert user.email.isascii()
