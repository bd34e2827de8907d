"""The runs of `walflow verify`, kept below the run folder for whoever wants to look at them."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from walflow.history import History
from walflow.readings.reading import DifferentCell, DifferentRow, Verified, VerifiedTable
from walflow.settings import Settings
from walflow.text import shortened
from walflow.verify.results import Difference, Kind, TableResult

KEPT = 50
MAX_DIFFERENCES = 20
"""Of a table; its counts tell of all."""
MAX_VALUE = 200
"""Characters."""


def note(settings: Settings, results: Sequence[TableResult], is_partial: bool) -> None:
    """Keep what a run has found.

    Args:
        is_partial: whether only some rows were compared.

    Raises:
        OSError: the file cannot be written.
    """
    seconds = sum(result.seconds for result in results)
    tables = tuple(_table(result) for result in results)
    _history(settings).append(asdict(Verified(time.time() * 1000, seconds, is_partial, tables)))


def runs(settings: Settings, last: int = KEPT) -> list[Verified]:
    """The newest runs, oldest first."""
    return [run for entry in _history(settings).entries(last) if (run := _verified(entry))]


def last_verified(settings: Settings) -> Verified | None:
    """The newest run; None: there was none."""
    entry = _history(settings).last()
    return None if entry is None else _verified(entry)


def _history(settings: Settings) -> History:
    return History(settings.run_dir / "verify.jsonl", KEPT)


def _table(result: TableResult) -> VerifiedTable:
    counts = result.counts
    return VerifiedTable(
        table=result.table,
        verdict=result.verdict.value,
        rows=result.source_rows,
        missing=counts[Kind.MISSING],
        different=counts[Kind.DIFFERENT],
        extra=counts[Kind.EXTRA],
        note=result.unknown or "",
        differences=tuple(_row(found) for found in result.differences[:MAX_DIFFERENCES]),
    )


def _row(difference: Difference) -> DifferentRow:
    return DifferentRow(
        difference.kind.value,
        ", ".join(f"{cell.column}={cell.value}" for cell in difference.key),
        tuple(
            DifferentCell(cell.column, _short(cell.source), _short(cell.target))
            for cell in difference.columns
        ),
    )


def _short(value: str | None) -> str | None:
    return None if value is None else shortened(value, MAX_VALUE)


def _verified(entry: dict[str, Any]) -> Verified | None:
    """None for an entry of another version's form."""
    try:
        return Verified(**{**entry, "tables": tuple(map(_table_of, entry["tables"]))})
    except (KeyError, TypeError):
        return None


def _table_of(entry: dict[str, Any]) -> VerifiedTable:
    return VerifiedTable(
        **{**entry, "differences": tuple(_row_of(row) for row in entry["differences"])}
    )


def _row_of(entry: dict[str, Any]) -> DifferentRow:
    columns = tuple(DifferentCell(**cell) for cell in entry["columns"])
    return DifferentRow(entry["kind"], entry["key"], columns)
