"""Judges one answer of the users API: a page of users, a reason to ask again, or a refusal."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus


class AskAgain(Exception):
    """The answer is of no use, but another try may get a better one.

    ``retry_after_seconds`` is what the server asked for, None where it asked for nothing.
    """

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class Refused(Exception):
    """The server will not answer this request, however often it is asked."""


@dataclass(frozen=True)
class Answer:
    """Status, Retry-After header (None where it was not sent) and body, as they came."""

    status: int
    retry_after: str | None
    body: bytes


def users_in(answer: Answer, expected: int, now: datetime) -> list[object]:
    """The raw users of an answer, as many as were asked for.

    ``now`` (aware) is what a Retry-After date is counted from. Raises AskAgain for 429, 5xx and
    bodies that are not a page of users; Refused for any other status than 200.
    """
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= 500:
        seconds = retry_after_seconds(answer.retry_after, now)
        raise AskAgain(f"it answered {_status_text(answer)}", seconds)
    if answer.status != HTTPStatus.OK:
        raise Refused(f"it answered {_status_text(answer)}")
    return _users_in_body(answer.body, expected)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3): a number or an HTTP date.

    None where the header is absent or neither of the two; a date gone by means 0.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # A day is longer than any caller waits, and int() of a very long text is refused.
        return float(int(text)) if len(text) <= 9 else 86_400.0
    try:
        moment = parsedate_to_datetime(text)
        # An HTTP date is always in GMT; Python gives a naive one for the zone "-0000".
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _users_in_body(body: bytes, expected: int) -> list[object]:
    try:
        page = json.loads(body)
    # RecursionError: a body of nothing but opening brackets.
    except (ValueError, RecursionError):
        kind = "HTML" if body.lstrip()[:1] == b"<" else "text that is not whole JSON"
        raise AskAgain(f"it sent {kind} ({len(body)} bytes)") from None
    if isinstance(page, dict) and "error" in page:
        raise AskAgain(f"it sent an error: {str(page['error'])[:200]}")
    users = page.get("results") if isinstance(page, dict) else None
    if not isinstance(users, list):
        raise AskAgain("it sent JSON without a list of results")
    if len(users) != expected:
        raise AskAgain(f"it sent {len(users)} users where {expected} were asked for")
    return users


def _status_text(answer: Answer) -> str:
    try:
        phrase = f" {HTTPStatus(answer.status).phrase}"
    except ValueError:
        phrase = ""
    return f"HTTP {answer.status}{phrase}"
