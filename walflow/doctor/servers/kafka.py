"""Kafka: topics with all their settings, brokers, and the newest records that the stream reads."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from change_stream.record import Undecodable, schema_id
from walflow.capture.topics import stream_topics
from walflow.errors import WalflowError
from walflow.registry.api import RegistryApi, registry_api
from walflow.settings import Settings
from walflow.topics.catalogue import Topic, topics
from walflow.topics.clients import admin, consumer, failures_told

NEWEST = 10
"""Offsets before a partition's end that are looked at; transactions' markers are among them."""
MAX_PARTITIONS = 200
SAMPLE_SECONDS = 5.0
POLL_MS = 200


@dataclass(frozen=True, slots=True)
class TopicConfig:
    topic: Topic
    config: Mapping[str, str]
    """Every setting in force."""
    own: frozenset[str]
    """Those that the topic itself has, not the broker."""

    @property
    def name(self) -> str:
        return self.topic.name

    def number(self, key: str) -> int:
        """A setting that is a number; -1 is Kafka's word for no limit."""
        return int(self.config.get(key, "-1"))

    @property
    def is_compacted(self) -> bool:
        return "compact" in self.config.get("cleanup.policy", "")


@dataclass(frozen=True)
class KafkaCluster:
    at: str
    brokers: int
    version: str
    """By what it can be asked: major and minor."""
    broker: Mapping[str, str]
    """Settings of one broker."""
    topics: Mapping[str, TopicConfig]


@dataclass(frozen=True, slots=True)
class Sample:
    """The newest records of a topic that the stream reads."""

    topic: str
    records: int
    unreadable: int
    """Of which key or value is not Avro with an id that the registry has."""
    reason: str
    """Of the newest such record, or empty."""


def read_kafka(settings: Settings) -> KafkaCluster:
    """Raises WalflowError: Kafka does not answer."""
    found = topics(settings)
    with admin(settings) as client:
        cluster = client.describe_cluster()
        broker = str(cluster["brokers"][0]["broker_id"])
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in found]
        described = (
            client.describe_configs(resources, config_filter="all")["topic"] if found else {}
        )
        server = client.describe_configs(
            [ConfigResource(ConfigResourceType.BROKER, broker)], config_filter="all"
        )["broker"][broker]
        version = client.get_broker_version_data(int(broker)).broker_version
    return KafkaCluster(
        settings.address("kafka"),
        len(cluster["brokers"]),
        ".".join(str(part) for part in version[:2]),
        {key: str(about["value"]) for key, about in server.items()},
        {
            topic.name: TopicConfig(
                topic,
                {key: str(about["value"]) for key, about in described[topic.name].items()},
                frozenset(
                    key
                    for key, about in described[topic.name].items()
                    if about["config_source"] == "DYNAMIC_TOPIC_CONFIG"
                ),
            )
            for topic in found
        },
    )


def read_samples(settings: Settings) -> list[Sample]:
    """Look whether the stream could read what the connectors' converters have written last.

    Raises:
        WalflowError: Kafka or the registry does not answer.
    """
    payloads = _newest(settings)
    registry, known = registry_api(settings), dict[int, bool]()
    found = []
    for topic, records in sorted(payloads.items()):
        reasons = [_unreadable(registry, known, *record) for record in records]
        failed = [reason for reason in reasons if reason]
        found.append(Sample(topic, len(records), len(failed), failed[-1] if failed else ""))
    return found


def _newest(settings: Settings) -> dict[str, list[tuple[bytes | None, bytes | None]]]:
    with consumer(settings) as client, failures_told(settings):
        names = stream_topics(settings, sorted(client.topics()))
        places = [
            TopicPartition(name, partition)
            for name in names
            for partition in sorted(client.partitions_for_topic(name) or ())
        ][:MAX_PARTITIONS]
        if not places:
            return {}
        client.assign(places)
        firsts, ends = client.beginning_offsets(places), client.end_offsets(places)
        for place in places:
            client.seek(place, max(firsts[place], ends[place] - NEWEST))
        found: dict[str, list[tuple[bytes | None, bytes | None]]] = {}
        give_up = time.monotonic() + SAMPLE_SECONDS
        while time.monotonic() < give_up and any(client.position(p) < ends[p] for p in places):
            for place, records in client.poll(timeout_ms=POLL_MS).items():
                found.setdefault(place.topic, []).extend((r.key, r.value) for r in records)
    return found


def _unreadable(
    registry: RegistryApi, known: dict[int, bool], key: bytes | None, value: bytes | None
) -> str:
    """Why the stream could not read a record, or empty; a tombstone has nothing to read."""
    for side, payload in (("key", key), ("value", value)):
        if payload is None:
            continue
        try:
            identifier = schema_id(payload)
        except Undecodable as error:
            return f"{side}: {error}"
        if identifier not in known:
            known[identifier] = _is_known(registry, identifier)
        if not known[identifier]:
            return f"{side}: the registry has no schema id {identifier}"
    return ""


def _is_known(registry: RegistryApi, identifier: int) -> bool:
    try:
        registry.schema(identifier)
    except WalflowError as error:
        if f"no schema id {identifier}" in error.sentence:
            return False
        raise
    return True
