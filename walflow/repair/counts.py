"""Counts brought back to what PostgreSQL has, where the stream never heard of a change.

The stream counts what its records tell. A row that was deleted while nothing captured it, with a lost
slot or before its table was made anew, has told nothing: it is counted until it is retracted here.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cassandra.cluster import Session

from change_stream.aggregation.entries import Entry
from change_stream.aggregation.state import AggregateState
from change_stream.config import stream_config
from change_stream.connections import cassandra_session
from change_stream.restart_requests import COUNTS_QUERY, RestartRequests
from walflow.advice import ticked
from walflow.aggregates import COUNTABLE, Aggregate, aggregates_of
from walflow.errors import WalflowError
from walflow.settings import Settings
from walflow.snapshots.reading import read_again
from walflow.stack.spark import addresses
from walflow.tables import topic_of
from walflow.verify import source, target
from walflow.verify.barrier import COUNTED, Barrier
from walflow.verify.catalog import SourceTable, captured_tables, quoted
from walflow.verify.plan import CannotTell

TAKEN_UP_SECONDS = 60.0
POLL_SECONDS = 0.1

Show = Callable[[str], None]


def recount(settings: Settings, aggregate: Aggregate, seconds: float, show: Show) -> int:
    """Read the table's rows again and count no more what PostgreSQL does not have; may be repeated.

    Args:
        seconds: how long to wait, each time, until everything that was committed is counted.

    Returns:
        How many rows were counted that PostgreSQL does not have.

    Raises:
        WalflowError: a server does not do its part.
    """
    show("reading the table again")
    read_again(settings, aggregate.source)
    return retract_absent(settings, [aggregate], seconds, show)


def retract_absent(
    settings: Settings, aggregates: Sequence[Aggregate], seconds: float, show: Show
) -> int:
    """Count rows no more that PostgreSQL does not have, and have the counts written anew.

    Returns:
        How many they were.

    Raises:
        WalflowError: a server does not do its part.
    """
    if not aggregates:
        return 0
    retracted = 0
    session = cassandra_session(stream_config(settings, addresses(settings)))
    try:
        with target.failures_told(), source.connected(settings) as cursor:
            state = AggregateState(session, seconds)
            for aggregate in aggregates:
                show(f"looking for rows in {aggregate.name} that PostgreSQL does not have")
                retracted += _retract(settings, cursor, state, aggregate, seconds)
            show("having the counts written anew")
            _write_anew(session)
    finally:
        session.cluster.shutdown()
    return retracted


def retract_behind_deletion(
    settings: Settings, tables: Iterable[str], seconds: float, show: Show
) -> None:
    """As `retract_absent`, for tables of which rows were deleted in Cassandra alone.

    Raises:
        WalflowError: a server does not do its part; the sentence says that the rows are mended.
    """
    try:
        retract_absent(settings, aggregates_over(settings, tables), seconds, show)
    except WalflowError as error:
        raise WalflowError(
            f"The rows are mended, and their counts are not: {error.sentence} When that is mended, run"
            f" {ticked('recount')}."
        ) from error


def aggregates_over(settings: Settings, tables: Iterable[str]) -> list[Aggregate]:
    """The aggregates that count these tables, `schema.table` each."""
    wanted = set(tables)
    return [aggregate for aggregate in aggregates_of(settings) if aggregate.source in wanted]


def _retract(
    settings: Settings, cursor: Any, state: AggregateState, aggregate: Aggregate, seconds: float
) -> int:
    """Retract what is counted and twice not seen in PostgreSQL, if it is still counted as before.

    First everything in the topic is counted, since a record that waits could bring a row back. A
    commit is in the log, and may be counted, shortly before other sessions see it: the second look is
    behind the barrier. A row that comes back has a newer place, and is left alone.
    """
    (table,) = captured_tables(cursor, [aggregate.source])
    _wait_until_counted(settings, cursor, aggregate, seconds)
    absent: dict[str, Entry] = {}
    for entries in state.counted(aggregate):
        absent |= {row: entries[row] for row in _absent(cursor, table, entries)}
    if not absent:
        return 0
    _wait_until_counted(settings, cursor, aggregate, seconds)
    still = set(_absent(cursor, table, absent))
    return state.retract(aggregate, {row: absent[row] for row in still})


def _absent(cursor: Any, table: SourceTable, entries: Mapping[str, Entry]) -> list[str]:
    """Those of the rows, by their ids, that the table does not have at this moment."""
    names = sorted(table.key)
    declared = {column.name: column for column in table.columns}
    for name in names:
        if declared[name].type.name not in COUNTABLE:
            raise CannotTell(
                f"{table.full_name}: whether a row is there cannot be told by {name}, a"
                f" {declared[name].declared}. Keys of text, integers, boolean and uuid can be."
            )
    columns = [[json.loads(row)[n] for row in entries] for n in range(len(names))]
    arrays = ", ".join(["%s::text[]"] * (len(names) + 1))
    aliases = ", ".join(["id", *(f"k{n}" for n in range(len(names)))])
    matches = " AND ".join(
        f"t.{quoted(name)} = k.k{n}::{declared[name].declared}" for n, name in enumerate(names)
    )
    cursor.execute(
        f"SELECT k.id FROM unnest({arrays}) AS k({aliases})"
        f" WHERE NOT EXISTS (SELECT FROM {table.from_clause} AS t WHERE {matches})",
        [list(entries), *columns],
    )
    return [row for (row,) in cursor.fetchall()]


def _wait_until_counted(
    settings: Settings, cursor: Any, aggregate: Aggregate, seconds: float
) -> None:
    position = source.insert_position(cursor)
    topic = topic_of(settings.topics.prefix, aggregate.schema, aggregate.table)
    with target.connected(settings) as session:
        Barrier(settings, session, topic, seconds, COUNTED).wait(position)


def _write_anew(session: Session) -> None:
    """Have the stream compare the whole table with what is remembered, as it does at its start."""
    requests = RestartRequests(session, COUNTS_QUERY)
    requests.add("recount")
    give_up = time.monotonic() + TAKEN_UP_SECONDS
    while not requests.are_taken_up():
        if time.monotonic() > give_up:
            raise WalflowError(
                f"The stream has not written its counts anew within {TAKEN_UP_SECONDS:g} s. See"
                f" {ticked('status')} and {ticked('logs stream')}."
            )
        time.sleep(POLL_SECONDS)
