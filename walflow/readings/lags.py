"""How far each captured table is behind, out of what Kafka and the stream tell."""

from collections.abc import Iterable, Mapping

from walflow.capture.catalog import split_name
from walflow.readings.pending import Place, Unapplied
from walflow.readings.reading import Applied, Broker, Stream, TableLag, TopicReading, Unreachable
from walflow.tables import TableRules, topic_of

Stretches = dict[Place, tuple[int, int]]
"""Of each partition, the offset behind what is applied, and the committed end."""


def stretches(tables: Iterable[str], prefix: str, broker: Broker, stream: Stream) -> Stretches:
    """Every partition of the tables' topics."""
    applied = {(one.topic, one.partition): one.offset for one in stream.applied}
    topics = [broker.topic(topic_of(prefix, *split_name(table))) for table in tables]
    found = {}
    for topic in filter(None, topics):
        for partition in topic.partitions:
            place = (topic.name, partition.number)
            offset = applied.get(place, -1)
            # One at or beyond the end is that of an earlier topic of this name.
            behind = offset + 1 if offset < partition.end else 0
            found[place] = (max(behind, partition.first), partition.end)
    return found


def table_lags(
    tables: Iterable[str],
    prefix: str,
    rules: TableRules,
    broker: Broker | Unreachable,
    stream: Stream | Unreachable,
    unapplied: Mapping[Place, Unapplied] | None,
    now_ms: float,
) -> tuple[TableLag, ...]:
    """The lag of each table, in the order of the tables.

    Args:
        unapplied: None: the records could not be read.
    """
    return tuple(
        _table_lag(table, prefix, rules, broker, stream, unapplied, now_ms) for table in tables
    )


def _table_lag(
    table: str,
    prefix: str,
    rules: TableRules,
    broker: Broker | Unreachable,
    stream: Stream | Unreachable,
    unapplied: Mapping[Place, Unapplied] | None,
    now_ms: float,
) -> TableLag:
    rule = rules.rule(*split_name(table))
    name = topic_of(prefix, *split_name(table))
    topic = broker.topic(name) if isinstance(broker, Broker) else None
    applied_offset: int | None = None
    newest: Applied | None = None
    if isinstance(stream, Stream):
        told = [applied for applied in stream.applied if applied.topic == name]
        newest = max(told, key=lambda applied: applied.applied_at_ms, default=None)
        if isinstance(broker, Broker):
            places = stretches([table], prefix, broker, stream)
            applied_offset = sum(start for start, _ in places.values())
    events, is_exact, lag_ms = _lag(topic, isinstance(broker, Broker), unapplied, now_ms)
    return TableLag(
        table=table,
        target=f"{rule.keyspace}.{rule.table}",
        topic=name,
        end_offset=None if topic is None else topic.end,
        applied_offset=applied_offset,
        lag_events=events,
        is_exact=is_exact,
        lag_ms=lag_ms,
        latency_ms=None if newest is None else newest.latency_ms,
        last_commit_at_ms=None if newest is None else newest.committed_at_ms,
    )


def _lag(
    topic: TopicReading | None,
    is_told: bool,
    unapplied: Mapping[Place, Unapplied] | None,
    now_ms: float,
) -> tuple[int | None, bool, float | None]:
    """Events, whether they were counted, and the age of the oldest.

    Args:
        is_told: whether Kafka has told of its topics, so that one that is missing is not there.
    """
    if topic is None:
        # The connector makes a table's topic with its first change.
        return (0, True, 0.0) if is_told else (None, False, None)
    places = [(topic.name, partition.number) for partition in topic.partitions]
    if unapplied is None or any(place not in unapplied for place in places):
        return None, False, None
    parts = [unapplied[place] for place in places]
    events = sum(part.events for part in parts)
    is_exact = all(part.is_exact for part in parts)
    ages = [now_ms - part.oldest_at_ms for part in parts if part.oldest_at_ms is not None]
    if ages:
        return events, is_exact, max(0.0, *ages)
    return events, is_exact, 0.0 if events == 0 else None
