"""What the stream is told at start, in one value that Spark can send to its executors."""

from collections.abc import Mapping
from dataclasses import dataclass

from walflow.advice import program
from walflow.settings import Settings
from walflow.tables import TableRules


@dataclass(frozen=True)
class StreamConfig:
    """Addresses, names and bounds of the stream; the settings are those of pipeline.toml."""

    bootstrap_servers: str
    registry_url: str
    cassandra_hosts: tuple[str, ...]
    cassandra_port: int
    rules: TableRules
    consistency: str
    topic_prefix: str
    dead_letters: str
    dead_letter_policy: str
    group_rows: int
    group_bytes: int
    groups_in_flight: int
    pending_rows: int
    retry_seconds: float
    schema_confirm_seconds: float
    log_format: str
    program: str
    """What a command line in advice begins with: executors need not have the settings."""


def stream_config(settings: Settings, addresses: Mapping[str, str]) -> StreamConfig:
    """The configuration of a stream.

    Args:
        addresses: the environment variables that name the servers, since these differ by mode.
    """
    stream = settings.stream
    return StreamConfig(
        bootstrap_servers=addresses["KAFKA_BOOTSTRAP_SERVERS"],
        registry_url=addresses["SCHEMA_REGISTRY_URL"],
        cassandra_hosts=tuple(addresses["CASSANDRA_HOSTS"].split(",")),
        cassandra_port=int(addresses["CASSANDRA_PORT"]),
        rules=TableRules.of(settings),
        consistency=settings.cassandra.consistency,
        topic_prefix=settings.topics.prefix,
        dead_letters=settings.topics.dead_letters,
        dead_letter_policy=stream.dead_letter_policy,
        group_rows=stream.group_rows,
        group_bytes=stream.group_kilobytes * 1024,
        groups_in_flight=stream.groups_in_flight,
        pending_rows=stream.pending_rows,
        retry_seconds=stream.write_retry_seconds,
        schema_confirm_seconds=stream.schema_confirm_seconds,
        log_format=settings.logs.format,
        program=program(),
    )
