"""An answer of the users API is a page of users, a reason to ask again, or a refusal."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from users.answer import Answer, AskAgain, Refused, retry_after_seconds, users_in
from users.request import Request

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_page_of_users_is_given_as_it_came() -> None:
    body = json.dumps({"results": [{"a": 1}, None]}).encode()

    assert users_in(Answer(200, None, body), 2, NOW) == [{"a": 1}, None]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>busy</html>", "it sent HTML"),
        (b'{"results": [{"gend', "it sent text that is not whole JSON"),
        (b"", "it sent text that is not whole JSON (0 bytes)"),
        (b"\xff\xfe\xff", "it sent text that is not whole JSON"),
        (b"[" * 100_000, "it sent text that is not whole JSON"),
        (b'{"results": {"a": 1}}', "it sent JSON without a list of results"),
        (b"[]", "it sent JSON without a list of results"),
        (b'{"results": [1, 2]}', "it sent 2 users where 3 were asked for"),
        (b'{"error": "out of order"}', "it sent an error: out of order"),
    ],
)
def test_a_body_that_is_no_page_is_a_reason_to_ask_again(body: bytes, reason: str) -> None:
    with pytest.raises(AskAgain) as again:
        users_in(Answer(200, None, body), 3, NOW)

    assert reason in str(again.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599])
def test_an_overloaded_or_broken_server_is_asked_again_when_it_says(status: int) -> None:
    with pytest.raises(AskAgain, match=f"HTTP {status}") as again:
        users_in(Answer(status, "7", b""), 1, NOW)

    assert again.value.retry_after_seconds == 7


@pytest.mark.parametrize("status", [204, 301, 400, 401, 404])
def test_any_other_status_is_final(status: int) -> None:
    with pytest.raises(Refused, match=f"HTTP {status}"):
        users_in(Answer(status, None, b""), 1, NOW)


def test_retry_after_may_be_a_date() -> None:
    in_a_minute = format_datetime(NOW + timedelta(minutes=1), usegmt=True)

    assert retry_after_seconds(in_a_minute, NOW) == 60
    assert retry_after_seconds(in_a_minute, NOW + timedelta(hours=1)) == 0


@given(st.text())
def test_no_retry_after_header_does_harm(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)

    assert seconds is None or seconds >= 0


@given(users=st.integers(1, 100_000), page_size=st.integers(10, 5000))
def test_the_pages_of_a_request_hold_its_users(users: int, page_size: int) -> None:
    request = Request("http://api.test/", users, "s", page_size)

    on_pages = [request.users_on(page) for page in range(1, request.pages + 1)]
    assert sum(on_pages) == users
    assert all(1 <= count <= page_size for count in on_pages)


@pytest.mark.parametrize(("users", "page_size"), [(0, 10), (5, 0), (5, 5001), (10_001, 1)])
def test_a_request_that_the_api_cannot_serve_is_refused(users: int, page_size: int) -> None:
    with pytest.raises(ValueError, match="users"):
        Request("http://api.test/", users, "s", page_size)


def test_parameters_of_the_given_address_are_kept() -> None:
    request = Request("http://api.test/api/?nat=gb", 5, "a b&c", 5)

    assert dict(URL(request.url_of(1)).query) == {
        "nat": "gb",
        "results": "5",
        "seed": "a b&c",
        "page": "1",
    }
