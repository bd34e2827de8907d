"""The screen of a reading, as text."""

from dataclasses import replace

import pytest
from rich.console import Console

from tests.unit.readings import NOW, SOURCE, STREAM, healthy
from walflow.cli.pipeline import screen
from walflow.readings.judging import judged
from walflow.readings.reading import CountsFailure, Ingest, Reading, User

ADA, BOB = User("1", "ada", "Ada Lovelace", 8), User("2", None, "Bob Ross", 7)


def shown(reading: Reading) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(screen(reading))
    return capture.get()


@pytest.mark.parametrize(
    ("is_exact", "told"),
    [
        (True, "newest users: ada, Bob Ross"),
        (False, "newest users in the table's last pages: ada, Bob Ross"),
    ],
)
def test_newest_users_are_told_for_what_they_are(is_exact: bool, told: str) -> None:
    ingest = Ingest(SOURCE.ingest.writes, (ADA, BOB), is_exact)
    assert told in shown(replace(healthy(), source=replace(SOURCE, ingest=ingest)))


def test_counts_that_are_not_kept_are_on_the_screen() -> None:
    stream = replace(STREAM, counts_failure=CountsFailure(NOW - 180_000, "no column area"))
    told = shown(judged(replace(healthy(), stream=stream)))
    assert "counts: not kept for 3.0 min" in told
    assert "not healthy" in told
    assert "counts: " not in shown(healthy())
