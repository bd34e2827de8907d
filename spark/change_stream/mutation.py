"""What a change does to a Cassandra table, before any driver is involved."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from change_stream.change import Change, Op
from change_stream.columns import Column, Unmappable


class Unknown(Enum):
    """The value of a cell that a change does not tell: the cell is left as it is."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The Cassandra table that a PostgreSQL table is replicated to."""

    keyspace: str
    table: str
    key: tuple[Column, ...]
    columns: tuple[Column, ...]
    """All columns, those of the key included."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """Write a row; `values` has one entry for each of `target.columns`, None for a null."""

    target: Target
    values: tuple[Any, ...]
    stamp: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a row; `key` has one entry for each of `target.key`."""

    target: Target
    key: tuple[Any, ...]
    stamp: int


Mutation = Upsert | Delete


def mutation_of(change: Change, key: Mapping[str, Any], target: Target, stamp: int) -> Mutation:
    """The mutation for a change of one row.

    A changed primary key needs nothing here: Debezium sends it as a delete of the old key and a
    create of the new one.

    Raises:
        Unmappable: a value has no place in its CQL type, or the operation is not one of a row.
    """
    if change.op is Op.DELETE:
        return Delete(target, tuple(_converted(c, key[c.name]) for c in target.key), stamp)
    if not change.writes_row or change.after is None:
        raise Unmappable(f"op={change.op} is not a change of one row")
    row = change.after
    return Upsert(target, tuple(_cell(c, row[c.name]) for c in target.columns), stamp)


def _cell(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.is_unavailable(value):
        return UNKNOWN
    return _converted(column, value)


def _converted(column: Column, value: Any) -> Any:
    try:
        return column.convert(value)
    except (ValueError, TypeError, ArithmeticError, KeyError) as error:
        raise Unmappable(
            f"column {column.name}: {value!r} does not fit {column.cql_type}: {error}"
        ) from error
