"""The topics of Kafka: partitions, offsets, sizes, and the settings that were changed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import kafka
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

from walflow.settings import Settings
from walflow.topics.clients import admin
from walflow.topics.internal import is_internal
from walflow.topics.reading import unknown


@dataclass(frozen=True, slots=True)
class Partition:
    number: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    first: int
    """The first offset that is kept."""
    end: int
    """The offset behind the last record, committed or not."""
    bytes: int
    """On disk, of the leader."""
    newest_ms: int | None
    """Time of its newest record, milliseconds since the epoch; None: it has none."""


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    is_internal: bool
    """Kafka's, Connect's or the registry's own."""
    partitions: tuple[Partition, ...]

    @property
    def replicas(self) -> int:
        return max((len(partition.replicas) for partition in self.partitions), default=0)

    @property
    def offsets(self) -> int:
        """How many are kept: records, and the markers of transactions, which take offsets too."""
        return sum(partition.end - partition.first for partition in self.partitions)

    @property
    def bytes(self) -> int:
        return sum(partition.bytes for partition in self.partitions)

    @property
    def newest(self) -> str:
        """Time of its newest record in ISO 8601, UTC; empty: it has none."""
        times = [p.newest_ms for p in self.partitions if p.newest_ms is not None]
        if not times:
            return ""
        return datetime.fromtimestamp(max(times) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "internal": self.is_internal,
            "replicas": self.replicas,
            "offsets": self.offsets,
            "bytes": self.bytes,
            "newest": self.newest or None,
            "partitions": [asdict(partition) for partition in self.partitions],
        }


def topics(settings: Settings) -> list[Topic]:
    """All topics, by name.

    Raises:
        WalflowError: Kafka does not answer.
    """
    with admin(settings) as client:
        return _read(client, client.describe_topics())


def topic(settings: Settings, name: str) -> tuple[Topic, dict[str, str]]:
    """A topic and those of its settings that differ from the broker's.

    Raises:
        WalflowError: there is none, which names those that there are, or Kafka does not answer.
    """
    with admin(settings) as client:
        names = client.list_topics()
        if name not in names:
            raise unknown(name, names)
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        configs = client.describe_configs([resource])["topic"][name]
        found = _read(client, client.describe_topics([name]))[0]
    return found, {key: str(about["value"]) for key, about in sorted(configs.items())}


def _read(client: kafka.KafkaAdminClient, described: list[dict[str, Any]]) -> list[Topic]:
    places = {
        TopicPartition(topic["name"], partition["partition_index"]): partition
        for topic in described
        for partition in topic["partitions"]
    }
    firsts = _offsets(client, places, OffsetSpec.EARLIEST)
    ends = _offsets(client, places, OffsetSpec.LATEST)
    newest = _offsets(client, places, OffsetSpec.MAX_TIMESTAMP)
    sizes = _sizes(client)
    found: dict[str, list[Partition]] = {topic["name"]: [] for topic in described}
    for place, about in sorted(places.items()):
        latest = newest[place].timestamp if place in newest else -1
        found[place.topic].append(
            Partition(
                place.partition,
                about["leader_id"],
                tuple(about["replica_nodes"]),
                tuple(about["isr_nodes"]),
                firsts[place].offset,
                ends[place].offset,
                sizes.get((place, about["leader_id"]), 0),
                latest if latest is not None and latest >= 0 else None,
            )
        )
    internal = {t["name"]: is_internal(t["name"], bool(t["is_internal"])) for t in described}
    return [Topic(name, internal[name], tuple(found[name])) for name in sorted(found)]


def _offsets(
    client: kafka.KafkaAdminClient, places: Mapping[TopicPartition, Any], spec: OffsetSpec
) -> dict[TopicPartition, Any]:
    if not places:
        return {}
    return dict(client.list_partition_offsets(dict.fromkeys(places, spec)))


def _sizes(client: kafka.KafkaAdminClient) -> dict[tuple[TopicPartition, int], int]:
    """(Partition, broker) → bytes on its disks."""
    return {
        (TopicPartition(topic["name"], partition["partition_index"]), broker["broker"]): int(
            partition["partition_size"]
        )
        for broker in client.describe_log_dirs()
        for folder in broker["log_dirs"]
        for topic in folder["topics"]
        for partition in topic["partitions"]
        if not partition["is_future_key"]  # a copy that is on its way to another disk
    }
