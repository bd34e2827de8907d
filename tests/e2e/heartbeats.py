"""A connector that writes a heartbeat each second: MirrorMaker's, which comes with Kafka."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.stack_environment import COMPOSE
from walflow.connect_api import ConnectApi
from walflow.settings import Settings
from walflow.topics.clients import admin

HEARTBEAT = "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector"
INTERVAL = "emit.heartbeats.interval.seconds"
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
SECRET = "hunter2"
TOPIC = "heartbeats"
KAFKA_OF_CONTAINERS = "kafka:29092"
"""Listener INTERNAL of docker-compose.yml: a worker in a container has no other way to Kafka."""


@contextmanager
def heartbeats(
    settings: Settings, name: str, clusters: tuple[str, str]
) -> Iterator[dict[str, Any]]:
    """The JSON of such a connector, which the test may apply; none of it is left behind.

    Args:
        clusters: aliases of the source and the target, which tell its offsets from those of another.
    """
    kafka = KAFKA_OF_CONTAINERS if settings.mode == COMPOSE else settings.address("kafka")
    source, target = clusters
    yield {
        "name": name,
        "config": {
            "connector.class": HEARTBEAT,
            "tasks.max": "1",
            "source.cluster.alias": source,
            "target.cluster.alias": target,
            "source.cluster.bootstrap.servers": kafka,
            "target.cluster.bootstrap.servers": kafka,
            "source.cluster.sasl.jaas.config": f'Login required user="me" password="{SECRET}";',
            "heartbeats.topic.replication.factor": "1",
            INTERVAL: "1",
            "key.converter": BYTES,
            "value.converter": BYTES,
        },
    }
    api = ConnectApi(f"http://{settings.address('connect')}")
    if api.config(name) is not None:
        api.stop(name)
        api.delete_offsets(name)
        api.delete(name)
    with admin(settings) as client:
        if TOPIC in client.list_topics():
            client.delete_topics([TOPIC])
