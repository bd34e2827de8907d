"""Rows that were found, looked at again: only what still differs is touched."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from walflow.repair.plan import SHOWN, Action, Step, key_of, step_for
from walflow.settings import Settings
from walflow.tables import TableRules, topic_of
from walflow.verify import target
from walflow.verify.barrier import Barrier
from walflow.verify.catalog import SourceTable
from walflow.verify.describing import described
from walflow.verify.plan import plan
from walflow.verify.results import Difference, Kind
from walflow.verify.settling import Settling
from walflow.verify.source import SourceRows
from walflow.verify.spool import RecordFile

CHUNK = 1000
_READ, _DELETE = b"r", b"d"


@dataclass(slots=True)
class StillDifferent:
    """The rows that a check found."""

    rows: RecordFile
    """The keys of those that can be mended, each with what is to be done about it."""
    epoch_us: int
    """Of the generation that is in force."""
    counts: dict[Action, int] = field(default_factory=lambda: dict.fromkeys(Action, 0))
    hidden: int = 0
    """How many look as if something lay on them whose write time Cassandra does not tell."""
    newest_write: int = 0
    """Microseconds since 1970; 0 where none is known."""
    steps: list[Step] = field(default_factory=list)
    """The first of them."""

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def add(self, difference: Difference) -> None:
        step = step_for(difference)
        self.counts[step.action] += 1
        if len(self.steps) < SHOWN:
            self.steps.append(step)
        if step.action is Action.LEAVE:
            return
        self.rows.add(key_of(difference), _DELETE if step.action is Action.DELETE else _READ)
        self.hidden += looks_hidden(difference, self.epoch_us)
        self.newest_write = max(self.newest_write, difference.newest_write or 0)

    def chunks(self) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """The keys of rows to be read again and of rows to be deleted, some at a time."""
        for chunk in self.rows.chunks(CHUNK):
            yield (
                [key for key, action in chunk if action == _READ],
                [key for key, action in chunk if action == _DELETE],
            )


def looks_hidden(difference: Difference, epoch_us: int) -> bool:
    """Whether a tombstone or a row marker could be what differs: Cassandra tells no times of these.

    Args:
        epoch_us: of the generation by which the row was read again or deleted.
    """
    match difference.kind:
        case Kind.DIFFERENT:
            return all(column.target is None for column in difference.columns)
        case Kind.EXTRA:
            return (difference.newest_write or 0) < epoch_us
        case Kind.MISSING:
            return True


class Check:
    """Looks at rows of one table by their keys, on both sides and with the barrier."""

    def __init__(
        self,
        settings: Settings,
        cursor: Any,
        session: Session,
        source: SourceTable,
        directory: Path,
        barrier_seconds: float,
        show: Callable[[str], None],
    ) -> None:
        """
        Args:
            cursor, session: those of `verify.source.connected` and `verify.target.connected`.
            directory: for the keys; of this table alone.

        Raises:
            CannotTell: the table cannot be compared.
        """
        rule = TableRules.of(settings).rule(source.schema, source.name)
        # The table may have got columns since the session was opened.
        session.cluster.refresh_table_metadata(rule.keyspace, rule.table)
        self._plan = plan(source, rule, target.table_of(session, rule.keyspace, rule.table))
        self._source = SourceRows(self._plan, cursor)
        self._directory = directory
        self._checks = 0
        self.topic = topic_of(settings.topics.prefix, source.schema, source.name)
        self.keyspace, self.table = rule.keyspace, rule.table
        self._settling = Settling(
            self._source,
            target.TargetRows(self._plan, session),
            Barrier(settings, session, self.topic, barrier_seconds),
            directory,
            lambda _, what: show(what),
        )

    def still_different(self, rows: RecordFile, epoch_us: int) -> StillDifferent:
        """Those of the rows that differ, proven as verify proves it.

        Args:
            epoch_us: of the generation that is in force.

        Raises:
            CannotTell: a side does not answer, or the stream stands still.
        """
        self._checks += 1
        with RecordFile(self._directory / f"open-{self._checks}", len(_READ)) as keys:
            found = StillDifferent(keys, epoch_us)
            for row in self._settling.differences(rows):
                found.add(described(self._plan, row))
        return found

    def absent(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those of the keys with which PostgreSQL has no row at this moment."""
        present = self._source.versions(keys) if keys else {}
        return [key for key in keys if key not in present]

    def key_literals(self, keys: Sequence[bytes]) -> list[tuple[str, ...]]:
        """Of the rows that PostgreSQL has with these keys, the values of its own key as SQL."""
        return self._source.key_literals(keys) if keys else []
