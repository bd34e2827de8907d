"""Versions of what runs against those that pom.xml was tested with."""

import re
from collections.abc import Iterator

from walflow.doctor.finding import Finding, Severity, by_hand
from walflow.doctor.places import pom_place, pom_versions
from walflow.doctor.servers.all import Servers

CONFLUENT_AHEAD = 4
"""Confluent Platform 7.9 is Kafka 3.9 (Confluent documentation, "Supported Versions")."""
OLDEST_POSTGRES = 130000
"""server_version_num; of older ones nobody mends anything, and they cannot bound a slot's WAL."""


def other_versions(servers: Servers) -> Iterator[Finding]:
    """Another line than the one of pom.xml: it may work, but nobody has tried."""
    wanted = pom_versions()
    for what, key, version, parts in _running(servers):
        if _line(version, parts) != _line(wanted[key], parts):
            yield Finding(
                Severity.KNOW,
                what,
                f"{what} is {version}; this pipeline was tested with {wanted[key]}.",
                pom_place(key),
                by_hand(f"Run {what} {_line(wanted[key], parts)}, or try yours: make test."),
            )


def too_old_postgres(servers: Servers) -> Iterator[Finding]:
    for source in servers.sources:
        if source.version_number < OLDEST_POSTGRES:
            yield Finding(
                Severity.STALLS,
                source.at,
                f"PostgreSQL {source.version} has no max_slot_wal_keep_size: a slot that nobody reads"
                " fills its disk.",
                f"PostgreSQL at {source.at}",
                by_hand("Upgrade PostgreSQL."),
            )


def _running(servers: Servers) -> Iterator[tuple[str, str, str, int]]:
    """What, its key in pom.xml, its version, and how many parts of that make a line."""
    if servers.connect is not None:
        yield "Kafka Connect", "kafka.version", kafka_version(servers.connect.version), 2
        plugins = {p.version for p in servers.connect.plugins if "debezium.connector.p" in p.name}
        for version in sorted(filter(None, plugins)):
            yield "Debezium", "debezium.version", version, 2
    if servers.kafka is not None:
        yield "Kafka", "kafka.version", servers.kafka.version, 2
    for source in servers.sources:
        if source.is_ours:
            yield "PostgreSQL", "postgres.version", source.version, 1
    if servers.cassandra is not None:
        yield "Cassandra", "cassandra.version", servers.cassandra.version, 2
    if servers.spark is not None:
        yield "Spark", "spark.version", servers.spark.version, 2


def kafka_version(version: str) -> str:
    """Kafka's version of one that may be Confluent's: 7.9.6-ccs is 3.9."""
    if not re.search(r"-c(?:cs|e)\b", version):
        return version
    major, minor = version.split(".")[:2]
    return f"{int(major) - CONFLUENT_AHEAD}.{minor}"


def _line(version: str, parts: int) -> str:
    return ".".join(re.findall(r"\d+", version)[:parts])
