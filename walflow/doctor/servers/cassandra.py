"""Cassandra: nodes, keyspaces, options of tables, settings of the node, and how far the stream is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable, Session

from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.cassandra import cluster

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Keyspace:
    name: str
    strategy: str
    """By its last name: NetworkTopologyStrategy, SimpleStrategy."""
    factors: Mapping[str, int]
    """Datacenter → replicas; of SimpleStrategy one entry, `replication_factor`."""
    is_durable: bool


@dataclass(frozen=True, slots=True)
class TableOptions:
    keyspace: str
    name: str
    gc_grace_seconds: int
    time_to_live: int
    """default_time_to_live, seconds; 0: rows stay."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition is applied."""

    offset: int
    source_time: datetime | None
    """Of the last change that was applied, UTC."""


@dataclass(frozen=True)
class CassandraCluster:
    at: str
    version: str
    datacenter: str
    nodes: Mapping[str, int]
    """Datacenter → nodes that belong to it."""
    keyspaces: Mapping[str, Keyspace]
    tables: Mapping[tuple[str, str], TableOptions]
    settings: Mapping[str, str]
    """Of the node, from system_views.settings; empty before Cassandra 4."""
    progress: Mapping[tuple[str, int], Progress]
    skew_seconds: float
    """Its clock against this machine's; positive: it is ahead."""


def read_cassandra(settings: Settings) -> CassandraCluster:
    """Raises WalflowError: Cassandra does not answer."""
    at = settings.address("cassandra")
    try:
        with cluster(settings, metadata=False) as connected:
            return _read(connected.connect(), at)
    except (NoHostAvailable, DriverException) as error:
        raise WalflowError(
            f"Cassandra does not answer at {at}: {error}.", ExitCode.NOT_READY
        ) from error


def _read(session: Session, at: str) -> CassandraCluster:
    def ask(cql: str) -> list[Any]:
        return list(session.execute(cql, timeout=SECONDS))

    began = time.time()
    (clock,) = ask("SELECT currentTimestamp() AS now FROM system.local")
    skew = clock.now.replace(tzinfo=UTC).timestamp() - (began + time.time()) / 2
    (local,) = ask("SELECT release_version, data_center FROM system.local")
    peers = ask("SELECT data_center FROM system.peers_v2")
    nodes: dict[str, int] = {}
    for row in (local, *peers):
        nodes[row.data_center] = nodes.get(row.data_center, 0) + 1
    keyspaces = ask(
        "SELECT keyspace_name, durable_writes, replication FROM system_schema.keyspaces"
    )
    tables = ask(
        "SELECT keyspace_name, table_name, gc_grace_seconds, default_time_to_live"
        " FROM system_schema.tables"
    )
    node = ask("SELECT name, value FROM system_views.settings")
    return CassandraCluster(
        at,
        local.release_version,
        local.data_center,
        nodes,
        {row.keyspace_name: _keyspace(row) for row in keyspaces},
        {
            (row.keyspace_name, row.table_name): TableOptions(
                row.keyspace_name,
                row.table_name,
                row.gc_grace_seconds,
                row.default_time_to_live or 0,
            )
            for row in tables
        },
        {row.name: row.value for row in node if row.value is not None},
        _progress(ask) if ("walflow", "stream_progress") in _names(tables) else {},
        skew,
    )


def _names(tables: list[Any]) -> set[tuple[str, str]]:
    return {(row.keyspace_name, row.table_name) for row in tables}


def _progress(ask: Any) -> dict[tuple[str, int], Progress]:
    rows = ask("SELECT topic, partition, applied_offset, source_time FROM walflow.stream_progress")
    return {
        (row.topic, row.partition): Progress(
            row.applied_offset,
            row.source_time.replace(tzinfo=UTC) if row.source_time is not None else None,
        )
        for row in rows
    }


def _keyspace(row: Any) -> Keyspace:
    replication = dict(row.replication)
    strategy = replication.pop("class", "").rpartition(".")[2]
    factors = {
        place: int(str(factor).partition("/")[0])  # 3/1: of which one transient (Cassandra 4)
        for place, factor in replication.items()
    }
    return Keyspace(row.keyspace_name, strategy, factors, bool(row.durable_writes))
