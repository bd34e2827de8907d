"""A record as the mode's converter has written it, read by the mode's registry.

Local mode has Apicurio's pair, compose mode Confluent's; the rehearsal has a stand-in of that name.
"""

from typing import Any
from uuid import UUID, uuid4

import kafka
import requests

from change_stream.schemas import SchemaRegistry
from tests.conftest import Stack
from tests.stack_environment import COMPOSE
from walflow.stack.registry import confluent_url

CONVERTERS = {
    "local": "io.apicurio.registry.utils.converter.AvroConverter",
    COMPOSE: "io.confluent.connect.avro.AvroConverter",
}


def test_a_record_of_the_modes_converter_is_a_zero_byte_a_schema_id_and_its_datum(
    stack: Stack, source: Any
) -> None:
    user = uuid4()
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name) VALUES (%s, 'Zoë', 'L')",
            (str(user),),
        )

    key, value = _record(stack, user)

    for side, payload in (("key", key), ("value", value)):
        identifier = int.from_bytes(payload[1:5], "big")
        assert payload[0] == 0
        assert identifier == _latest_id(stack, side)
    registry = SchemaRegistry(confluent_url(stack.settings), 30)
    assert registry.decode(key)[1] == {"id": str(user)}
    envelope = registry.decode(value)[1]
    assert (envelope["op"], envelope["before"]) == ("c", None)
    assert (envelope["after"]["id"], envelope["after"]["first_name"]) == (str(user), "Zoë")


def test_the_worker_has_the_modes_converter(stack: Stack) -> None:
    url = f"http://{stack.settings.address('connect')}/connector-plugins?connectorsOnly=false"
    plugins = {plugin["class"] for plugin in requests.get(url, timeout=30).json()}
    assert CONVERTERS[stack.settings.mode] in plugins


def _latest_id(stack: Stack, side: str) -> int:
    subject = f"{stack.settings.source_topic}-{side}"
    url = f"{confluent_url(stack.settings)}/subjects/{subject}/versions/latest"
    return int(requests.get(url, timeout=10).json()["id"])


def _record(stack: Stack, user: UUID) -> tuple[bytes, bytes]:
    """The newest record of a user, as Kafka has it."""
    consumer = kafka.KafkaConsumer(
        stack.settings.source_topic,
        bootstrap_servers=stack.settings.address("kafka"),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        consumer_timeout_ms=30_000,
    )
    try:
        for message in consumer:
            if message.value and message.key and str(user).encode() in message.key:
                return message.key, message.value
    finally:
        consumer.close()
    raise AssertionError(f"no record of user {user} within 30 s")
