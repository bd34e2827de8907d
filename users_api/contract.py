"""The request and answer of randomuser.me's API, version 1.4: parameters in, JSON shapes out.

The rules are those of the public service's own generator: a value it cannot use falls back to a
default in silence, rather than being refused.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from users_api.nationalities import NATIONALITIES

VERSION = "1.4"
MOST_RESULTS = 5000
LAST_PAGE = 10_000
LONGEST_SEED = 256
FIELDS: tuple[str, ...] = (
    "gender",
    "name",
    "location",
    "email",
    "login",
    "dob",
    "registered",
    "phone",
    "cell",
    "id",
    "picture",
    "nat",
)
# The real service also writes CSV, YAML and XML; this one only what the pipeline reads.
COMPACT_FORMATS = ("", "json")
INDENTED_FORMATS = ("pretty", "prettyjson")


class RefusedRequest(Exception):
    """A request that gets the API's error shape instead of people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Query:
    """What a request asks for, after the defaults have been filled in."""

    results: int
    seed: str
    page: int
    gender: str | None
    nationalities: tuple[str, ...]
    fields: tuple[str, ...]
    indented: bool
    with_info: bool

    @property
    def info(self) -> dict[str, object]:
        """The ``info`` object of the answer."""
        return {
            "seed": self.seed,
            "results": self.results,
            "page": self.page,
            "version": VERSION,
        }


def parse_query(parameters: Mapping[str, str]) -> Query:
    """Reads a request's parameters.

    Raises RefusedRequest for a format that this server does not write and for an overlong seed.
    """
    format_ = parameters.get("format", parameters.get("fmt", "")).lower()
    if format_ not in COMPACT_FORMATS + INDENTED_FORMATS:
        raise RefusedRequest(
            400, f"This server does not write the format '{format_[:20]}': use json or pretty."
        )
    seed = parameters.get("seed", "")
    if len(seed) > LONGEST_SEED:
        raise RefusedRequest(400, f"A seed may have {LONGEST_SEED} characters at most.")
    return Query(
        results=_number(parameters.get("results", ""), MOST_RESULTS),
        # Without a seed, the real service makes one up and reports it: 16 hexadecimal digits.
        seed=seed or secrets.token_hex(8),
        page=_number(parameters.get("page", ""), LAST_PAGE),
        # With a seed, the real service ignores the gender.
        gender=None if seed else _gender(parameters.get("gender", "")),
        nationalities=_nationalities(parameters.get("nat", parameters.get("nationality", ""))),
        fields=_fields(parameters.get("inc", ""), parameters.get("exc", "")),
        indented=format_ in INDENTED_FORMATS,
        with_info="noinfo" not in parameters,
    )


def error_answer(message: str) -> dict[str, str]:
    """The API's error shape."""
    return {"error": message}


def _number(text: str, most: int) -> int:
    # Seven digits are enough for every limit; int() of a very long text is slow on purpose.
    if not re.fullmatch(r"[0-9]{1,7}", text.strip()):
        return 1
    number = int(text)
    return number if 1 <= number <= most else 1


def _gender(text: str) -> str | None:
    return text if text in ("male", "female") else None


def _nationalities(text: str) -> tuple[str, ...]:
    codes = _words(text.upper())
    # One unknown code voids the whole list: every nationality is then possible.
    if not codes or any(code not in NATIONALITIES for code in codes):
        return tuple(NATIONALITIES)
    return codes


def _fields(included: str, excluded: str) -> tuple[str, ...]:
    wanted = _words(included.lower()) or FIELDS
    unwanted = _words(excluded.lower())
    return tuple(field for field in FIELDS if field in wanted and field not in unwanted)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
