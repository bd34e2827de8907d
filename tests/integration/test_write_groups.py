"""Groups of wide rows against the real Cassandra, which counts more than their values."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from cassandra.cluster import ResponseFuture, Session

from change_stream.config import StreamConfig, stream_config
from change_stream.connections import connections, writer
from change_stream.record import Record
from tests.conftest import Stack
from walflow.stack.spark import addresses

ROWS = 640
TOPIC = "test.public.wide"


@pytest.fixture(scope="module")
def config(stack: Stack) -> Iterator[StreamConfig]:
    """The stream's; its connections end with this module."""
    config = stream_config(stack.settings, addresses(stack.settings))
    yield config
    connections(config).session.cluster.shutdown()
    connections.cache_clear()


@contextmanager
def requests_of(session: Session) -> Iterator[list[ResponseFuture]]:
    """What the driver sends meanwhile."""
    sent: list[ResponseFuture] = []
    session.add_request_init_listener(sent.append)
    try:
        yield sent
    finally:
        session.remove_request_init_listener(sent.append)


@pytest.mark.parametrize("columns", [12, 50, 100, 400])
def test_cassandra_takes_full_groups_of_wide_rows_whole(config: StreamConfig, columns: int) -> None:
    session = connections(config).session
    table = f"spark_streams.w{uuid4().hex[:8]}"
    names = [f"c{number:03}" for number in range(columns)]
    session.execute(
        f"CREATE TABLE {table} (id int PRIMARY KEY, {', '.join(f'{c} bigint' for c in names)})",
        timeout=60,
    )
    insert = session.prepare(
        f"INSERT INTO {table} (id, {', '.join(names)}) VALUES ({', '.join('?' * (columns + 1))})"
        " USING TIMESTAMP ?"
    )
    refused: list[str] = []
    writing = writer(session, config, refused=lambda _, reason: refused.append(reason))

    with requests_of(session) as sent:
        for number in range(ROWS):
            row = insert.bind((number, *range(columns), 1))
            writing.write(Record(TOPIC, 0, number, 0, None, None), row, more=True)
        writing.drain()

    assert refused == []
    # A group that Cassandra refuses is sent again row by row.
    assert len(sent) < ROWS / 2
    assert session.execute(f"SELECT count(*) FROM {table}").one()[0] == ROWS
    session.execute(f"DROP TABLE {table}", timeout=60)
