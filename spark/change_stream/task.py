"""One Spark task: the records of a partition, in order, decoded and handed to the writer."""

from collections.abc import Callable, Iterator

import pyarrow as pa
from pyspark import TaskContext

from change_stream.change import Op, read_envelope
from change_stream.columns import Unmappable
from change_stream.config import StreamConfig
from change_stream.connections import Connections, connections, replicas_of
from change_stream.deadletters import DeadLetters
from change_stream.mutation import Mutation, mutation_of
from change_stream.progress import Progress
from change_stream.record import Record, Undecodable, schema_id
from change_stream.stamps import stamp
from change_stream.writer import GroupCommitWriter

INPUT_COLUMNS = (
    "topic",
    "partition",
    "offset",
    "unix_millis(timestamp) AS timestamp_ms",
    "key",
    "value",
    "headers",
)
"""Spark SQL over its Kafka source, in the order of `Record`'s fields."""

Batches = Iterator[pa.RecordBatch]


def apply_changes(config: StreamConfig) -> Callable[[Batches], Batches]:
    """The function for `mapInArrow`: applies every record and yields nothing."""

    def run(batches: Batches) -> Batches:
        _Task(config).run(batches)
        yield from ()

    return run


class _Task:
    def __init__(self, config: StreamConfig) -> None:
        self._connected: Connections = connections(config)
        self._connected.generations.refresh()
        self._dead_letters = DeadLetters(config.bootstrap_servers, config.dead_letters)
        self._progress = Progress(self._connected.session)
        self._writer = GroupCommitWriter(
            self._connected.session,
            group_rows=config.group_rows,
            group_bytes=config.group_bytes,
            groups_in_flight=config.groups_in_flight,
            pending_rows=config.pending_rows,
            retry_seconds=config.retry_seconds,
            replicas_of=replicas_of(self._connected.session),
            refused=self._dead_letters.put,
            applied=self._progress.applied,
        )

    def run(self, batches: Batches) -> None:
        """Apply everything; returns only when all of it is acknowledged or a stored dead letter."""
        context = TaskContext.get()
        self._progress.started(context.partitionId() if context is not None else 0)
        for batch in batches:
            for record in records(batch):
                self._apply(record)
        self._writer.drain()
        self._dead_letters.flush()
        self._progress.report()

    def _apply(self, record: Record) -> None:
        if record.value is None:
            return  # the tombstone behind a delete is for Kafka's log compaction
        try:
            mutation = self._mutation(record, record.value)
            if mutation is not None:
                self._writer.write(record, self._connected.statements.bind(mutation))
        except (Undecodable, Unmappable) as reason:
            self._dead_letters.put(record, str(reason))

    def _mutation(self, record: Record, value: bytes) -> Mutation | None:
        registry, targets = self._connected.registry, self._connected.targets
        value_id, datum = registry.decode(value)
        change = read_envelope(datum)
        if change.op is Op.MESSAGE:
            return None  # pg_logical_emit_message belongs to no table
        if record.key is None:
            raise Undecodable(f"op={change.op} of {change.schema}.{change.table} has no key")
        key_id = schema_id(record.key)
        target = targets.known(record.topic, key_id, value_id) or targets.find(
            record.topic,
            change,
            (key_id, registry.schema(key_id)),
            (value_id, registry.schema(value_id)),
        )
        key = registry.decode(record.key)[1] if change.op is Op.DELETE else {}
        generations = self._connected.generations.of(record.topic)
        return mutation_of(change, key, target, stamp(generations, record.partition, record.offset))


def records(batch: pa.RecordBatch) -> Iterator[Record]:
    """The records of an Arrow batch whose columns are `INPUT_COLUMNS`."""
    columns = [column.to_pylist() for column in batch.columns]
    for topic, partition, offset, timestamp_ms, key, value, headers in zip(*columns, strict=True):
        if topic is None:
            continue  # the empty row behind a record in real-time mode
        pairs = tuple((h["key"], h["value"]) for h in headers or ())
        yield Record(topic, partition, offset, timestamp_ms, key, value, pairs)
