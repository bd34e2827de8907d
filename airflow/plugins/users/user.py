"""Turns a raw user of the API into a row of created_users, or says why it is none."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import UUID


class MalformedUser(ValueError):
    """A raw user that cannot be stored; the message is the reason."""


@dataclass(frozen=True)
class CreatedUser:
    """A row of created_users: field for field the table's columns, in its order."""

    id: UUID
    first_name: str
    last_name: str
    gender: str | None
    address: str | None
    post_code: str | None
    email: str | None
    username: str | None
    dob: datetime | None
    registered_date: datetime | None
    phone: str | None
    picture: str | None


def parse_user(raw: object) -> CreatedUser:
    """The row of a raw user.

    Only what the table needs is required: login.uuid and both names. Anything else may be absent,
    but must be of its kind where it is there. Raises MalformedUser.
    """
    if not isinstance(raw, dict):
        raise MalformedUser(f"a user is an object, not {_kind(raw)}")
    return CreatedUser(
        id=_id(raw),
        first_name=_required_text(raw, "name.first"),
        last_name=_required_text(raw, "name.last"),
        gender=_text(raw, "gender"),
        address=_address(raw),
        post_code=_text_or_number(raw, "location.postcode"),
        email=_text(raw, "email"),
        username=_text(raw, "login.username"),
        dob=_moment(raw, "dob.date"),
        registered_date=_moment(raw, "registered.date"),
        phone=_text(raw, "phone"),
        picture=_text(raw, "picture.large"),
    )


def _id(raw: dict[object, object]) -> UUID:
    text = _required_text(raw, "login.uuid")
    try:
        return UUID(text)
    except ValueError:
        raise MalformedUser(f"login.uuid is no UUID: '{text[:60]}'") from None


def _address(raw: dict[object, object]) -> str | None:
    """One line: number and street, city, state, country; parts that are absent are left out."""
    street = (
        _text_or_number(raw, "location.street.number"),
        _text(raw, "location.street.name"),
    )
    parts = (
        " ".join(part for part in street if part),
        _text(raw, "location.city"),
        _text(raw, "location.state"),
        _text(raw, "location.country"),
    )
    return ", ".join(part for part in parts if part) or None


def _moment(raw: dict[object, object], path: str) -> datetime | None:
    text = _text(raw, path)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise MalformedUser(f"{path} has no time zone: '{text[:60]}'")
        return moment.astimezone(UTC)
    except MalformedUser:
        raise
    # OverflowError: a moment of the year 1 or 9999 that leaves the calendar when turned to UTC.
    except (ValueError, OverflowError):
        raise MalformedUser(f"{path} is no ISO 8601 date and time: '{text[:60]}'") from None


def _required_text(raw: dict[object, object], path: str) -> str:
    text = _text(raw, path)
    if text is None:
        raise MalformedUser(f"{path} is missing")
    if not text.strip():
        raise MalformedUser(f"{path} is empty")
    return text


def _text_or_number(raw: dict[object, object], path: str) -> str | None:
    value = _value(raw, path)
    # bool is a kind of int to Python, but not to the API.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(raw, path)


def _text(raw: dict[object, object], path: str) -> str | None:
    value = _value(raw, path)
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedUser(f"{path} is {_kind(value)}, not text")
    if "\0" in value:
        raise MalformedUser(f"{path} holds a NUL character, which PostgreSQL cannot store")
    if not (value.isascii() or _is_unicode(value)):
        raise MalformedUser(f"{path} holds half of a surrogate pair, which is no character")
    return value


def _value(raw: dict[object, object], path: str) -> object:
    """The value at a dotted path; None where a part of the path is absent or null."""
    value: object = raw
    names = _names(path)
    for depth, name in enumerate(names):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise MalformedUser(f"{'.'.join(names[:depth])} is {_kind(value)}, not an object")
        value = value.get(name)
    return value


@cache
def _names(path: str) -> list[str]:
    return path.split(".")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "an object" if isinstance(value, dict) else "a list"
