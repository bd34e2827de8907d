"""How far a task has applied, as it is told to others."""

import threading
from collections.abc import Callable
from typing import Any

from change_stream.marks import Mark
from change_stream.progress import Progress
from change_stream.record import Record


class _Session:
    """Notes the rows that are written."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.written = threading.Condition()

    def prepare(self, statement: str) -> str:
        return statement

    def execute_async(self, _: str, row: tuple[Any, ...]) -> None:
        with self.written:
            self.rows.append(row)
            self.written.notify_all()

    def wait(self, count: int) -> None:
        with self.written:
            assert self.written.wait_for(lambda: len(self.rows) >= count, 10)


def _progress(
    session: _Session,
    committed_us: Callable[[Record], int | None] = lambda _: None,
    mark_of: Callable[[Record], Mark | None] = lambda _: None,
) -> Progress:
    return Progress(session, committed_us, mark_of)


def _record(offset: int) -> Record:
    return Record("t", 1, offset, 5000 + offset, b"k", b"v")


def test_the_first_change_is_told_at_once_and_those_behind_it_once_an_interval() -> None:
    session = _Session()
    progress = _progress(session, lambda record: record.offset * 1000)
    for offset in range(100):
        progress.applied(_record(offset))
        if offset == 0:
            session.wait(1)
    session.wait(2)
    assert [row[:5] for row in session.rows] == [("t", 1, 0, 5000, 0), ("t", 1, 99, 5099, 99)]


def test_the_commit_is_asked_for_the_records_that_are_told_only() -> None:
    asked: list[int] = []

    def committed_us(record: Record) -> None:
        asked.append(record.offset)

    session = _Session()
    progress = _progress(session, committed_us)
    progress.applied(_record(0))
    session.wait(1)
    for offset in range(1, 50):
        progress.applied(_record(offset))
    progress.report()
    session.wait(2)
    assert asked == [0, 49]
    assert session.rows[-1][4] is None


def test_what_is_told_carries_the_mark_or_takes_away_the_one_before() -> None:
    marks = {0: Mark("batch", 1000), 1: None}
    session = _Session()
    progress = _progress(session, mark_of=lambda record: marks[record.offset])
    for offset in marks:
        progress.applied(_record(offset))
        progress.report()
    assert [row[6] for row in session.rows] == [Mark("batch", 1000), None]


def test_an_end_without_news_writes_nothing() -> None:
    session = _Session()
    _progress(session).report()
    assert session.rows == []
