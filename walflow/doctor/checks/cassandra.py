"""Cassandra: what it acknowledges, keeps and forgets.

Source: Cassandra documentation, "Data definition" (table options, replication) and "cassandra.yaml";
docs/exactness.md for gc_grace_seconds.
"""

from collections.abc import Iterator, Mapping

from change_stream.commit_log import LONGEST_LAG_SECONDS, sync_lag_seconds
from walflow.advice import typed
from walflow.capture.topics import stream_topics
from walflow.doctor.finding import Finding, Fix, Severity, Tool, by_hand
from walflow.doctor.places import property_place
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.cassandra import CassandraCluster, Keyspace, TableOptions
from walflow.settings import HOME, place_of

OWN_KEYSPACE = "walflow"
YAML = HOME / "cassandra" / "cassandra.yaml"
DEFAULT_GRACE = 864_000


def late_commit_log(servers: Servers) -> Iterator[Finding]:
    """A write that is acknowledged before it is on disk, and that the stream does not wait for."""
    if servers.cassandra is None:
        return
    lag = sync_lag_seconds(servers.cassandra.settings)
    copies = min((_copies(k) for k in _keyspaces(servers)), default=1)
    is_alone = sum(servers.cassandra.nodes.values()) == 1
    if not lag or (is_alone and lag <= LONGEST_LAG_SECONDS):
        return
    better = "commitlog_sync_period: 10ms" if is_alone else "commitlog_sync: batch"
    yield Finding(
        Severity.LOSES if copies < 2 else Severity.KNOW,
        "commitlog_sync",
        "Cassandra acknowledges a write before it is on disk (commitlog_sync = periodic): a node that is"
        f" killed comes back without up to the last {lag:g} s"
        + (", and there is no other copy." if copies < 2 else " and has them from the others."),
        property_place(YAML, "commitlog_sync", "periodic")
        or f"cassandra.yaml of {servers.cassandra.at}: commitlog_sync",
        by_hand(f"Set {better} in cassandra.yaml, and start Cassandra again."),
    )


def volatile_keyspaces(servers: Servers) -> Iterator[Finding]:
    for keyspace in _keyspaces(servers):
        if not keyspace.is_durable and servers.cassandra is not None:
            yield Finding(
                Severity.LOSES,
                keyspace.name,
                f"Keyspace {keyspace.name} has durable_writes = false: what is acknowledged is in no"
                " commit log.",
                f"Cassandra at {servers.cassandra.at}: keyspace {keyspace.name}",
                _cql(
                    servers.cassandra, f"ALTER KEYSPACE {keyspace.name} WITH durable_writes = true;"
                ),
            )


def expiring_rows(servers: Servers) -> Iterator[Finding]:
    """A row that goes by itself is missing, and no change will bring it back."""
    for table in _targets(servers):
        if table.time_to_live > 0 and servers.cassandra is not None:
            name = f"{table.keyspace}.{table.name}"
            yield Finding(
                Severity.LOSES,
                name,
                f"Rows of {name} go {table.time_to_live} s after they were written"
                " (default_time_to_live), though PostgreSQL has them.",
                f"Cassandra at {servers.cassandra.at}: table {name}",
                _cql(servers.cassandra, f"ALTER TABLE {name} WITH default_time_to_live = 0;"),
            )


def forgotten_deletes(servers: Servers) -> Iterator[Finding]:
    """What Kafka or the dead letters keep may be applied later than Cassandra remembers a delete."""
    if servers.cassandra is None or servers.kafka is None:
        return
    topics = servers.kafka.topics
    names = [*stream_topics(servers.settings, list(topics)), servers.settings.topics.dead_letters]
    kept = {
        name: topics[name].number("retention.ms") + topics[name].number("segment.ms")
        for name in names
        if name in topics and topics[name].number("retention.ms") >= 0
    }
    if not kept:
        return
    longest = max(kept, key=lambda name: kept[name])
    seconds = kept[longest] // 1000
    for table in _targets(servers):
        if table.gc_grace_seconds < seconds:
            name = f"{table.keyspace}.{table.name}"
            better = max(DEFAULT_GRACE, seconds + 86_400)
            yield Finding(
                Severity.LOSES,
                name,
                f"{name} remembers deletes for {table.gc_grace_seconds / 86400:.1f} days"
                f" (gc_grace_seconds), and Kafka keeps records of {longest} for up to"
                f" {seconds / 86400:.1f}: one that is applied late could bring back a deleted row.",
                f"Cassandra at {servers.cassandra.at}: table {name}",
                _cql(servers.cassandra, f"ALTER TABLE {name} WITH gc_grace_seconds = {better};"),
            )


def consistency(servers: Servers) -> Iterator[Finding]:
    """How many nodes may be away, and how many copies a write that is acknowledged has."""
    if servers.cassandra is None:
        return
    level, cluster = servers.settings.cassandra.consistency, servers.cassandra
    for keyspace in _keyspaces(servers):
        copies, nodes = _copies(keyspace, cluster.datacenter), cluster.nodes[cluster.datacenter]
        at = f"{place_of('cassandra', 'consistency')}; keyspace {keyspace.name}"
        needed = _needed(level, keyspace, cluster)
        total = sum(keyspace.factors.values())
        if copies == 0:
            yield Finding(
                Severity.STALLS,
                keyspace.name,
                f"Keyspace {keyspace.name} has no replica in the datacenter {cluster.datacenter}: a"
                f" write with {level} cannot succeed.",
                f"Cassandra at {cluster.at}: keyspace {keyspace.name}",
                _cql(
                    cluster,
                    _alter_replication(keyspace, {**keyspace.factors, cluster.datacenter: 1}),
                ),
            )
        elif copies > nodes and needed > nodes:
            yield Finding(
                Severity.STALLS,
                keyspace.name,
                f"Keyspace {keyspace.name} has {copies} replicas on {nodes} nodes, and {level} needs"
                f" {needed}: no write succeeds.",
                at,
                _cql(cluster, _alter_replication(keyspace, {cluster.datacenter: nodes})),
            )
        elif copies > 1 and needed >= copies and level != "LOCAL_ONE":
            yield Finding(
                Severity.STALLS,
                keyspace.name,
                f"{level} with {copies} replicas of keyspace {keyspace.name} needs {needed} of them: no"
                " write succeeds while one node is away.",
                at,
                _cql(cluster, _alter_replication(keyspace, {cluster.datacenter: 3}))
                if level != "ALL"
                else by_hand("Set cassandra.consistency to LOCAL_QUORUM, and restart the stream."),
            )
        elif total > 1 and needed == 1:
            yield Finding(
                Severity.LOSES,
                keyspace.name,
                f"{level} acknowledges a write of keyspace {keyspace.name} when one of {total} replicas"
                " has it: if that node is lost, so is the write.",
                at,
                by_hand(
                    "Set cassandra.consistency to LOCAL_QUORUM in pipeline.toml, and run:"
                    f" {typed('restart stream')}"
                ),
            )
        elif copies == 1 and nodes > 1:
            yield Finding(
                Severity.LOSES,
                keyspace.name,
                f"Keyspace {keyspace.name} has one replica on {nodes} nodes: what a lost node has is"
                " lost, and writes to its rows wait while it is away.",
                at,
                _cql(cluster, _alter_replication(keyspace, {cluster.datacenter: min(3, nodes)})),
            )


def _needed(level: str, keyspace: Keyspace, cluster: CassandraCluster) -> int:
    """Replicas that have to acknowledge a write."""
    local, total = _copies(keyspace, cluster.datacenter), sum(keyspace.factors.values())
    needed = {"ALL": total, "QUORUM": total // 2 + 1, "LOCAL_QUORUM": local // 2 + 1}
    return needed.get(level, 1)


def _copies(keyspace: Keyspace, datacenter: str = "") -> int:
    """Of a row, in a datacenter; without one, in all together."""
    if keyspace.strategy == "SimpleStrategy" or not datacenter:
        return sum(keyspace.factors.values())
    return keyspace.factors.get(datacenter, 0)


def _keyspaces(servers: Servers) -> list[Keyspace]:
    """The stream's own, and those that it writes to."""
    if servers.cassandra is None:
        return []
    names = {OWN_KEYSPACE, servers.settings.cassandra.keyspace}
    names |= {table.keyspace for table in _targets(servers)}
    known = servers.cassandra.keyspaces
    return [known[name] for name in sorted(names) if name in known]


def _targets(servers: Servers) -> list[TableOptions]:
    if servers.cassandra is None:
        return []
    found = (servers.cassandra.tables.get(_split(table.target)) for table in servers.tables)
    return [table for table in found if table is not None]


def _split(name: str) -> tuple[str, str]:
    keyspace, _, table = name.partition(".")
    return keyspace, table


def _alter_replication(keyspace: Keyspace, factors: Mapping[str, int]) -> str:
    options = "".join(f", '{place}': {factor}" for place, factor in factors.items())
    return (
        f"ALTER KEYSPACE {keyspace.name} WITH replication = {{'class': 'NetworkTopologyStrategy'"
        f"{options}}};"
    )


def _cql(cluster: CassandraCluster, command: str) -> tuple[Fix, ...]:
    return (Fix(command, Tool.CASSANDRA, cluster.at),)
