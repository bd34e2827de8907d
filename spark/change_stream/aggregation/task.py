"""One Spark task of the counts: the records of a partition, in order, into what is remembered."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pyarrow as pa

from change_stream.aggregation.effects import Effects, Truncated
from change_stream.aggregation.entries import Effect
from change_stream.aggregation.state import AggregateState, bucket_of
from change_stream.arrow_stream import Batch
from change_stream.config import StreamConfig
from change_stream.connections import connections
from change_stream.task import records
from walflow.aggregates import Aggregate

SCHEMA = "topic string, partition int, counted_offset long"
"""What a task yields: how far it has counted."""
BUCKETS_AT_ONCE = 4


def count_changes(
    config: StreamConfig, aggregates: Sequence[Aggregate]
) -> Callable[[Iterator[Batch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: counts every record, and yields how far it came."""

    def run(batches: Iterator[Batch]) -> Iterator[pa.RecordBatch]:
        yield _Task(config, aggregates).run(batches)

    return run


@cache
def _effects(config: StreamConfig, aggregates: tuple[Aggregate, ...]) -> Effects:
    """Kept from task to task, as the connections are."""
    connected = connections(config)
    return Effects(connected.registry, connected.interpreter, connected.generations, aggregates)


@cache
def _state(config: StreamConfig) -> AggregateState:
    return AggregateState(connections(config).session, config.retry_seconds)


class _Task:
    def __init__(self, config: StreamConfig, aggregates: Sequence[Aggregate]) -> None:
        connections(config).generations.refresh()
        self._effects = _effects(config, tuple(aggregates))
        self._state = _state(config)
        self._gathered: dict[tuple[Aggregate, int], list[Effect]] = {}

    def run(self, batches: Iterator[Batch]) -> pa.RecordBatch:
        """Returns only when all is in the counts of the buckets."""
        counted: dict[tuple[str, int], int] = {}
        with ThreadPoolExecutor(BUCKETS_AT_ONCE) as pool:
            for batch in batches:
                for record in records(batch):
                    for aggregate, effect in self._effects.of(record):
                        if isinstance(effect, Truncated):
                            self._apply(pool)
                            self._truncate(aggregate, effect.lsn)
                        else:
                            place = aggregate, bucket_of(effect.row)
                            self._gathered.setdefault(place, []).append(effect)
                    counted[record.topic, record.partition] = record.offset
                self._apply(pool)
        topics, partitions = zip(*counted, strict=True) if counted else ((), ())
        return pa.RecordBatch.from_arrays(
            [
                pa.array(topics, pa.string()),
                pa.array(partitions, pa.int32()),
                pa.array(list(counted.values()), pa.int64()),
            ],
            names=["topic", "partition", "counted_offset"],
        )

    def _apply(self, pool: ThreadPoolExecutor) -> None:
        """Apply what has gathered: several buckets at once, each in the order of its effects."""
        under_way = [
            pool.submit(self._state.apply, aggregate, bucket, effects)
            for (aggregate, bucket), effects in self._gathered.items()
        ]
        self._gathered.clear()
        for future in under_way:
            future.result()

    def _truncate(self, aggregate: Aggregate, lsn: int) -> None:
        if lsn:  # one without is a dead letter of the stream's
            self._state.truncate(aggregate, lsn)
