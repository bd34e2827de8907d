"""What the servers of a healthy demo tell the doctor, and the same with something changed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from walflow.capture.catalog import Column, Identity, Index, SourceTable
from walflow.capture.listing import CapturedTable
from walflow.connect_api import USERS_CONNECTOR, ConnectorState, read_connector
from walflow.connectors.kinds import DEBEZIUM
from walflow.connectors.plugins import Plugin
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.cassandra import CassandraCluster, Keyspace, Progress, TableOptions
from walflow.doctor.servers.connect import ConnectCluster, ConnectorConfig
from walflow.doctor.servers.kafka import KafkaCluster, Sample, TopicConfig
from walflow.doctor.servers.postgres import (
    Captured,
    CapturedColumn,
    Publication,
    ServerSetting,
    Slot,
    SourceServer,
)
from walflow.doctor.servers.registry import RegistryServer
from walflow.doctor.servers.spark import SparkStream
from walflow.settings import Settings
from walflow.topics.catalogue import Partition, Topic

SETTINGS = Settings()  # type: ignore[call-arg]  # the fields come from the sources
AT = f"{SETTINGS.address('postgres')}/{SETTINGS.postgres.database}"
USERS_TOPIC = SETTINGS.source_topic
USERS = "public.created_users"
GIBIBYTE = 2**30

PRIMARY = Index("users_pkey", "users_pkey", ("id",), True, True)
TABLE = SourceTable(
    "public", "created_users", "public.created_users", "r", "p", False, "", True, "", True, 10,
    (Column("id", "id", True), Column("picture", "picture", False)),
    (PRIMARY,),
    (Identity("public.created_users", "d", ()),),
)  # fmt: skip
COLUMNS = (CapturedColumn("id", "uuid", False), CapturedColumn("picture", "text", True))
OTHER = "shop"
"""A connector that is not this pipeline's, on a database of its own."""
OTHER_AT = "db.example.org:5432/shop"

RUNNING = ConnectorState("users", "RUNNING", ("RUNNING",), "", "source")
TOPIC = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "retention.bytes": "10737418240",
    "segment.ms": "86400000",
    "min.insync.replicas": "1",
    "unclean.leader.election.enable": "false",
}


def topic(name: str, partitions: int = 1, replicas: int = 1, **config: str) -> TopicConfig:
    own = {key.replace("_", "."): value for key, value in config.items()}
    nodes = tuple(range(replicas))
    found = tuple(
        Partition(n, 0, nodes, nodes, 0, 100, 10_000, 1_700_000_000_000) for n in range(partitions)
    )
    return TopicConfig(Topic(name, False, found), {**TOPIC, **own}, frozenset(own))


def setting(
    shown: str, raw: str | None = None, source: str = "configuration file"
) -> ServerSetting:
    return ServerSetting(shown, raw or shown, source, "/data/postgresql.conf", 3)


def slot(name: str = "walflow", **fields: Any) -> Slot:
    healthy = Slot(name, "logical", "users", True, False, "reserved", 2**20, 4 * GIBIBYTE, "", None)
    return replace(healthy, **fields)


def connector(name: str = "users", /, **config: str | None) -> ConnectorConfig:
    """The users' connector; `_` in names of settings stands for a dot, None takes one out."""
    changed = {key.replace("_", "."): value for key, value in config.items()}
    merged = {**read_connector(USERS_CONNECTOR).config, **changed}
    return ConnectorConfig(
        name,
        {key: value for key, value in merged.items() if value is not None},
        {},
        replace(RUNNING, name=name),
        frozenset({USERS_TOPIC}),
    )


def other_connector(**config: str | None) -> ConnectorConfig:
    """A connector of others: its own database, slot, publication and topics."""
    named: dict[str, str | None] = {
        "topic_prefix": OTHER,
        "slot_name": OTHER,
        "publication_name": OTHER,
        "database_hostname": "db.example.org",
        "database_port": "5432",
        "database_dbname": "shop",
        "database_user": "reader",
        "table_include_list": "public.orders",
        "post_processors": "reselector",
        "signal_data_collection": None,
        "heartbeat_action_query": "UPDATE public.beat SET at = now()",
    }
    made = connector(OTHER, **{**named, **config})
    return replace(made, topics=frozenset({f"{OTHER}.public.orders"}))


def source(**fields: Any) -> SourceServer:
    healthy = SourceServer(
        AT,
        True,
        ("users",),
        "18.6",
        180006,
        {
            "wal_level": setting("logical"),
            "max_slot_wal_keep_size": setting("4GB", "4096", "command line"),
            "max_replication_slots": setting("10"),
            "max_wal_senders": setting("10"),
            "wal_sender_timeout": setting("10s", "10000"),
            "idle_replication_slot_timeout": setting("0", source="default"),
        },
        (slot(),),
        {
            "walflow": Publication(
                "walflow", False, True, True, True, True,
                frozenset({USERS, "walflow.heartbeat", "walflow.signals"}),
            )
        },
        (Captured("users", TABLE, COLUMNS),),
        50_000.0,
        0.001,
    )  # fmt: skip
    return replace(healthy, **fields)


def other_source(**fields: Any) -> SourceServer:
    table = replace(
        TABLE, name="orders", sql_name="public.orders", identities=(Identity("orders", "f", ()),)
    )
    return replace(
        source(
            at=OTHER_AT,
            is_ours=False,
            connectors=(OTHER,),
            slots=(slot(OTHER, database="shop"),),
            publications={
                OTHER: Publication(
                    OTHER,
                    False,
                    True,
                    True,
                    True,
                    True,
                    frozenset({"public.orders", "public.beat"}),
                )
            },
            captured=(Captured(OTHER, table, COLUMNS),),
        ),
        **fields,
    )


def healthy() -> Servers:
    progress = {(USERS_TOPIC, n): Progress(99, datetime.now(UTC)) for n in (0, 1)}
    keyspaces = {
        name: Keyspace(name, "NetworkTopologyStrategy", {"datacenter1": 1}, True)
        for name in ("walflow", SETTINGS.cassandra.keyspace)
    }
    target = (SETTINGS.cassandra.keyspace, "created_users")
    names = {
        USERS_TOPIC: topic(USERS_TOPIC, 2),
        SETTINGS.topics.dead_letters: topic(SETTINGS.topics.dead_letters),
        **{
            name: topic(name, count, cleanup_policy="compact")
            for name, count in (
                ("walflow.connect.configs", 1),
                ("walflow.connect.offsets", 4),
                ("walflow.connect.status", 1),
                ("_schemas", 1),
                ("__consumer_offsets", 8),
            )
        },
    }
    return Servers(
        SETTINGS,
        connect=ConnectCluster(
            f"http://{SETTINGS.address('connect')}",
            "3.9.2",
            (connector(),),
            (Plugin(DEBEZIUM, "source", "3.7.0.Final"),),
        ),
        sources=(source(),),
        tables=(CapturedTable(USERS, ".".join(target), True, True, "default", 10, ()),),
        kafka=KafkaCluster(SETTINGS.address("kafka"), 1, "3.9", {}, names),
        samples=(Sample(USERS_TOPIC, 10, 0, ""),),
        registry=RegistryServer("http://127.0.0.1:8081", {f"{USERS_TOPIC}-value": "NONE"}, ""),
        cassandra=CassandraCluster(
            SETTINGS.address("cassandra"),
            "5.0.9",
            "datacenter1",
            {"datacenter1": 1},
            keyspaces,
            {target: TableOptions(*target, 864_000, 0)},
            {"commitlog_sync": "batch"},
            progress,
            0.001,
        ),
        spark=SparkStream("http://127.0.0.1:4040", "4.2.0", SETTINGS.stream.slots),
    )


def with_connectors(*connectors: ConnectorConfig) -> Servers:
    found = healthy()
    assert found.connect is not None
    sources = (
        (source(), other_source()) if any(c.name == OTHER for c in connectors) else (source(),)
    )
    return replace(
        found, connect=replace(found.connect, connectors=tuple(connectors)), sources=sources
    )


def with_users(**config: str | None) -> Servers:
    return with_connectors(connector(**config))


def with_other(**config: str | None) -> Servers:
    """The pipeline's connector and another one."""
    return with_connectors(connector(), other_connector(**config))


def with_source(**fields: Any) -> Servers:
    return replace(healthy(), sources=(source(**fields),))


def with_other_source(**fields: Any) -> Servers:
    return replace(with_other(), sources=(source(), other_source(**fields)))


def with_server_setting(name: str, shown: str, raw: str | None = None) -> Servers:
    return with_source(settings={**source().settings, name: setting(shown, raw)})


def with_topics(*topics: TopicConfig, brokers: int = 1) -> Servers:
    found = healthy()
    assert found.kafka is not None
    names = {**found.kafka.topics, **{t.name: t for t in topics}}
    return replace(found, kafka=replace(found.kafka, topics=names, brokers=brokers))


def with_cassandra(**fields: Any) -> Servers:
    found = healthy()
    assert found.cassandra is not None
    return replace(found, cassandra=replace(found.cassandra, **fields))


def with_table_options(**options: Any) -> Servers:
    found = healthy()
    assert found.cassandra is not None
    tables = {name: replace(t, **options) for name, t in found.cassandra.tables.items()}
    return with_cassandra(tables=tables)


def with_keyspace(nodes: int = 1, **fields: Any) -> Servers:
    found = healthy()
    assert found.cassandra is not None
    keyspaces = {name: replace(k, **fields) for name, k in found.cassandra.keyspaces.items()}
    return with_cassandra(keyspaces=keyspaces, nodes={"datacenter1": nodes})
