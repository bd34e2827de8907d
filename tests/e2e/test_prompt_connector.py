"""Our extension of Debezium's connector: its batches, what it tells PostgreSQL, what may replace it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import kafka
from cassandra.cluster import Session

from tests.conftest import Stack
from walflow.connect_api import ConnectApi, Connector
from walflow.connectors.kinds import DEBEZIUM, PROMPT

FIRST = "00000000-0000-4000-8000-0000000d0001"
CONFIRMED = (
    "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = 'walflow'"
)


def test_debeziums_own_class_takes_its_place_and_gives_it_back(
    stack: Stack, source: Any, target: Session, eventually: Callable[..., None]
) -> None:
    with _changed(stack, {"connector.class": DEBEZIUM}):
        _store(source, "By Debezium")
        eventually(lambda: _name(target), "By Debezium")
    assert stack.walflow("connectors", "describe", "users").stdout.count(PROMPT) == 1
    _store(source, "By ours")
    eventually(lambda: _name(target), "By ours")


def test_postgresql_is_told_what_it_may_forget_of_its_log(
    source: Any, target: Session, eventually: Callable[..., None]
) -> None:
    _store(source, "May be forgotten")
    position = _ask(source, "SELECT pg_current_wal_insert_lsn()")
    _store(source, "Has an end of its own")
    eventually(lambda: _ask(source, CONFIRMED, position), True)
    eventually(lambda: _name(target), "Has an end of its own")


def test_a_batch_has_no_more_than_max_batch_size_events(
    stack: Stack, source: Any, target: Session, eventually: Callable[..., None]
) -> None:
    with _changed(stack, {"max.batch.size": "7"}):
        _store(source, "Before 70")
        eventually(lambda: _name(target), "Before 70")
        before = _end(stack)
        with source.cursor() as cursor:
            cursor.execute(
                "INSERT INTO created_users (id, first_name, last_name)"
                " SELECT gen_random_uuid(), 'One of 70', 'Prompt' FROM generate_series(1, 70)"
            )
        query = "SELECT count(*) FROM created_users WHERE first_name = 'One of 70' ALLOW FILTERING"
        eventually(lambda: target.execute(query).one()["count"], 70)
        # An event takes an offset, and the end of a transaction one in each partition that it wrote to.
        assert _end(stack) - before >= 70 + 10


@contextmanager
def _changed(stack: Stack, settings: dict[str, str]) -> Iterator[None]:
    """The users' connector runs with other settings, and as it was afterwards."""
    api = ConnectApi(f"http://{stack.settings.address('connect')}")
    shipped = api.get("users")["config"]
    try:
        api.apply(Connector("users", {**shipped, **settings}), "the test")
        yield
    finally:
        api.apply(Connector("users", shipped), "the test")


def _store(source: Any, name: str) -> None:
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name) VALUES (%s, %s, 'Prompt')"
            " ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name",
            (FIRST, name),
        )


def _name(target: Session) -> Any:
    found = target.execute(f"SELECT first_name FROM created_users WHERE id = {FIRST}").one()
    return found and found["first_name"]


def _ask(source: Any, query: str, *values: Any) -> Any:
    with source.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


def _end(stack: Stack) -> int:
    """Offsets of all partitions of the users' topic."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=stack.settings.address("kafka"))
    try:
        topic = stack.settings.source_topic
        places = [kafka.TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        return sum(consumer.end_offsets(places).values())
    finally:
        consumer.close()
