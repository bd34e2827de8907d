"""Topics in which Connect, Kafka and the registry keep what they know.

Source: Kafka documentation, "Connect", `config.storage.topic`, `offset.storage.topic` and
`status.storage.topic`: each has to be compacted, the first to have one partition.
"""

import re
from collections.abc import Iterator

from walflow.doctor.checks.topics import SAFE_REPLICAS, alter, place
from walflow.doctor.finding import Finding, Severity, by_hand
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.kafka import TopicConfig
from walflow.settings import HOME

WORKER = HOME / "connect" / "worker.properties"
REGISTRY = HOME / "registry" / "application.properties"
_NAMED = re.compile(r"^(config|offset|status)\.storage\.topic=(\S+)$", re.MULTILINE)
_USUAL = re.compile(
    r"(?:.*[._-])?connect(?:ion)?s?[._-](config|offset|status)(?:s|es)?", re.IGNORECASE
)
"""A worker does not tell by REST where it keeps what: these are names that people give."""
_SCHEMAS = ("_schemas", "kafkasql-journal")
KAFKAS = ("__consumer_offsets", "__transaction_state")
FORGOTTEN = {
    "config": "all connectors are gone",
    "offset": "each connector begins anew, and deletes of that time are in no snapshot",
    "status": "the states of connectors are not known until they change",
}


def forgetful_connect(servers: Servers) -> Iterator[Finding]:
    """Kafka may delete what Connect keeps."""
    for role, topic in _connect_topics(servers):
        if topic.config.get("cleanup.policy") != "compact":
            yield Finding(
                Severity.LOSES,
                topic.name,
                f"{topic.name}, where Connect keeps its {role}s, has cleanup.policy ="
                f" {topic.config.get('cleanup.policy')}: when Kafka deletes from it, {FORGOTTEN[role]}.",
                place(servers, topic, "cleanup.policy"),
                alter(servers, topic.name, "cleanup.policy", "compact"),
            )


def split_configs(servers: Servers) -> Iterator[Finding]:
    """Connect relies on the order of all records of its configurations."""
    for role, topic in _connect_topics(servers):
        count = len(topic.topic.partitions)
        if role == "config" and count != 1:
            yield Finding(
                Severity.STALLS,
                topic.name,
                f"{topic.name}, where Connect keeps its configurations, has {count} partitions: a worker"
                " refuses to start with more than one.",
                f"Kafka: topic {topic.name}",
                by_hand(
                    "Set config.storage.topic of the worker to a new topic with one partition, and apply"
                    " the connectors again."
                ),
            )


def forgetful_registry(servers: Servers) -> Iterator[Finding]:
    """Records name schemas by id: one that is forgotten makes all its records unreadable."""
    for topic in _registry_topics(servers):
        forgets = topic.number("retention.ms") >= 0 or topic.number("retention.bytes") >= 0
        if not topic.is_compacted and forgets:
            yield Finding(
                Severity.LOSES,
                topic.name,
                f"{topic.name}, where the registry keeps the schemas, has cleanup.policy ="
                f" {topic.config.get('cleanup.policy')} and retention.ms ="
                f" {topic.config.get('retention.ms')}: Kafka deletes schemas by age, and then the"
                " records that name them cannot be read.",
                place(servers, topic, "retention.ms"),
                (
                    *alter(servers, topic.name, "retention.ms", -1),
                    *alter(servers, topic.name, "retention.bytes", -1),
                ),
            )


def few_internal_replicas(servers: Servers) -> Iterator[Finding]:
    if servers.kafka is None:
        return
    wanted = min(SAFE_REPLICAS, servers.kafka.brokers)
    known = {topic.name: topic for _, topic in _connect_topics(servers)}
    known |= {topic.name: topic for topic in _registry_topics(servers)}
    known |= {name: topic for name, topic in servers.kafka.topics.items() if name in KAFKAS}
    for topic in known.values():
        if topic.topic.replicas < wanted:
            yield Finding(
                Severity.LOSES,
                topic.name,
                f"{topic.name} has {topic.topic.replicas} of {wanted} possible replicas: with one broker"
                " what Connect, Kafka or the registry knows is lost.",
                f"Kafka at {servers.kafka.at}: replicas of {topic.name}",
                by_hand(f"Reassign the partitions of {topic.name} (kafka-reassign-partitions)."),
            )


def _connect_topics(servers: Servers) -> Iterator[tuple[str, TopicConfig]]:
    """Role and topic: config, offset or status."""
    if servers.kafka is None:
        return
    ours = {name: role for role, name in _NAMED.findall(WORKER.read_text())}
    for name, topic in servers.kafka.topics.items():
        usual = _USUAL.fullmatch(name)
        if name in ours:
            yield ours[name], topic
        elif usual is not None:
            yield usual[1].lower(), topic


def _registry_topics(servers: Servers) -> list[TopicConfig]:
    if servers.kafka is None:
        return []
    own = re.search(r"^apicurio\.kafkasql\.topic=(\S+)$", REGISTRY.read_text(), re.MULTILINE)
    names = (*_SCHEMAS, own[1] if own else "")
    return [servers.kafka.topics[name] for name in names if name in servers.kafka.topics]
