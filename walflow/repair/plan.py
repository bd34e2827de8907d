"""What repair would do: the rows that verify found, and those of them that cannot be mended."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from walflow.repair.generation import TOO_HIGH_US
from walflow.repair.reading import reads_whole_table
from walflow.verify.catalog import SourceTable
from walflow.verify.comparison import Choice, Comparison
from walflow.verify.results import Difference, Kind, TableResult
from walflow.verify.rows import field as row_field
from walflow.verify.spool import RecordFile

SHOWN = 100
"""How many rows of a table a plan keeps to be printed; all are counted and mended."""


class Action(StrEnum):
    """What is done about a row."""

    READ = "read again"
    """PostgreSQL has it: it comes through the pipeline once more."""
    DELETE = "delete"
    """PostgreSQL does not have it."""
    LEAVE = "leave"
    """It cannot be mended."""


@dataclass(frozen=True, slots=True)
class Step:
    """A row and what is done about it."""

    action: Action
    difference: Difference
    why: str
    """Of a row that is left: what keeps it from being mended."""

    def as_dict(self) -> dict[str, Any]:
        why = {"why": self.why} if self.why else {}
        return {"action": self.action.value, **self.difference.as_dict(), **why}


@dataclass(slots=True)
class TablePlan:
    """What is done about the rows of one table."""

    source: SourceTable
    rows: RecordFile
    """The keys of those that are mended."""
    result: TableResult = field(default_factory=lambda: TableResult(""))
    counts: dict[Action, int] = field(default_factory=lambda: dict.fromkeys(Action, 0))
    steps: list[Step] = field(default_factory=list)
    """The first of them."""
    newest_write: int = 0
    """Newest write time among those that are mended, microseconds since 1970; 0 where none is known."""

    @property
    def table(self) -> str:
        return self.source.full_name

    @property
    def has_work(self) -> bool:
        return self.rows.count > 0

    @property
    def table_rows(self) -> int | None:
        """How many rows PostgreSQL has; None where only picked ones were looked at."""
        return None if self.result.target_rows is None else self.result.source_rows

    @property
    def reads_whole_table(self) -> bool:
        return reads_whole_table(self.counts[Action.READ], self.table_rows)

    def add(self, difference: Difference) -> None:
        """Take in a row that verify found; `rows` has to be open."""
        step = step_for(difference)
        self.counts[step.action] += 1
        if len(self.steps) < SHOWN:
            self.steps.append(step)
        if step.action is not Action.LEAVE:
            self.rows.add(key_of(difference))
            self.newest_write = max(self.newest_write, difference.newest_write or 0)

    def as_dict(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "target": self.result.target,
            "read_again": self.counts[Action.READ],
            "delete": self.counts[Action.DELETE],
            "leave": self.counts[Action.LEAVE],
            "reads_whole_table": self.reads_whole_table,
            "newest_write_us": self.newest_write or None,
            "steps": [step.as_dict() for step in self.steps],
            "unknown": self.result.unknown,
        }


def plans(
    comparison: Comparison, names: Iterable[str], choice: Choice, directory: Path
) -> list[TablePlan]:
    """Compare tables and plan what is done about each.

    Args:
        directory: for the keys of the rows.

    Raises:
        WalflowError: there is no such table.
    """
    return [
        _plan(comparison, source, choice, directory / f"plan-{number}")
        for number, source in enumerate(comparison.tables(list(names)))
    ]


def _plan(comparison: Comparison, source: SourceTable, choice: Choice, path: Path) -> TablePlan:
    with RecordFile(path, 0) as rows:
        planned = TablePlan(source, rows)
        planned.result = comparison.compare(source, choice, planned.add, limit=0)
    return planned


def step_for(difference: Difference) -> Step:
    """What is done about a row."""
    if not difference.is_representable:
        why = "PostgreSQL's value has no place in the CQL type: its record becomes a dead letter"
        return Step(Action.LEAVE, difference, why)
    if (difference.newest_write or 0) >= TOO_HIGH_US:
        why = f"its write time, {difference.newest_write}, is too high to be outbid"
        return Step(Action.LEAVE, difference, why)
    action = Action.DELETE if difference.kind is Kind.EXTRA else Action.READ
    return Step(action, difference, "")


def key_of(difference: Difference) -> bytes:
    """The row's key in the form of `verify.rows`."""
    return b"".join(row_field(value) for value in difference.target_key)
