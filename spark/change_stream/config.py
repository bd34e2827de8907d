"""What the stream is told at start, in one value that Spark can send to its executors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamConfig:
    """Addresses, names and bounds of the stream; the settings are those of pipeline.toml."""

    bootstrap_servers: str
    registry_url: str
    cassandra_hosts: tuple[str, ...]
    cassandra_port: int
    keyspace: str
    consistency: str
    topic_prefix: str
    dead_letters: str
    group_rows: int
    group_bytes: int
    groups_in_flight: int
    pending_rows: int
    retry_seconds: float
