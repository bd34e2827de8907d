"""What docs/types.md says: its tables of types, values and settings."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from cassandra import cqltypes

from walflow.settings import HOME

PAGE = (HOME / "docs" / "types.md").read_text()
STREAMED = 1000
"""Ids: examples from 0 on come in the snapshot, and again as changes from 1000 on."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PROTOCOL = 5
LIST = re.compile(r"frozen<list<(\w+)>>")
CELL = re.compile(r"(?<!\\)\|")
CODE = re.compile(r"`([^`]*)`")
sys.set_int_max_str_digits(150_000)  # the driver makes an integer of a numeric's digits


@dataclass(frozen=True)
class Type:
    """A type of PostgreSQL that the page has, and the test's column of it."""

    column: str
    sql: str
    cql: str
    untouched: str = ""
    """What becomes of a large value that an update did not touch: kept, null or nothing."""


@dataclass(frozen=True)
class Example:
    """A row of a table of values, with the texts that it has on the page."""

    number: int
    type: Type
    value: str
    streamed: str
    snapshot: str

    def expected(self, row: int) -> str:
        return self.streamed if row >= STREAMED else self.snapshot


@dataclass(frozen=True)
class Examined:
    """A table of PostgreSQL with a column of each type and a row of each example."""

    name: str
    types: tuple[Type, ...]
    examples: tuple[Example, ...]

    def __str__(self) -> str:
        return self.name


def rows_under(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading of the page."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in CELL.split(line)[1:-1]] for line in lines[2:]]


def code(cell: str) -> str:
    """The first piece of code in a table's cell; without one, the cell."""
    found = CODE.search(cell)
    return found[1].replace("\\|", "|") if found else cell


def settings_on_page() -> dict[str, str]:
    return {code(cells[0]): code(cells[1]) for cells in rows_under("Settings of the connector")}


def _matrix() -> Examined:
    types = [
        Type(f"c{number}", code(cells[0]), code(cells[2]), cells[4])
        for number, cells in enumerate(rows_under("The matrix"))
    ]
    return Examined("matrix", tuple(types), _examples(types, rows_under("Values")))


def _instants() -> Examined:
    rows = [[cells[0], *cells[2:]] for cells in rows_under("Timestamps to the microsecond")]
    held = {code(cells[0]): code(cells[1]) for cells in rows_under("Timestamps to the microsecond")}
    types = [Type(f"c{number}", sql, held[sql]) for number, sql in enumerate(held)]
    return Examined("instants", tuple(types), _examples(types, rows))


def _examples(types: list[Type], rows: list[list[str]]) -> tuple[Example, ...]:
    """Of rows with the type, the value, what Cassandra has, and what it has from a snapshot."""
    by_name = {each.sql: each for each in types}
    return tuple(
        Example(
            number,
            by_name[code(name)],
            *(code(cell) for cell in (value, streamed, snapshot or streamed)),
        )
        for number, (name, value, streamed, snapshot) in enumerate(rows)
    )


def _timestamp(token: str) -> int:
    """Milliseconds since 1970, or what ISO 8601 says at UTC."""
    if token.lstrip("-").isdigit():
        return int(token)
    return (datetime.fromisoformat(f"{token}+00:00") - EPOCH) // timedelta(milliseconds=1)


def _day(token: str) -> int:
    """CQL's count of days, in which 1970-01-01 is 2^31."""
    if token.lstrip("-").isdigit():
        return int(token) + 2**31
    return (date.fromisoformat(token) - EPOCH.date()).days + 2**31


def _nanoseconds(token: str) -> int:
    clock = time.fromisoformat(token)
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    return (seconds * 1_000_000 + clock.microsecond) * 1000


_SCALARS: dict[str, tuple[Any, Callable[[str], Any]]] = {
    "boolean": (cqltypes.BooleanType, lambda token: token == "true"),
    "smallint": (cqltypes.ShortType, int),
    "int": (cqltypes.Int32Type, int),
    "bigint": (cqltypes.LongType, int),
    "float": (cqltypes.FloatType, float),
    "double": (cqltypes.DoubleType, float),
    "decimal": (cqltypes.DecimalType, Decimal),
    "text": (cqltypes.UTF8Type, str),
    "blob": (cqltypes.BytesType, lambda token: bytes.fromhex(token.removeprefix("0x"))),
    "uuid": (cqltypes.UUIDType, UUID),
    "date": (cqltypes.SimpleDateType, _day),
    "time": (cqltypes.TimeType, _nanoseconds),
    "timestamp": (cqltypes.TimestampType, _timestamp),
}


def cql_bytes(cql: str, shown: str, printed: str) -> bytes | None:
    """What Cassandra should have of a value that the page shows.

    Args:
        printed: what PostgreSQL prints of it, for which the page has `same`.
    """
    if shown == "null":
        return None
    if element := LIST.fullmatch(cql):
        kind, parse = _SCALARS[element[1]]
        tokens = json.loads(shown, parse_int=str, parse_float=str, parse_constant=str)
        items = [parse(token if isinstance(token, str) else json.dumps(token)) for token in tokens]
        return bytes(cqltypes.ListType.apply_parameters([kind]).to_binary(items, PROTOCOL))
    kind, parse = _SCALARS[cql]
    written = json.loads(shown) if cql == "text" and shown != "same" else shown
    token = printed if shown == "same" else written
    return bytes(kind.to_binary(parse(token), PROTOCOL))


MATRIX = _matrix()
INSTANTS = _instants()
EXAMINED = (MATRIX, INSTANTS)
