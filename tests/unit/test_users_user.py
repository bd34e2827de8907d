"""A raw user becomes a row of created_users, or is refused with the precise reason."""

import copy
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from users.user import CreatedUser, MalformedUser, parse_user

RAW: dict[str, Any] = {
    "gender": "female",
    "name": {"title": "Ms", "first": "Zoë", "last": "O'Neill"},
    "location": {
        "street": {"number": 12, "name": "High Street"},
        "city": "Leeds",
        "state": "West Yorkshire",
        "country": "United Kingdom",
        "postcode": 12345,
    },
    "email": "zoe@example.com",
    "login": {"uuid": "155e77ee-ba6d-486f-95ce-0e0c0fb4b919", "username": "zoe1"},
    "dob": {"date": "1966-06-26T11:50:25.558Z", "age": 60},
    "registered": {"date": "2020-05-09T01:38:24.001Z", "age": 6},
    "phone": "0151",
    "picture": {"large": "https://example.com/1.jpg", "medium": "m", "thumbnail": "t"},
    "nat": "GB",
}


def changed(path: str, value: object) -> dict[str, Any]:
    raw = copy.deepcopy(RAW)
    *parents, last = path.split(".")
    target = raw
    for name in parents:
        target = target[name]
    target[last] = value
    return raw


def test_every_column_comes_from_its_field() -> None:
    assert parse_user(RAW) == CreatedUser(
        id=UUID("155e77ee-ba6d-486f-95ce-0e0c0fb4b919"),
        first_name="Zoë",
        last_name="O'Neill",
        gender="female",
        address="12 High Street, Leeds, West Yorkshire, United Kingdom",
        post_code="12345",
        email="zoe@example.com",
        username="zoe1",
        dob=datetime(1966, 6, 26, 11, 50, 25, 558_000, UTC),
        registered_date=datetime(2020, 5, 9, 1, 38, 24, 1_000, UTC),
        phone="0151",
        picture="https://example.com/1.jpg",
    )


def test_a_post_code_of_letters_stays_as_it_is() -> None:
    assert parse_user(changed("location.postcode", "SW1A 1AA")).post_code == "SW1A 1AA"


def test_what_the_table_does_not_require_may_be_absent() -> None:
    user = parse_user({"name": RAW["name"], "login": {"uuid": RAW["login"]["uuid"]}})

    assert (user.address, user.dob, user.email, user.picture) == (None, None, None, None)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("login.uuid", None, "login.uuid is missing"),
        ("login", None, "login.uuid is missing"),
        ("login", [], "login is a list, not an object"),
        ("login.uuid", "1234", "login.uuid is no UUID: '1234'"),
        ("login.uuid", 5, "login.uuid is a number, not text"),
        ("name.first", None, "name.first is missing"),
        ("name.last", "  ", "name.last is empty"),
        ("dob.date", "yesterday", "dob.date is no ISO 8601 date and time: 'yesterday'"),
        ("dob.date", "2023-02-29T00:00:00Z", "dob.date is no ISO 8601 date"),
        ("dob.date", "1966-06-26", "dob.date has no time zone: '1966-06-26'"),
        ("dob.date", "0001-01-01T00:00:00+10:00", "dob.date is no ISO 8601 date"),
        ("registered.date", 5, "registered.date is a number, not text"),
        ("email", "a\0b", "email holds a NUL character, which PostgreSQL cannot store"),
        ("location.city", "\ud800", "location.city holds half of a surrogate pair"),
        ("location.postcode", True, "location.postcode is a boolean, not text"),
        ("location.street", "12 High Street", "location.street is text, not an object"),
    ],
)
def test_a_malformed_user_is_refused_with_the_reason(path: str, value: object, reason: str) -> None:
    with pytest.raises(MalformedUser) as malformed:
        parse_user(changed(path, value))

    assert reason in str(malformed.value)


@pytest.mark.parametrize("raw", [None, 5, "user", [RAW], True])
def test_what_is_no_object_is_refused(raw: object) -> None:
    with pytest.raises(MalformedUser, match="a user is an object, not"):
        parse_user(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    *("login", "login.uuid", "login.username", "name", "name.first", "name.last", "gender"),
    *("location", "location.street", "location.street.number", "location.street.name"),
    *("location.city", "location.postcode", "dob", "dob.date", "registered.date", "picture.large"),
]


@given(path=st.sampled_from(PATHS), value=JSON)
def test_any_json_in_any_place_is_a_user_or_a_reason(path: str, value: object) -> None:
    try:
        user = parse_user(changed(path, value))
    except MalformedUser as malformed:
        assert str(malformed)
    else:
        texts = [user.first_name, user.last_name, user.address, user.post_code, user.username]
        assert all("\0" not in (text or "") for text in texts)
        assert user.dob is None or user.dob.tzinfo is not None
