"""Topics of changes and the dead letters' topic: what Kafka forgets before it is applied.

Source: Kafka documentation, "Topic-Level Configs"; docs/exactness.md for what has to stay below
gc_grace_seconds.
"""

import shlex
import time
from collections.abc import Iterator

from walflow.advice import typed
from walflow.capture.topics import stream_topics
from walflow.doctor.checks.connector_settings import feeds_stream
from walflow.doctor.finding import Finding, Fix, Severity, by_hand, shell
from walflow.doctor.places import property_place
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.kafka import TopicConfig
from walflow.settings import HOME

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
SPENT = 0.5
"""Of a topic's time or room is behind the stream."""
SAFE_REPLICAS = 3
PROPERTIES = HOME / "kafka" / "server.properties"
BY_BROKER = {
    "retention.ms": ("log.retention.hours", 3_600_000),
    "retention.bytes": ("log.retention.bytes", 1),
}
"""A topic's setting → that of the broker's file behind it, and its unit."""


def short_retention(servers: Servers) -> Iterator[Finding]:
    """Whoever reads the topic may be away no longer than this."""
    for topic in _change_topics(servers):
        kept = topic.number("retention.ms")
        if not topic.is_compacted and 0 <= kept < DAY_MS:
            yield Finding(
                Severity.LOSES,
                topic.name,
                f"Kafka keeps the changes of {topic.name} for {_hours(kept)} only: what is not read"
                " within that time, in an outage say, is gone.",
                place(servers, topic, "retention.ms"),
                alter(servers, topic.name, "retention.ms", WEEK_MS),
            )


def lag_against_retention(servers: Servers) -> Iterator[Finding]:
    """The stream is so far behind that Kafka will soon delete, or has deleted, what it has not read."""
    if servers.kafka is None or servers.cassandra is None:
        return
    for name in stream_topics(servers.settings, list(servers.kafka.topics)):
        topic = servers.kafka.topics[name]
        for partition in topic.topic.partitions:
            progress = servers.cassandra.progress.get((name, partition.number))
            if progress is None or partition.end <= progress.offset + 1:
                continue
            where = f"{name}-{partition.number}"
            if progress.offset + 1 < partition.first:
                lost = partition.first - progress.offset - 1
                yield Finding(
                    Severity.LOSES,
                    where,
                    f"Kafka has deleted {lost} offsets of {where} that the stream has not applied"
                    f" ({progress.offset + 1} to {partition.first - 1}).",
                    place(servers, topic, "retention.ms"),
                    (
                        *alter(servers, name, "retention.ms", WEEK_MS),
                        *shell(typed("verify")),
                        *shell(typed("repair")),
                    ),
                )
                continue
            age = _age_ms(progress.source_time)
            kept, room = topic.number("retention.ms"), topic.number("retention.bytes")
            behind = (partition.end - progress.offset) / max(1, partition.end - partition.first)
            if 0 <= kept * SPENT < age:
                yield _soon(
                    servers, topic, where, "retention.ms", f"{age / 3_600_000:.1f} h", WEEK_MS
                )
            elif 0 < room * SPENT < partition.bytes * behind:
                yield _soon(
                    servers,
                    topic,
                    where,
                    "retention.bytes",
                    f"{partition.bytes * behind / 2**20:.0f} MiB",
                    4 * room,
                )


def _soon(
    servers: Servers, topic: TopicConfig, where: str, key: str, behind: str, better: int
) -> Finding:
    return Finding(
        Severity.LOSES,
        where,
        f"The stream is {behind} behind in {where}, and Kafka keeps {key} = {topic.config[key]}: soon it"
        " deletes what is not applied.",
        place(servers, topic, key),
        (*alter(servers, topic.name, key, better), *shell(typed("status"))),
    )


def compacted_changes(servers: Servers) -> Iterator[Finding]:
    """Of a deleted row only the tombstone stays, and a record without a key is not taken at all."""
    for topic in _change_topics(servers):
        if topic.is_compacted:
            yield Finding(
                Severity.LOSES,
                topic.name,
                f"{topic.name} is compacted: of changes that are not read in time only the newest of"
                " each key stays, of a delete only the tombstone; and a TRUNCATE, which has no key,"
                " makes the connector fail.",
                place(servers, topic, "cleanup.policy"),
                alter(servers, topic.name, "cleanup.policy", "delete"),
            )


def dead_letters(servers: Servers) -> Iterator[Finding]:
    """There, not compacted, and kept long enough to be looked at."""
    if servers.kafka is None:
        return
    name = servers.settings.topics.dead_letters
    topic = servers.kafka.topics.get(name)
    if topic is None:
        yield Finding(
            Severity.STALLS,
            name,
            f"There is no topic {name}: the stream stands still at the first record that it cannot"
            " apply.",
            f"Kafka at {servers.kafka.at}",
            shell(typed("up kafka")),
        )
        return
    if topic.is_compacted:
        yield Finding(
            Severity.LOSES,
            name,
            f"{name} is compacted: of dead letters with one key only the newest stays.",
            place(servers, topic, "cleanup.policy"),
            alter(servers, name, "cleanup.policy", "delete"),
        )
    kept = topic.number("retention.ms")
    if 0 <= kept < DAY_MS:
        yield Finding(
            Severity.LOSES,
            name,
            f"Kafka keeps dead letters for {_hours(kept)} only: those that nobody replays until then are"
            " gone.",
            place(servers, topic, "retention.ms"),
            alter(servers, name, "retention.ms", WEEK_MS),
        )


def few_replicas(servers: Servers) -> Iterator[Finding]:
    """A topic with one copy where the cluster has room for more."""
    if servers.kafka is None:
        return
    wanted = min(SAFE_REPLICAS, servers.kafka.brokers)
    for topic in _kept_topics(servers):
        if topic.topic.replicas < wanted:
            yield Finding(
                Severity.LOSES,
                topic.name,
                f"{topic.name} has {topic.topic.replicas} of {wanted} possible replicas: what only a"
                " broker that is lost has is lost with it.",
                f"Kafka at {servers.kafka.at}: replicas of {topic.name}",
                by_hand(
                    "Set topics.replication in pipeline.toml for new topics, and reassign the partitions"
                    " of this one (kafka-reassign-partitions)."
                ),
            )
        elif topic.topic.replicas > 1 and topic.number("min.insync.replicas") < 2:
            yield Finding(
                Severity.LOSES,
                topic.name,
                f"{topic.name} takes a record that one replica has (min.insync.replicas ="
                f" {topic.config['min.insync.replicas']}).",
                place(servers, topic, "min.insync.replicas"),
                alter(servers, topic.name, "min.insync.replicas", 2),
            )


def unclean_leaders(servers: Servers) -> Iterator[Finding]:
    for topic in _kept_topics(servers):
        if topic.config.get("unclean.leader.election.enable") == "true":
            yield Finding(
                Severity.LOSES,
                topic.name,
                f"{topic.name} may get a leader that lacks records which were acknowledged"
                " (unclean.leader.election.enable).",
                place(servers, topic, "unclean.leader.election.enable"),
                alter(servers, topic.name, "unclean.leader.election.enable", "false"),
            )


def alter(servers: Servers, topic: str, key: str, value: object) -> tuple[Fix, ...]:
    return shell(
        f".venv/bin/python -m kafka.admin -b {servers.settings.address('kafka')} configs alter"
        f" -r topic -n {shlex.quote(topic)} -c {key}={value}"
    )


def place(servers: Servers, topic: TopicConfig, key: str) -> str:
    """Where a topic has a setting from: itself, or the broker's file."""
    at = servers.kafka.at if servers.kafka is not None else ""
    if key not in topic.own:
        name, unit = BY_BROKER.get(key, (f"log.{key}", 0))
        value = str(topic.number(key) // unit) if unit else topic.config.get(key, "")
        if found := property_place(PROPERTIES, name, value):
            return found
        return f"Kafka at {at}: the broker's {name}"
    return f"Kafka at {at}: topic {topic.name}, {key}"


def _change_topics(servers: Servers) -> list[TopicConfig]:
    """Topics with changes: those that connectors have written, and those that the stream reads."""
    if servers.kafka is None:
        return []
    names = set(stream_topics(servers.settings, list(servers.kafka.topics)))
    for connector in servers.connectors:
        names |= connector.change_topics
        if connector.is_debezium and connector.prefix and not feeds_stream(servers, connector):
            names |= {n for n in servers.kafka.topics if n.startswith(f"{connector.prefix}.")}
    return [servers.kafka.topics[name] for name in sorted(names) if name in servers.kafka.topics]


def _kept_topics(servers: Servers) -> list[TopicConfig]:
    letters = servers.settings.topics.dead_letters
    others = servers.kafka.topics if servers.kafka is not None else {}
    return [*_change_topics(servers), *(t for name, t in others.items() if name == letters)]


def _age_ms(moment: object) -> float:
    stamp = getattr(moment, "timestamp", None)
    return 0.0 if stamp is None else max(0.0, (time.time() - stamp()) * 1000)


def _hours(ms: int) -> str:
    return f"{ms / 3_600_000:.1f} h" if ms >= 3_600_000 else f"{ms / 60_000:g} min"
