"""What is shown while a snapshot is waited for."""

import io

import pytest
from rich.console import Console

from walflow.cli.reading import Reading, counted, described
from walflow.snapshots.reading import Progress


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress("waiting for the connector to begin"), "waiting for the connector to begin"),
        (Progress("reading", 3, "[7]", "[99]"), "reading, 3 chunks, up to key [7] of [99]"),
        (Progress("waiting", 3, "[99]", "[99]", rows=99), "99 rows read, waiting"),
    ],
)
def test_progress_is_told_in_a_line(progress: Progress, expected: str) -> None:
    assert described(progress) == expected


@pytest.mark.parametrize(("rows", "expected"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows")])
def test_rows_are_counted_in_words(rows: int, expected: str) -> None:
    assert counted(rows) == expected


def test_where_there_is_no_terminal_each_stage_is_a_line() -> None:
    written = io.StringIO()
    with Reading(Console(file=written, width=200), "snapshot of a [b]") as reading:
        reading.show(Progress("reading", 1, "[1]", "[9]"))
        reading.show(Progress("reading", 2, "[9]", "[9]"))
        reading.show(Progress("waiting", rows=9))
    assert written.getvalue() == (
        "snapshot of a [b]: reading\nsnapshot of a [b]: 9 rows read, waiting\n"
    )
