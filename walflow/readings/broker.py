"""Kafka's part of a reading: the topics and their offsets."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import kafka
import kafka.errors
from kafka import TopicPartition
from kafka.admin import OffsetSpec

from walflow.readings.parts import require_listening
from walflow.readings.reading import Broker, PartitionReading, TopicReading
from walflow.settings import Settings
from walflow.topics.clients import new_admin
from walflow.verify.catalog import OWN_SCHEMA

TIMEOUT_MS = 3000
TOPICS_SECONDS = 5.0
"""How often the list of topics and their first offsets are read anew."""
NOT_SHOWN = ("__", "walflow.connect.", "kafkasql-", "_schemas", "_confluent")
"""How the names of those begin in which Kafka, Connect and the registry keep what is theirs."""
READ_COMMITTED = 1


class BrokerPart:
    """Asks Kafka over a connection that it keeps."""

    what = "Kafka"
    advice = "`walflow up kafka` starts it; `walflow logs kafka` tells why it ended."

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: kafka.KafkaAdminClient | None = None
        self._firsts: dict[TopicPartition, int] = {}
        self._ids: dict[str, str] = {}
        self._listed_at = 0.0

    def read(self) -> Broker:
        """
        Raises:
            WalflowError, KafkaError, ValueError: it does not answer.
        """
        if self._client is None:
            require_listening(self._settings.address("kafka"))
            self._client = new_admin(self._settings, TIMEOUT_MS, TIMEOUT_MS)
            self._listed_at = 0.0
        client = self._client
        if time.monotonic() - self._listed_at > TOPICS_SECONDS:
            self._list(client)
        try:
            ends = _offsets(client, self._firsts, OffsetSpec.LATEST, READ_COMMITTED)
            written = _offsets(client, self._firsts, OffsetSpec.LATEST)
        except kafka.errors.UnknownTopicOrPartitionError:  # one was deleted since
            self._list(client)
            ends = _offsets(client, self._firsts, OffsetSpec.LATEST, READ_COMMITTED)
            written = _offsets(client, self._firsts, OffsetSpec.LATEST)
        return Broker(
            topics_of(self._settings.topics.prefix, self._ids, self._firsts, ends, written)
        )

    def forget(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(kafka.errors.KafkaError):
                client.close()

    def _list(self, client: kafka.KafkaAdminClient) -> None:
        topics = [
            topic
            for topic in client.describe_topics()
            if not topic["is_internal"] and not topic["name"].startswith(NOT_SHOWN)
        ]
        places = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in topics
            for partition in topic["partitions"]
        ]
        self._ids = {topic["name"]: str(topic["topic_id"]) for topic in topics}
        self._firsts = _offsets(client, places, OffsetSpec.EARLIEST)
        self._listed_at = time.monotonic()


def topics_of(
    prefix: str,
    ids: Mapping[str, str],
    firsts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    written: Mapping[TopicPartition, int],
) -> tuple[TopicReading, ...]:
    """The topics, by name, of the first offset and the ends of each partition."""
    partitions: dict[str, list[PartitionReading]] = {}
    for place in sorted(ends):
        end = ends[place]
        # They were asked for one after the other.
        reading = PartitionReading(
            place.partition, min(firsts.get(place, 0), end), end, max(end, written[place])
        )
        partitions.setdefault(place.topic, []).append(reading)
    return tuple(
        TopicReading(name, ids[name], table_of(prefix, name), tuple(found))
        for name, found in partitions.items()
    )


def table_of(prefix: str, topic: str) -> str | None:
    """The table `schema.table` after which Debezium named a topic; None: it holds no table's changes.

    A character that Kafka does not take in a name is `_` in the topic's, so this may not be the table's
    very name; `reader` knows those.
    """
    name = topic.removeprefix(f"{prefix}.")
    if name == topic or "." not in name or name.startswith(f"{OWN_SCHEMA}."):
        return None
    return name


def _offsets(
    client: kafka.KafkaAdminClient,
    places: Sequence[TopicPartition] | Mapping[TopicPartition, Any],
    spec: OffsetSpec,
    isolation_level: int = 0,
) -> dict[TopicPartition, int]:
    if not places:
        return {}
    found = client.list_partition_offsets(
        dict.fromkeys(places, spec), isolation_level=isolation_level
    )
    return {place: told.offset for place, told in found.items()}
