"""Counts and rows of a bucket change together in a real Cassandra, whoever else writes meanwhile."""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from cassandra.cluster import Session

from change_stream.aggregation.entries import Effect
from change_stream.aggregation.state import BUCKETS, CHUNK, AggregateState, bucket_of
from change_stream.aggregation.totals import Totals, totals
from change_stream.config import stream_config
from change_stream.connections import cassandra_session
from tests.conftest import Stack
from walflow.aggregates import COUNT, Aggregate, GroupValues, group_column
from walflow.stack.spark import addresses

GROUPS: tuple[GroupValues, ...] = (("DE", "m"), ("DE", None), (None, None), ("", "m"))


@pytest.fixture(scope="module")
def session(stack: Stack) -> Iterator[Session]:
    """As the stream has it."""
    session = cassandra_session(stream_config(stack.settings, addresses(stack.settings)))
    yield session
    session.cluster.shutdown()


@pytest.fixture
def aggregate(stack: Stack, session: Session) -> Iterator[Aggregate]:
    columns = (group_column("country", "country"), group_column("gender", "gender"))
    keyspace = stack.settings.cassandra.keyspace
    aggregate = Aggregate(f"counts_{uuid4().hex[:12]}", "public", "x", keyspace, columns)
    yield aggregate
    session.execute(f"DROP TABLE IF EXISTS {aggregate.target}")
    for bucket in range(BUCKETS):
        session.execute(
            "DELETE FROM walflow.aggregate_state WHERE aggregate = %s AND bucket = %s",
            (aggregate.name, bucket),
        )


def _apply(state: AggregateState, aggregate: Aggregate, effects: list[Effect]) -> None:
    for bucket in {bucket_of(effect.row) for effect in effects}:
        in_bucket = [effect for effect in effects if bucket_of(effect.row) == bucket]
        state.apply(aggregate, bucket, in_bucket)


def _counts(state: AggregateState, aggregate: Aggregate) -> dict[GroupValues, int]:
    return totals({b: state.counts(aggregate, b) for b in state.versions(aggregate)})


def _table(session: Session, aggregate: Aggregate) -> dict[tuple[str, ...], int]:
    rows = session.execute(f"SELECT {aggregate.key_columns}, {COUNT} FROM {aggregate.target}")
    return {tuple(key): count for *key, count in rows}


def test_writers_at_the_same_time_lose_nothing_and_count_nothing_twice(
    session: Session, aggregate: Aggregate
) -> None:
    rng = random.Random(11)
    history = [
        Effect(f"row {rng.randrange(60)}", place, place, rng.choice((*GROUPS, None)))
        for place in range(1, 401)
    ]
    # Each writer has every change of some rows and repeats those of others, from anywhere.
    stretches = [history, history[100:], history[:250], history[300:]]
    state = AggregateState(session, retry_seconds=60)
    with ThreadPoolExecutor(len(stretches)) as pool:
        for done in [pool.submit(_apply, state, aggregate, part) for part in stretches]:
            done.result()

    newest = {effect.row: effect.group for effect in history}
    assert _counts(state, aggregate) == Counter(g for g in newest.values() if g is not None)


def test_a_truncate_forgets_older_rows_of_every_bucket(
    session: Session, aggregate: Aggregate
) -> None:
    state = AggregateState(session, retry_seconds=60)
    rows = [f"row {number}" for number in range(2 * CHUNK)]
    _apply(state, aggregate, [Effect(row, 1, 10, GROUPS[0]) for row in rows])
    _apply(state, aggregate, [Effect(row, 2, 30, GROUPS[1]) for row in rows[:5]])

    state.truncate(aggregate, 20)
    _apply(state, aggregate, [Effect("late", 3, 15, GROUPS[0]), Effect("new", 4, 40, GROUPS[2])])

    assert _counts(state, aggregate) == {GROUPS[1]: 5, GROUPS[2]: 1}


def test_a_row_is_retracted_only_as_it_was_read(session: Session, aggregate: Aggregate) -> None:
    state = AggregateState(session, retry_seconds=60)
    _apply(state, aggregate, [Effect(row, 1, 1, GROUPS[0]) for row in ("a", "b")])
    read = {row: e for entries in state.counted(aggregate) for row, e in entries.items()}
    _apply(state, aggregate, [Effect("b", 2, 2, GROUPS[0])])

    assert state.retract(aggregate, read) == 1
    assert _counts(state, aggregate) == {GROUPS[0]: 1}

    # A late record from before does not bring it back; a newer one does.
    _apply(state, aggregate, [Effect("a", 1, 1, GROUPS[0])])
    assert _counts(state, aggregate) == {GROUPS[0]: 1}
    _apply(state, aggregate, [Effect("a", 3, 3, GROUPS[0])])
    assert _counts(state, aggregate) == {GROUPS[0]: 2}


def test_the_table_shows_the_sums_whatever_it_showed_before(
    session: Session, aggregate: Aggregate
) -> None:
    state = AggregateState(session, retry_seconds=60)
    shown = Totals(session, state, aggregate)
    _apply(state, aggregate, [Effect(f"{n}", 1, 1, GROUPS[n % 4]) for n in range(10)])
    shown.refresh()
    expected = {("DE", "m"): 3, ("DE", r"\N"): 3, (r"\N", r"\N"): 2, (r"\E", "m"): 2}
    assert _table(session, aggregate) == expected

    _apply(state, aggregate, [Effect("2", 2, 2, None), Effect("6", 2, 2, GROUPS[0])])
    shown.refresh()
    expected = {("DE", "m"): 4, ("DE", r"\N"): 3, (r"\E", "m"): 2}
    assert _table(session, aggregate) == expected

    future = 2**62
    session.execute(
        f"INSERT INTO {aggregate.target} ({aggregate.key_columns}, {COUNT})"
        f" VALUES ('DE', 'm', 99) USING TIMESTAMP {future}"
    )
    session.execute(
        f"INSERT INTO {aggregate.target} ({aggregate.key_columns}, {COUNT}) VALUES ('FR', 'm', 1)"
    )
    Totals(session, state, aggregate).refresh()
    assert _table(session, aggregate) == expected
