"""Records as Debezium would write them, made by hand: schemas registered, datums encoded, bytes sent."""

import io
import json
import struct
from typing import Any

import fastavro
import kafka
import requests

from walflow.settings import Settings
from walflow.stack.registry import confluent_url

SOURCE = {
    "type": "record",
    "name": "Source",
    "fields": [
        {"name": "schema", "type": "string"},
        {"name": "table", "type": "string"},
        {"name": "ts_ms", "type": "long"},
        {"name": "lsn", "type": ["null", "long"]},
    ],
}


class Table:
    """A table `public.<name>` with the columns id and body, both text; its records can be encoded."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self._registry = confluent_url(settings)
        namespace = f"cdc.public.{name}"
        row = {
            "type": "record",
            "name": "Value",
            "fields": [
                {"name": "id", "type": "string"},
                {"name": "body", "type": ["null", "string"], "default": None},
            ],
        }
        self.envelope: dict[str, Any] = {
            "type": "record",
            "name": "Envelope",
            "namespace": namespace,
            "fields": [
                {"name": "before", "type": ["null", row], "default": None},
                {"name": "after", "type": ["null", "Value"], "default": None},
                {"name": "source", "type": SOURCE},
                {"name": "op", "type": "string"},
            ],
        }
        self._key = {
            "type": "record",
            "name": "Key",
            "namespace": namespace,
            "fields": [{"name": "id", "type": "string"}],
        }
        self.key_id = self._register("key", self._key)
        self.envelope_id = self._register("value", self.envelope)

    def key(self, row: str) -> bytes:
        return encoded(self.key_id, self._key, {"id": row})

    def create(self, row: str, body: str | None) -> bytes:
        """The value of a create."""
        datum = {
            "before": None,
            "after": {"id": row, "body": body},
            "source": {"schema": "public", "table": self.name, "ts_ms": 0, "lsn": 1},
            "op": "c",
        }
        return encoded(self.envelope_id, self.envelope, datum)

    def _register(self, side: str, schema: Any) -> int:
        answer = requests.post(
            f"{self._registry}/subjects/{self.name}-{side}/versions",
            json={"schema": json.dumps(schema)},
            timeout=10,
        )
        answer.raise_for_status()
        return int(answer.json()["id"])


def encoded(identifier: int, schema: Any, datum: Any) -> bytes:
    """Confluent's wire format."""
    stream = io.BytesIO()
    stream.write(struct.pack(">bI", 0, identifier))
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), datum)
    return stream.getvalue()


def send(
    settings: Settings,
    key: bytes | None,
    value: bytes | None,
    *,
    partition: int = 0,
    topic: str | None = None,
    headers: list[tuple[str, bytes]] | None = None,
) -> str:
    """Put a record into created_users' topic, or another; returns its topic-partition@offset."""
    producer = kafka.KafkaProducer(
        bootstrap_servers=settings.address("kafka"),
        acks="all",
        compression_type="lz4",
        max_request_size=2**26,
    )
    name = topic or settings.source_topic
    future = producer.send(name, key=key, value=value, partition=partition, headers=headers)
    offset = future.get(30).offset
    producer.close()
    return f"{name}-{partition}@{offset}"
