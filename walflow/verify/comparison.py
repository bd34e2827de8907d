"""Verify: a captured table of PostgreSQL against its target in Cassandra."""

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from walflow.aggregates import Aggregate
from walflow.errors import WalflowError
from walflow.settings import Settings
from walflow.tables import TableRules, topic_of
from walflow.verify import source, target
from walflow.verify.barrier import Barrier
from walflow.verify.catalog import SourceTable, captured_tables
from walflow.verify.counts import CountsComparison
from walflow.verify.describing import described
from walflow.verify.plan import CannotTell, Plan, plan
from walflow.verify.results import Difference, TableResult
from walflow.verify.scanning import Job, Progress, Scanners
from walflow.verify.settling import Settling
from walflow.verify.spool import RecordFile, buckets_for, differing_keys

BARRIER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are compared: all, or those that one of these picks."""

    where: str | None = None
    """An SQL condition on PostgreSQL's rows."""
    keys: tuple[str, ...] = ()
    """A row's key each: its value, or the values of a composite key as a JSON array."""
    sample: float | None = None
    """Percent of the rows: those in a stretch of the token ring that begins at random."""


@dataclass(frozen=True)
class Events:
    """What a caller may want to show while a table is compared."""

    scanning: Callable[[SourceTable, Progress], None] = lambda *_: None
    settling: Callable[[SourceTable, int, str], None] = lambda *_: None
    """Table, how many rows are looked at again, and what is being done."""
    counting: Callable[[Aggregate, int, str], None] = lambda *_: None
    """Aggregate, how many groups are looked at again, and what is being done."""


class Comparison:
    """Both sides connected; tables are compared one after the other.

    Args:
        barrier_seconds: how long to wait, each time, until the stream has applied what PostgreSQL had
            committed.
    """

    def __init__(
        self,
        settings: Settings,
        cursor: Any,
        session: Session,
        scanners: Scanners,
        events: Events,
        barrier_seconds: float = BARRIER_SECONDS,
    ) -> None:
        self._settings = settings
        self._cursor = cursor
        self._session = session
        self._scanners = scanners
        self._events = events
        self._barrier_seconds = barrier_seconds
        self._rules = TableRules.of(settings)

    def tables(self, names: Sequence[str]) -> list[SourceTable]:
        """The captured tables, or of them those that are named.

        Raises:
            WalflowError: there is no such table.
        """
        with source.failures_told():
            return captured_tables(self._cursor, names)

    def compare_counts(self, aggregate: Aggregate, limit: int = 100) -> TableResult:
        """Compare an aggregate, group by group; whatever goes wrong is in the result.

        Args:
            limit: how many differences the result keeps.
        """
        return CountsComparison(
            self._settings,
            self._cursor,
            self._session,
            aggregate,
            self._barrier_seconds,
            lambda left, what: self._events.counting(aggregate, left, what),
        ).compare(limit)

    def compare(
        self,
        table: SourceTable,
        choice: Choice,
        found: Callable[[Difference], None] = lambda _: None,
        limit: int = 100,
    ) -> TableResult:
        """Compare a table; whatever goes wrong is in the result.

        Args:
            found: called with every difference.
            limit: how many of them the result keeps.
        """
        result = TableResult(table.full_name)
        began = time.monotonic()
        try:
            with source.failures_told(), target.failures_told(), self._directory() as directory:
                for difference in self._differences(table, choice, directory, result):
                    result.add(difference, limit)
                    found(difference)
        except WalflowError as error:
            result.unknown = error.sentence
        result.seconds = time.monotonic() - began
        return result

    def _differences(
        self, table: SourceTable, choice: Choice, directory: Path, result: TableResult
    ) -> Iterator[Difference]:
        rule = self._rules.rule(table.schema, table.name)
        result.target = f"{rule.keyspace}.{rule.table}"
        planned = plan(table, rule, target.table_of(self._session, rule.keyspace, rule.table))
        result.notes += planned.notes
        rows = source.SourceRows(planned, self._cursor)
        settling = Settling(
            rows,
            target.TargetRows(planned, self._session),
            Barrier(
                self._settings,
                self._session,
                topic_of(self._settings.topics.prefix, table.schema, table.name),
                self._barrier_seconds,
            ),
            directory,
            lambda left, what: self._events.settling(table, left, what),
        )
        suspects = self._suspects(planned, choice, rows, directory, result)
        for row in settling.differences(suspects):
            yield described(planned, row)

    def _suspects(
        self,
        planned: Plan,
        choice: Choice,
        rows: source.SourceRows,
        directory: Path,
        result: TableResult,
    ) -> RecordFile:
        """The keys to look at closely: all that were picked, or those on which the scans differ."""
        with RecordFile(directory / "picked", 0) as suspects:
            if choice.keys:
                for key in rows.given_keys(
                    [given_values(planned.source, text) for text in choice.keys]
                ):
                    suspects.add(key)
            elif choice.where is not None:
                rows.keys_where(choice.where, suspects.add)
                result.notes.append(
                    "Extra rows were not looked for: --where picks rows of PostgreSQL."
                )
            else:
                for key in self._differing(planned, _arc(choice), directory, result):
                    suspects.add(key)
                return suspects
        result.source_rows = suspects.count
        return suspects

    def _differing(
        self, planned: Plan, arc: target.Arc, directory: Path, result: TableResult
    ) -> Iterator[bytes]:
        buckets = buckets_for(planned.source.heap_bytes)
        jobs = [
            Job(self._settings, planned, arc, directory / side, buckets)
            for side in ("source", "target")
        ]
        result.source_rows, result.target_rows = self._scanners.scan(
            jobs[0], jobs[1], lambda progress: self._events.scanning(planned.source, progress)
        )
        yield from differing_keys(jobs[0].directory, jobs[1].directory, buckets)

    @contextmanager
    def _directory(self) -> Iterator[Path]:
        """For spools: on the disk of the stack's data, since /tmp may be memory."""
        parent = self._settings.run_dir
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="verify-", dir=parent) as directory:
                yield Path(directory)
        except OSError as error:
            raise CannotTell(f"Rows could not be spooled below {parent}: {error}.") from error


@contextmanager
def opened(
    settings: Settings, events: Events, barrier_seconds: float = BARRIER_SECONDS
) -> Iterator[Comparison]:
    """A comparison with connections of its own.

    Raises:
        WalflowError: a side is not reachable.
    """
    with (
        source.connected(settings) as cursor,
        target.connected(settings) as session,
        Scanners() as scanners,
    ):
        yield Comparison(settings, cursor, session, scanners, events, barrier_seconds)


def _arc(choice: Choice) -> target.Arc:
    if choice.sample is None:
        return target.Arc()
    start = random.randrange(target.MIN_TOKEN, target.MAX_TOKEN)
    return target.Arc(start, int(target.RING * choice.sample / 100))


def given_values(source: SourceTable, text: str) -> list[str]:
    """The values of a key as the command line gives it.

    Raises:
        CannotTell: a composite key that is no JSON array of its values.
    """
    if len(source.key) == 1:
        return [text]
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, list) or len(given) != len(source.key):
        raise CannotTell(
            f"{text}: the key of {source.full_name} is ({', '.join(source.key)}). Give it as"
            f' a JSON array of {len(source.key)} values, for example ["DE", 17].'
        )
    return [value if isinstance(value, str) else json.dumps(value) for value in given]
