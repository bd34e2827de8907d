"""Mending the rows of one table; docs/repair.md says why no concurrent change is lost.

Cassandra does not tell the write time of a tombstone or of a row's marker. Where a row does not show
although it was written, or does not go although it was deleted, something with a time in the future may
lie on it; then the generation is raised further and further, up to the highest that there can be.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from change_stream.stamps import Generation
from walflow.advice import ticked
from walflow.deadletters.topic import DeadLetterTopic
from walflow.repair.checking import Check, StillDifferent
from walflow.repair.deleting import RowDeleter
from walflow.repair.generation import FURTHEST_US, TopicGenerations
from walflow.repair.plan import Action, Step, TablePlan
from walflow.repair.reading import read_rows, reads_whole_table
from walflow.settings import Settings
from walflow.snapshots.reading import Progress, read_again
from walflow.verify import source, target
from walflow.verify.rows import values
from walflow.verify.spool import RecordFile

YEAR_US = 366 * 86_400_000_000
REACHES_US = (YEAR_US, 100 * YEAR_US, FURTHEST_US)
"""How far into the future a hidden write time is looked for, after the present time did not do."""

Show = Callable[[str], None]


@dataclass(slots=True)
class Mended:
    """What became of a table's rows."""

    generation: int = 0
    read: int = 0
    """Rows that PostgreSQL gave; a row that had to be read twice counts twice."""
    deleted: int = 0
    left: int = 0
    """Rows that still differ."""
    steps: list[Step] = field(default_factory=list)
    """The first of these."""
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "generation": self.generation or None,
            "read_again": self.read,
            "deleted": self.deleted,
            "still_different": self.left,
            "steps": [step.as_dict() for step in self.steps],
            "notes": self.notes,
        }


class Mending:
    """Mends what a plan names of one table."""

    def __init__(
        self,
        settings: Settings,
        session: Session,
        check: Check,
        planned: TablePlan,
        show: Show,
    ) -> None:
        """
        Args:
            session: with the consistency of the stream's.
        """
        self._settings = settings
        self._check = check
        self._planned = planned
        self._show = show
        self._generations = TopicGenerations(settings, session, check.topic, show)
        self._deleter = RowDeleter(settings, session, check.keyspace, check.table)
        self._topic = check.topic
        self.mended = Mended()

    def mend(self) -> Mended:
        """Mend the rows and look at them again until none differs or nothing more can be done.

        Raises:
            WalflowError: a server does not do its part; it can be repeated.
        """
        first = generation = self._raise(self._planned.newest_write, 0)
        self._show("looking at the rows again")
        found = self._act(self._still_different(self._planned.rows, generation), generation)
        reaches = [us for us in REACHES_US if _now_us() + us > generation.epoch_us]
        may_be_stale = True
        while found.rows.count:
            reach = 0
            if found.hidden:
                if not reaches or self._has_new_dead_letters(first):
                    break
                reach = reaches.pop(0)
                self._show("looking for a write time in the future")
            elif not may_be_stale:
                break
            # A row that was read just before a commit became visible is stale; the next time it is not.
            may_be_stale = False
            generation = self._raise(found.newest_write, reach)
            found = self._act(found, generation)
        self.mended.left = found.count
        self.mended.steps = found.steps
        return self.mended

    def _raise(self, write_time: int, reach_us: int) -> Generation:
        generation = self._generations.raise_above(write_time, reach_us)
        self.mended.generation = generation.number
        return generation

    def _act(self, found: StillDifferent, generation: Generation) -> StillDifferent:
        """Delete and read again; returns what differs after that."""
        if not found.rows.count:
            return found
        reads_all = reads_whole_table(found.counts[Action.READ], self._planned.table_rows)
        for to_read, to_delete in found.chunks():
            self._delete(to_delete, generation)
            if not reads_all:
                literals = self._check.key_literals(to_read)
                self.mended.read += read_rows(
                    self._settings, self._planned.source, literals, self._show_reading
                )
        if reads_all:
            self.mended.read += read_again(
                self._settings, self._planned.table, show=self._show_reading
            )
        self._show("looking at the rows again")
        return self._still_different(found.rows, generation)

    def _delete(self, keys: Sequence[bytes], generation: Generation) -> None:
        """Delete the rows that PostgreSQL does not have, now that the generation is in force.

        Whatever makes one of them come back is committed later, stamped above this, and stays.
        """
        absent = self._check.absent(keys)
        write_time = generation.epoch_us - 1
        self._deleter.delete((values(key), write_time) for key in absent)
        self.mended.deleted += len(absent)

    def _still_different(self, rows: RecordFile, generation: Generation) -> StillDifferent:
        return self._check.still_different(rows, generation.epoch_us)

    def _show_reading(self, progress: Progress) -> None:
        self._show(f"reading again: {progress.stage}")

    def _has_new_dead_letters(self, since: Generation) -> bool:
        """Whether a record that was read again may have become one: no generation would help it."""
        with DeadLetterTopic(self._settings) as topic:
            letters = itertools.chain.from_iterable(topic.chunks())
            records = [stored.letter.record for stored in letters]
        count = sum(
            record.topic == self._topic
            and record.offset >= since.first_offsets.get(record.partition, 0)
            for record in records
        )
        if count:
            self.mended.notes.append(
                f"{count} records of {self._topic} became dead letters meanwhile; see"
                f" {ticked('deadletters list')}."
            )
        return count > 0


def _now_us() -> int:
    return time.time_ns() // 1000


def mend(
    settings: Settings,
    session: Session,
    planned: TablePlan,
    directory: Path,
    barrier_seconds: float,
    show: Show,
) -> Mended:
    """Mend the rows of one table.

    Args:
        session: with the consistency of the stream's.
        directory: for keys; of this table alone.
        barrier_seconds: how long to wait, each time, until the stream has applied what was committed.

    Raises:
        WalflowError: a server does not do its part; it can be repeated.
    """
    with ExitStack() as stack:
        cursor = stack.enter_context(source.connected(settings))
        raw = stack.enter_context(target.connected(settings))
        stack.enter_context(target.failures_told())
        directory.mkdir()
        check = Check(settings, cursor, raw, planned.source, directory, barrier_seconds, show)
        return Mending(settings, session, check, planned, show).mend()
