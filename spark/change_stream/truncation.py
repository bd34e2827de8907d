"""TRUNCATE: nothing older survives, and everything newer does, whatever was applied first.

Its event has no key, so its place among the records of other partitions is not told by offsets. It is
told by `source.lsn`: TRUNCATE holds an ACCESS EXCLUSIVE lock until its commit (PostgreSQL
documentation, "Explicit Locking"), so every change of the table has committed before it was logged or
is logged after it. Against a TRUNCATE, and only there, LSN order is commit order.

A TRUNCATE opens a generation of its topic that begins, in each partition, at the first newer record.
Tasks that run at that moment still stamp by the generation before. So the query is asked to start
again: from then on everything newer is stamped by the new generation; what had been applied of it is
applied once more by the new stamps; and every row of the table is deleted just below its epoch.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator

from cassandra.cluster import Session
from cassandra.metadata import TableMetadata, maybe_escape_name
from cassandra.query import BoundStatement, SimpleStatement

from change_stream.change import Change
from change_stream.columns import Unmappable
from change_stream.generations import Generations
from change_stream.interpreter import Interpreter
from change_stream.kafka_log import KafkaLog
from change_stream.mutation import Mutation
from change_stream.record import Record, Undecodable
from change_stream.restart_requests import RestartRequests
from change_stream.stamps import Generation
from change_stream.writer import GroupCommitWriter, WriteFailed
from walflow.logs import record_fields
from walflow.tables import TableRules

told = logging.getLogger("change_stream.truncation")

KEYS_A_PAGE = 5000
Refused = Callable[[Record, str], None]
"""Called with the TRUNCATE's record, and why Cassandra refuses a statement."""

Place = tuple[int, int]
"""Offset and LSN of a record."""


class GenerationOpened(Exception):
    """The query is about to start again, so that every task stamps by the generation just opened."""


class Truncations:
    """Carries out TRUNCATEs of the tables behind topics."""

    def __init__(
        self,
        session: Session,
        bootstrap_servers: str,
        rules: TableRules,
        generations: Generations,
        interpreter: Interpreter,
        bind: Callable[[Mutation], BoundStatement],
        writing: Callable[[Refused], GroupCommitWriter],
        restarts: RestartRequests,
        prefix: str,
    ) -> None:
        self._session = session
        self._bootstrap_servers = bootstrap_servers
        self._rules = rules
        self._generations = generations
        self._interpreter = interpreter
        self._bind = bind
        self._writing = writing
        self._restarts = restarts
        self._prefix = prefix

    def apply(self, record: Record, change: Change, run: str) -> None:
        """Carry out the TRUNCATE of a record; may be repeated.

        Args:
            run: names the present run of the query.

        Raises:
            GenerationOpened: done with the first step; the record has to come again in another run.
        """
        if not change.lsn:
            raise Undecodable("a TRUNCATE without source.lsn")
        while True:
            generations = self._generations.of(record.topic)
            newest = max(generation.truncate_lsn for generation in generations)
            if newest >= change.lsn:
                break
            boundaries = self._boundaries(record, change.lsn, generations[-1].partitions)
            now_us = time.time_ns() // 1000
            self._generations.raise_to(record.topic, boundaries, now_us, change.lsn, run)
        if newest > change.lsn:
            return  # a later TRUNCATE removes all that this one would
        opened = next(g for g in generations if g.truncate_lsn == change.lsn)
        if opened.opened_by == run:
            reason = f"{record.place} truncates {change.schema}.{change.table}"
            self._restarts.add(reason)
            raise GenerationOpened(f"{reason}; the query starts again to carry it out")
        self._apply_again(record, opened)
        self._sweep(record, change, opened.epoch_us - 1)
        told.info("truncated", extra=record_fields(*record[:3], self._prefix))

    def _boundaries(self, record: Record, lsn: int, partitions: int) -> dict[int, int]:
        """Partition → offset of the first record that is newer than the TRUNCATE."""
        boundaries = {record.partition: record.offset + 1}
        with KafkaLog(self._bootstrap_servers, record.topic) as log:
            for partition in range(partitions):
                if partition != record.partition:
                    start, end = log.bounds(partition)
                    boundaries[partition] = first_newer(
                        lambda at, until, p=partition: self._next_lsn(log, p, at, until),  # type: ignore[misc]
                        lsn,
                        start,
                        end,
                    )
        return boundaries

    def _next_lsn(self, log: KafkaLog, partition: int, at: int, until: int) -> Place | None:
        for record in log.read(partition, at, until):
            try:
                found = self._interpreter.change(record)
            except Undecodable:
                continue
            if found is not None:
                return record.offset, found[1].lsn
        return None

    def _apply_again(self, record: Record, opened: Generation) -> None:
        """Stamp by the generation what tasks of earlier runs stamped by the one before it."""
        with KafkaLog(self._bootstrap_servers, record.topic) as log:
            for partition, start in opened.first_offsets.items():
                if partition != record.partition:
                    end = log.bounds(partition)[1]
                    statements = self._statements(log.read(partition, start, end))
                    self._write(record, statements, _left_to_its_task)

    def _statements(self, records: Iterable[Record]) -> Iterator[BoundStatement]:
        for record in records:
            try:
                found = self._interpreter.change(record)
                if found is not None and found[1].is_of_row:
                    for mutation in self._interpreter.interpret(record, *found).mutations:
                        yield self._bind(mutation)
            except (Undecodable, Unmappable):
                continue  # its own task makes it a dead letter

    def _sweep(self, record: Record, change: Change, write_time: int) -> None:
        """Delete every row at a write time: what is stamped above it stays."""
        rule = self._rules.rule(change.schema, change.table)
        keyspace = self._session.cluster.metadata.keyspaces.get(rule.keyspace)
        table: TableMetadata | None = keyspace and keyspace.tables.get(rule.table)
        if table is None:
            return  # no row of it has been written yet
        name = f"{maybe_escape_name(rule.keyspace)}.{maybe_escape_name(rule.table)}"
        key = [maybe_escape_name(column.name) for column in table.partition_key]
        delete = self._session.prepare(
            f"DELETE FROM {name} USING TIMESTAMP ? WHERE {' AND '.join(f'{c} = ?' for c in key)}"
        )
        partitions = self._session.execute(
            SimpleStatement(
                f"SELECT DISTINCT {', '.join(key)} FROM {name}", fetch_size=KEYS_A_PAGE
            ),
            timeout=None,
        )
        deletes = (delete.bind((write_time, *row)) for row in partitions)
        self._write(record, deletes, _failed)

    def _write(
        self, record: Record, statements: Iterable[BoundStatement], refused: Refused
    ) -> None:
        writer = self._writing(refused)
        for statement in statements:
            writer.write(record, statement, more=True)
        writer.drain()


def _left_to_its_task(_record: Record, _reason: str) -> None:
    """A row that Cassandra refuses: the task that has its record makes it a dead letter."""


def _failed(record: Record, reason: str) -> None:
    """A row that is older than a TRUNCATE must not stay."""
    raise WriteFailed(f"{record.place}: {reason}")


def first_newer(next_at: Callable[[int, int], Place | None], lsn: int, start: int, end: int) -> int:
    """The offset before which all records are older than an LSN, and from which on all are newer.

    Args:
        next_at: the first record with offset in [at, until), or None.
        start, end: offsets of the stretch to search, the latter exclusive.
    """
    while start < end:
        middle = (start + end) // 2
        found = next_at(middle, end)
        if found is not None and found[1] <= lsn:
            start = found[0] + 1
        else:
            end = middle
    return end
