"""TRUNCATE against the records of other partitions, in every order in which they can be applied.

The records are made here and lie in a topic that no stream reads, so that the order is the test's own;
Kafka, the registry and Cassandra are the real ones.
"""

import io
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

import fastavro
import kafka
import pytest
import requests
from kafka.admin import NewTopic

from change_stream.change import Op
from change_stream.config import stream_config
from change_stream.connections import Connections, connections
from change_stream.kafka_log import KafkaLog
from change_stream.record import Record
from change_stream.truncation import GenerationOpened
from tests.conftest import Stack
from walflow.stack.spark import addresses

ROW = {
    "type": "record",
    "name": "Value",
    "fields": [{"name": "id", "type": "int"}, {"name": "note", "type": "string"}],
}
SOURCE_FIELDS = [
    {"name": "schema", "type": "string"},
    {"name": "table", "type": "string"},
    {"name": "lsn", "type": "long"},
    {"name": "ts_ms", "type": "long"},
]
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {"name": "before", "type": ["null", ROW]},
        {"name": "after", "type": ["null", "Value"]},
        {"name": "source", "type": {"type": "record", "name": "S", "fields": SOURCE_FIELDS}},
        {"name": "op", "type": "string"},
    ],
}
KEY = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "int"}]}


@dataclass(frozen=True)
class Table:
    """A topic of two partitions, and the table that its records are of."""

    name: str
    topic: str
    bootstrap_servers: str
    key_id: int
    value_id: int
    connected: Connections

    def send(self, partition: int, op: str, lsn: int, row: tuple[int, str] | None = None) -> None:
        after = {"id": row[0], "note": row[1]} if row else None
        source = {"schema": "public", "table": self.name, "lsn": lsn, "ts_ms": 0}
        value = {"before": None, "after": after, "source": source, "op": op}
        key = _payload(self.key_id, KEY, {"id": row[0]}) if row else None
        producer = kafka.KafkaProducer(bootstrap_servers=self.bootstrap_servers)
        producer.send(
            self.topic,
            key=key,
            value=_payload(self.value_id, ENVELOPE, value),
            partition=partition,
        ).get(timeout=30)
        producer.close()

    def records(self) -> list[list[Record]]:
        """Those of each partition, in their order."""
        with KafkaLog(self.bootstrap_servers, self.topic) as log:
            return [list(log.read(p, 0, log.bounds(p)[1])) for p in (0, 1)]

    def apply(self, record: Record, run: str) -> None:
        """As a task of the stream does it."""
        found = self.connected.interpreter.change(record)
        assert found is not None
        if found[1].op is Op.TRUNCATE:
            self.connected.truncations.apply(record, found[1], run)
            return
        for mutation in self.connected.interpreter.interpret(record, *found).mutations:
            self.connected.session.execute(self.connected.statements.bind(mutation))

    def play(self, order: list[Record]) -> None:
        """Apply records in this order; where the query would start again, so does this."""
        done = 0
        while done < len(order):
            run = str(uuid4())
            self.connected.generations.refresh()
            try:
                for record in order[done:]:
                    self.apply(record, run)
                    done += 1
            except GenerationOpened:
                continue

    def rows(self) -> set[tuple[int, str]]:
        found = self.connected.session.execute(f"SELECT id, note FROM spark_streams.{self.name}")
        return {(row.id, row.note) for row in found}


def _payload(schema_id: int, schema: object, datum: object) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), datum)
    return b"\0" + schema_id.to_bytes(4, "big") + stream.getvalue()


def _register(url: str, subject: str, schema: object) -> int:
    answer = requests.post(
        f"{url}/subjects/{subject}/versions", json={"schema": json.dumps(schema)}, timeout=30
    )
    answer.raise_for_status()
    return int(answer.json()["id"])


@pytest.fixture
def table(stack: Stack) -> Iterator[Table]:
    config = stream_config(stack.settings, addresses(stack.settings))
    config = replace(config, retry_seconds=config.retry_seconds + random.random())  # of its own
    name = f"t{uuid4().hex[:8]}"
    topic = f"test.public.{name}"
    connected = connections(config)
    admin = kafka.KafkaAdminClient(bootstrap_servers=config.bootstrap_servers)
    admin.create_topics([NewTopic(topic, 2, 1)])
    yield Table(
        name,
        topic,
        config.bootstrap_servers,
        _register(config.registry_url, f"{topic}-key", KEY),
        _register(config.registry_url, f"{topic}-value", ENVELOPE),
        connected,
    )
    connected.session.cluster.shutdown()
    admin.delete_topics([topic])
    admin.close()


def interleavings(sides: list[list[Record]], count: int) -> Iterator[list[Record]]:
    """Orders that keep that of each partition: one before the other, and random ones."""
    first, second = sides
    yield first + second
    yield second + first
    chosen = random.Random(1)
    for _ in range(count):
        turns = [0] * len(first) + [1] * len(second)
        chosen.shuffle(turns)
        left = [iter(first), iter(second)]
        yield [next(left[turn]) for turn in turns]


def test_nothing_older_survives_a_truncate_and_everything_newer_does_in_any_order(
    table: Table,
) -> None:
    table.send(0, "c", 10, (1, "older"))
    table.send(1, "c", 20, (2, "older"))
    table.send(0, "t", 30)
    table.send(1, "c", 40, (2, "newer"))
    table.send(1, "c", 50, (4, "newer"))
    table.send(0, "c", 60, (3, "newer"))
    expected = {(2, "newer"), (3, "newer"), (4, "newer")}
    for order in interleavings(table.records(), 8):
        table.play(order)
        assert table.rows() == expected


def test_a_record_that_was_applied_before_the_truncate_was_met_is_kept_if_it_is_newer(
    table: Table,
) -> None:
    """The first order alone, on a table without history: stamps of the old generation are there."""
    table.send(0, "c", 10, (1, "older"))
    table.send(0, "t", 30)
    table.send(1, "c", 20, (2, "older"))
    table.send(1, "c", 40, (4, "newer"))
    first, second = table.records()
    table.play(second + first)
    assert table.rows() == {(4, "newer")}


def test_two_truncates_can_be_met_in_either_order(table: Table) -> None:
    table.send(0, "c", 10, (1, "first"))
    table.send(0, "t", 20)
    table.send(1, "c", 30, (2, "second"))
    table.send(0, "c", 35, (1, "second"))
    table.send(1, "t", 40)
    table.send(1, "c", 50, (4, "third"))
    table.send(0, "c", 60, (3, "third"))
    for order in itertools.islice(interleavings(table.records(), 6), 8):
        table.play(order)
        assert table.rows() == {(3, "third"), (4, "third")}


def test_late_and_repeated_records_change_nothing_after_a_truncate(table: Table) -> None:
    table.send(1, "c", 10, (2, "older"))
    table.send(0, "t", 30)
    table.send(1, "c", 40, (2, "newer"))
    first, second = table.records()
    table.play(first + second)
    table.play([second[0], *first, second[0]])
    assert table.rows() == {(2, "newer")}
