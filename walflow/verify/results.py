"""What a comparison found: differences as values, and what became of each table."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What is wrong with a row of the target."""

    MISSING = "missing"
    """PostgreSQL has the row, Cassandra does not."""
    DIFFERENT = "different"
    """Both have it, and at least one column differs."""
    EXTRA = "extra"
    """Cassandra has the row, PostgreSQL does not."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A column's name and value, in the way in which CQL shows values; None is a null."""

    column: str
    value: str | None


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """A column whose values differ, both shown as values of the target's type; None is a null."""

    column: str
    """Name in PostgreSQL."""
    target_column: str
    source: str | None
    target: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not the same on both sides."""

    table: str
    """`schema.table` in PostgreSQL."""
    kind: Kind
    key: tuple[Cell, ...]
    """The target's primary key, its columns by their names in PostgreSQL."""
    target_key: tuple[bytes, ...]
    """The same as Cassandra's bytes, in the order of the target's primary key."""
    columns: tuple[ColumnDifference, ...] = ()
    """Of a different row, the columns that differ."""
    newest_write: int | None = None
    """Newest write time among the row's cells in Cassandra, microseconds since 1970; None where there
    is no such row or no cell with a value."""
    is_representable: bool = True
    """Whether Cassandra can hold what PostgreSQL has."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "key": {cell.column: cell.value for cell in self.key},
            "columns": {
                column.column: {"postgresql": column.source, "cassandra": column.target}
                for column in self.columns
            },
        }


class Verdict(StrEnum):
    EQUAL = "equal"
    DIFFERENT = "different"
    UNKNOWN = "could not tell"


@dataclass(slots=True)
class TableResult:
    """What became of one table."""

    table: str
    target: str = ""
    """`keyspace.table` in Cassandra; empty where it is not known."""
    source_rows: int = 0
    """Rows read from PostgreSQL; of rows picked by key, how many were picked."""
    target_rows: int | None = None
    """Rows read from Cassandra; None where only picked keys were looked up."""
    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    """Every difference, also those that are not kept."""
    differences: list[Difference] = field(default_factory=list)
    """The first of them, up to the limit."""
    notes: list[str] = field(default_factory=list)
    """Sentences about what was not compared."""
    unknown: str | None = None
    """Why it could not be told, where it could not."""
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """A difference that was found stands, even if the rest could not be told."""
        if any(self.counts.values()):
            return Verdict.DIFFERENT
        return Verdict.EQUAL if self.unknown is None else Verdict.UNKNOWN

    def add(self, difference: Difference, limit: int) -> None:
        self.counts[difference.kind] += 1
        if len(self.differences) < limit:
            self.differences.append(difference)

    def as_dict(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "target": self.target,
            "verdict": self.verdict.value,
            "source_rows": self.source_rows,
            "target_rows": self.target_rows,
            **{kind.value: self.counts[kind] for kind in Kind},
            "differences": [difference.as_dict() for difference in self.differences],
            "notes": self.notes,
            "unknown": self.unknown,
            "seconds": round(self.seconds, 1),
        }
