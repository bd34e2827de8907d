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


@dataclass(frozen=True, slots=True)
class Cell:
    """A column of the target and the field of the row that fills it."""

    source: str
    column: Column


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The Cassandra table that a PostgreSQL table is replicated to."""

    keyspace: str
    table: str
    partition_key: tuple[Cell, ...]
    clustering_key: tuple[Cell, ...]
    cells: tuple[Cell, ...]
    """All columns, those of the key included."""
    source_key: frozenset[str]
    """Columns of the record's key; another one in the primary key can change within a row's life."""

    @property
    def key(self) -> tuple[Cell, ...]:
        """The primary key: partition key, then clustering columns."""
        return self.partition_key + self.clustering_key

    @property
    def moves(self) -> bool:
        """Whether an update can move a row to another place in Cassandra."""
        return any(cell.source not in self.source_key for cell in self.key)


@dataclass(frozen=True, slots=True)
class Upsert:
    """Write a row; `values` has one entry for each of `target.cells`, None for a null."""

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


def mutations_of(
    change: Change, key: Mapping[str, Any], target: Target, stamp: int
) -> tuple[Mutation, ...]:
    """The mutations for a change of one row: one, or two where it moves the row.

    A changed primary key of PostgreSQL needs nothing here: Debezium sends it as a delete of the old
    key and a create of the new one.

    Args:
        key: the record's key; only read for a delete.

    Raises:
        Unmappable: a value has no place in its CQL type, the operation is not one of a row, or the
            before image lacks a column of the primary key.
    """
    if change.op is Op.DELETE:
        row = _before(change, target) if target.moves else key
        return (Delete(target, _key(target, row), stamp),)
    if not change.writes_row or change.after is None:
        raise Unmappable(f"op={change.op} is not a change of one row")
    after = change.after
    if not (target.moves and change.op is Op.UPDATE):
        return (_upsert(target, after, stamp),)
    before = _before(change, target)
    old = _key(target, before)
    # Elsewhere in Cassandra the untouched TOASTed values are not there yet: the before image has them.
    known = {
        cell.source: before[cell.source]
        for cell in target.cells
        if cell.column.is_unavailable(after[cell.source])
    }
    moved = {**after, **known}
    if old == _key(target, moved):
        return (_upsert(target, after, stamp),)
    return Delete(target, old, stamp), _upsert(target, moved, stamp)


def unknown_of_new_row(change: Change, target: Target) -> tuple[str, ...]:
    """Columns whose value a new row's event does not tell.

    PostgreSQL logs no unchanged TOASTed value with a changed primary key, unless the table has
    REPLICA IDENTITY FULL; so the create that Debezium makes of it lacks them.
    """
    if change.op is not Op.CREATE or change.after is None:
        return ()
    after = change.after
    return tuple(c.source for c in target.cells if c.column.is_unavailable(after[c.source]))


def _before(change: Change, target: Target) -> Mapping[str, Any]:
    before = change.before or {}
    if lacking := [c.source for c in target.key if before.get(c.source) is None]:
        raise Unmappable(
            f"the before image lacks {', '.join(lacking)}, which the primary key of"
            f" {target.keyspace}.{target.table} needs. Run in PostgreSQL:"
            f" ALTER TABLE {change.schema}.{change.table} REPLICA IDENTITY FULL"
        )
    return before


def _key(target: Target, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_converted(cell.column, row[cell.source]) for cell in target.key)


def _upsert(target: Target, row: Mapping[str, Any], stamp: int) -> Upsert:
    return Upsert(target, tuple(_value(c.column, row[c.source]) for c in target.cells), stamp)


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.is_unavailable(value):
        return UNKNOWN
    return _converted(column, value)


def _converted(column: Column, value: Any) -> Any:
    try:
        return column.convert(value)
    except (ValueError, TypeError, ArithmeticError, KeyError, AttributeError) as error:
        raise Unmappable(
            f"column {column.name}: {value!r} does not fit {column.cql_type}: {error}"
        ) from error
