"""Each check of the doctor fires on what it is for, with a fix, and on nothing of a healthy demo."""

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2.extensions
import pytest
from typer.main import get_command

from tests.unit.doctor_servers import (
    COLUMNS,
    OTHER,
    SETTINGS,
    TABLE,
    USERS,
    USERS_TOPIC,
    connector,
    healthy,
    other_connector,
    other_source,
    slot,
    source,
    topic,
    with_cassandra,
    with_connectors,
    with_keyspace,
    with_other,
    with_other_source,
    with_server_setting,
    with_source,
    with_table_options,
    with_topics,
    with_users,
)
from walflow.capture.catalog import Identity
from walflow.capture.listing import CapturedTable
from walflow.capture.problems import Problem
from walflow.cli.app import app
from walflow.doctor.captured import heartbeat_table, takes
from walflow.doctor.catalogue import CHECKS, findings
from walflow.doctor.checks.versions import kafka_version
from walflow.doctor.finding import Finding, Severity, Tool
from walflow.doctor.servers.all import Away, Servers
from walflow.doctor.servers.cassandra import Progress
from walflow.doctor.servers.kafka import Sample
from walflow.doctor.servers.postgres import (
    MAX_TABLES,
    Captured,
    CapturedColumn,
    Publication,
    sources,
)
from walflow.settings import HOME

LOSES, STALLS, KNOW = Severity.LOSES, Severity.STALLS, Severity.KNOW
UNWRAP = {
    "transforms": "unwrap",
    "transforms_unwrap_type": "io.debezium.transforms.ExtractNewRecordState",
}
JSON = "org.apache.kafka.connect.json.JsonConverter"
APICURIO = "io.apicurio.registry.utils.converter.AvroConverter"
AVRO = "io.confluent.connect.avro.AvroConverter"


def failed() -> Servers:
    state = replace(connector().state, tasks=("FAILED",), reason="no such host")
    return with_connectors(replace(connector(), state=state))


def held(state: str) -> Servers:
    return with_connectors(replace(connector(), state=replace(connector().state, connector=state)))


def behind(**change: Any) -> Servers:
    """The stream is at offset 9 of 100 that Kafka has, or had."""
    found = topic(USERS_TOPIC, 1)
    partition = replace(found.topic.partitions[0], **change)
    servers = with_topics(replace(found, topic=replace(found.topic, partitions=(partition,))))
    assert servers.cassandra is not None
    long_ago = datetime.now(UTC) - timedelta(days=6)
    progress = {(USERS_TOPIC, 0): Progress(9, long_ago)}
    return replace(servers, cassandra=replace(servers.cassandra, progress=progress))


def with_spark(slots: int) -> Servers:
    found = healthy()
    assert found.spark is not None
    return replace(found, spark=replace(found.spark, slots=slots))


def with_registry(**fields: Any) -> Servers:
    found = healthy()
    assert found.registry is not None
    return replace(found, registry=replace(found.registry, **fields))


def with_intervals() -> Servers:
    found = Captured("users", TABLE, (*COLUMNS, CapturedColumn("stay", "interval", False)))
    servers = with_users(interval_handling_mode=None)
    return replace(servers, sources=(source(captured=(found,)),))


def with_other_table(**fields: Any) -> Servers:
    table = replace(other_source().captured[0].table, **fields)
    return with_other_source(captured=(Captured(OTHER, table, COLUMNS),))


def with_publication(**fields: Any) -> Servers:
    publications = {OTHER: replace(other_source().publications[OTHER], **fields)}
    return with_other_source(publications=publications)


CASES = [
    ("server-away", replace(healthy(), away=(Away("kafka", "Kafka does not answer."),)), STALLS),
    ("database-unseen", replace(healthy(), hidden=(other_connector(),)), KNOW),
    ("connector-not-running", failed(), STALLS),
    ("connector-not-running", held("PAUSED"), STALLS),
    ("connector-not-running", held("STOPPED"), STALLS),
    ("slot-lost", with_source(slots=(slot(wal_status="lost", is_active=False),)), LOSES),
    ("slot-lost", with_source(slots=(slot(reason="idle_timeout", is_active=False),)), LOSES),
    ("slot-in-danger", with_source(slots=(slot(safe=2**20),)), LOSES),
    ("slot-in-danger", with_source(slots=(slot(wal_status="unreserved", safe=0),)), LOSES),
    ("slot-unread", with_source(slots=(slot(), slot("left_behind", is_active=False))), STALLS),
    ("slot-unread", with_source(slots=(slot(is_active=False, inactive_seconds=99.0),)), STALLS),
    (
        "slot-shared",
        replace(
            with_connectors(connector(), connector("twin", publication_name="walflow")),
            sources=(source(connectors=("users", "twin")),),
        ),
        STALLS,
    ),
    ("wal-level", with_server_setting("wal_level", "replica"), STALLS),
    ("wal-unlimited", with_server_setting("max_slot_wal_keep_size", "-1"), STALLS),
    ("wal-limit-small", with_source(wal_bytes_per_second=5e6), LOSES),
    (
        "slot-idle-timeout",
        with_server_setting("idle_replication_slot_timeout", "1h", "3600"),
        LOSES,
    ),
    ("slots-exhausted", with_server_setting("max_replication_slots", "1"), STALLS),
    ("slots-exhausted", with_server_setting("max_wal_senders", "1"), STALLS),
    ("heartbeat-missing", with_users(heartbeat_interval_ms=None), STALLS),
    ("heartbeat-missing", with_users(heartbeat_action_query=None), STALLS),
    ("heartbeat-unpublished", with_publication(tables=frozenset({"public.orders"})), STALLS),
    ("publication-missing", with_other_source(publications={}), STALLS),
    (
        "publication-lacks-table",
        replace(
            with_publication(tables=frozenset({"public.beat"})),
            sources=(
                source(),
                other_source(
                    publications={
                        OTHER: Publication(
                            OTHER, False, True, True, True, True, frozenset({"public.beat"})
                        )
                    },
                    captured=(
                        replace(
                            other_source().captured[0],
                            table=replace(other_source().captured[0].table, is_published=False),
                        ),
                    ),
                ),
            ),
        ),
        LOSES,
    ),
    (
        "publication-unread-table",
        with_publication(tables=frozenset({"public.orders", "public.beat", "public.audit"})),
        KNOW,
    ),
    ("publication-operations", with_publication(deletes=False), LOSES),
    (
        "captured-table",
        replace(
            healthy(),
            tables=(
                CapturedTable(
                    USERS,
                    f"{SETTINGS.cassandra.keyspace}.created_users",
                    True,
                    True,
                    "nothing",
                    1,
                    (Problem("Its rows have no key.", ("ALTER TABLE x ADD PRIMARY KEY (id)",)),),
                ),
            ),
        ),
        LOSES,
    ),
    (
        "table-without-key",
        with_other_table(indexes=(), identities=(Identity("orders", "f", ()),)),
        LOSES,
    ),
    ("table-without-key", with_other_table(identities=(Identity("orders", "n", ()),)), LOSES),
    (
        "toast-lost",
        replace(
            with_other(post_processors=None),
            sources=(
                source(),
                other_source(
                    captured=(
                        Captured(
                            OTHER,
                            replace(
                                TABLE, name="orders", identities=(Identity("orders", "d", ()),)
                            ),
                            COLUMNS,
                        ),
                    )
                ),
            ),
        ),
        KNOW,
    ),
    ("intervals-rounded", with_intervals(), LOSES),
    (
        "tables-unseen",
        with_source(captured=(Captured("users", TABLE, COLUMNS),) * MAX_TABLES),
        KNOW,
    ),
    *(
        ("connector-setting", with_users(**{key: value}), severity)
        for key, value, severity in (
            ("snapshot_mode", "no_data", LOSES),
            ("snapshot_mode", "initial_only", LOSES),
            ("snapshot_mode", "when_needed", KNOW),
            ("slot_drop_on_stop", "true", LOSES),
            ("errors_tolerance", "all", LOSES),
            ("event_processing_failure_handling_mode", "skip", LOSES),
            ("decimal_handling_mode", "double", LOSES),
            ("time_precision_mode", "connect", LOSES),
            ("lsn_flush_mode", "manual", STALLS),
            ("flush_lsn_source", "false", STALLS),
            ("errors_max_retries", "0", STALLS),
            ("producer_override_acks", "1", LOSES),
            ("exactly_once_support", "requested", KNOW),
            ("tombstones_on_delete", "false", KNOW),
            ("include_unknown_datatypes", None, KNOW),
        )
    ),
    ("operations-skipped", with_users(skipped_operations="t,d"), LOSES),
    ("operations-skipped", with_users(skipped_operations=None), LOSES),
    ("deletes-dropped", with_users(**UNWRAP), LOSES),
    (
        "deletes-dropped",
        with_other(**UNWRAP, transforms_unwrap_delete_tombstone_handling_mode="drop"),
        LOSES,
    ),
    ("connector-unlike-pipeline", with_users(topic_creation_default_partitions="7"), LOSES),
    ("connector-unlike-stream", with_users(unavailable_value_placeholder="?"), LOSES),
    ("connector-unlike-stream", with_users(field_name_adjustment_mode=None), STALLS),
    (
        "records-unreadable",
        replace(healthy(), samples=(Sample(USERS_TOPIC, 10, 10, "value: no magic byte"),)),
        LOSES,
    ),
    ("converter-not-avro", with_users(value_converter=JSON), LOSES),
    (
        "converter-other-registry",
        with_users(
            value_converter=AVRO,
            **{"value.converter.schema.registry.url": "http://elsewhere:8081"},
        ),
        LOSES,
    ),
    (
        "converter-wire-format",
        with_users(
            value_converter=APICURIO,
            **{"value.converter.apicurio.registry.as-confluent": "true"},
        ),
        LOSES,
    ),
    (
        "converter-api",
        with_users(
            value_converter=AVRO,
            **{"value.converter.schema.registry.url": "http://127.0.0.1:8081/apis/registry/v2"},
        ),
        STALLS,
    ),
    (
        "converter-no-registration",
        with_users(value_converter_auto_register_schemas="false"),
        STALLS,
    ),
    ("converter-pair", with_other(key_converter=JSON, value_converter=AVRO), KNOW),
    (
        "converter-no-types",
        with_other(
            key_converter=JSON, value_converter=JSON, value_converter_schemas_enable="false"
        ),
        KNOW,
    ),
    ("retention-short", with_topics(topic(USERS_TOPIC, 2, retention_ms="60000")), LOSES),
    ("retention-below-lag", behind(), LOSES),
    ("retention-below-lag", behind(first=50), LOSES),
    ("changes-compacted", with_topics(topic(USERS_TOPIC, 2, cleanup_policy="compact")), LOSES),
    (
        "dead-letters-topic",
        with_topics(topic(SETTINGS.topics.dead_letters, retention_ms="60000")),
        LOSES,
    ),
    (
        "dead-letters-topic",
        with_topics(topic(SETTINGS.topics.dead_letters, cleanup_policy="compact")),
        LOSES,
    ),
    ("replicas-few", with_topics(brokers=3), LOSES),
    (
        "replicas-few",
        with_topics(
            *(topic(name, n, 3) for name, n in ((USERS_TOPIC, 2), ("walflow.deadletters", 1))),
            brokers=3,
        ),
        LOSES,
    ),
    (
        "leader-unclean",
        with_topics(topic(USERS_TOPIC, 2, unclean_leader_election_enable="true")),
        LOSES,
    ),
    ("connect-topic-deletes", with_topics(topic("walflow.connect.offsets", 4)), LOSES),
    ("connect-topic-deletes", with_topics(topic("docker-connect-offsets", 4)), LOSES),
    (
        "connect-topic-partitions",
        with_topics(topic("walflow.connect.configs", 3, cleanup_policy="compact")),
        STALLS,
    ),
    ("registry-topic-deletes", with_topics(topic("_schemas")), LOSES),
    ("internal-replicas-few", with_topics(brokers=3), LOSES),
    ("registry-closed", with_registry(mode="READONLY"), STALLS),
    ("registry-refuses", with_registry(levels={f"{USERS_TOPIC}-value": "BACKWARD"}), STALLS),
    ("partitions-without-slot", with_spark(1), STALLS),
    ("stream-fewer-slots", with_spark(SETTINGS.stream.slots - 1), KNOW),
    ("commit-log-late", with_cassandra(settings={"commitlog_sync": "periodic"}), LOSES),
    ("keyspace-volatile", with_keyspace(is_durable=False), LOSES),
    ("rows-expire", with_table_options(time_to_live=60), LOSES),
    ("deletes-forgotten", with_table_options(gc_grace_seconds=3600), LOSES),
    ("consistency", with_keyspace(nodes=3), LOSES),
    ("consistency", with_keyspace(nodes=1, factors={"datacenter1": 3}), STALLS),
    ("consistency", with_keyspace(nodes=2, factors={"datacenter1": 2}), STALLS),
    ("consistency", with_keyspace(nodes=1, factors={"elsewhere": 1}), STALLS),
    ("version-untested", with_cassandra(version="4.1.7"), KNOW),
    ("postgres-too-old", with_source(version="12.22", version_number=120022), STALLS),
    ("clock-skewed", with_cassandra(skew_seconds=-7.0), KNOW),
]


def found_by(check: str, servers: Servers) -> list[Finding]:
    return [finding for finding in findings(servers) if finding.check == check]


def test_a_healthy_demo_gives_no_finding() -> None:
    assert findings(healthy()) == []


def test_a_commit_log_that_the_stream_waits_for_gives_no_finding() -> None:
    short = {"commitlog_sync": "periodic", "commitlog_sync_period": "10ms"}
    assert findings(with_cassandra(settings=short)) == []


def test_a_healthy_connector_of_others_gives_no_finding() -> None:
    assert findings(with_other()) == []


@pytest.mark.parametrize(
    ("check", "servers", "severity"), CASES, ids=[f"{n} {c[0]}" for n, c in enumerate(CASES)]
)
def test_each_check_finds_what_it_is_for(check: str, servers: Servers, severity: Severity) -> None:
    found = found_by(check, servers)
    assert found, [finding.check for finding in findings(servers)]
    for finding in found:
        assert finding.severity is severity
        assert finding.what.endswith(".") and finding.subject and finding.where
        assert finding.fixes


def test_each_check_but_that_of_the_disk_has_a_case() -> None:
    assert {check.name for check in CHECKS} == {case[0] for case in CASES} | {"disk-too-small"}


def test_a_disk_that_is_smaller_than_the_wal_may_grow_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    class Disk:
        free = 10**9

    class Home:
        home = tmp_path

    monkeypatch.setattr("walflow.doctor.checks.disks.shutil.disk_usage", lambda _: Disk)
    monkeypatch.setattr("walflow.doctor.checks.disks.account", lambda _: Home)
    (finding,) = found_by("disk-too-small", healthy())
    assert finding.severity is STALLS
    assert "1.0 GB free, and WAL" in finding.what


FIXES = sorted(
    {
        fix.command
        for _, servers, _ in CASES
        for finding in findings(servers)
        for fix in finding.fixes
        if fix.tool is Tool.SHELL and fix.command.startswith("walflow ")
    }
)


@pytest.mark.parametrize("command", FIXES)
def test_each_walflow_command_of_a_fix_is_understood(command: str) -> None:
    words: list[str] = shlex.split(command)[1:]
    known: Any = get_command(app)
    name = "walflow"
    while words and words[0] in getattr(known, "commands", {}):
        name = words.pop(0)
        known = known.commands[name]
    assert not hasattr(known, "commands"), command
    known.make_context(name, words)  # raises what the command line would say


def test_the_worst_comes_first() -> None:
    found = findings(with_users(tombstones_on_delete="false", decimal_handling_mode="double"))
    assert [finding.severity for finding in found] == [LOSES, KNOW]


def test_a_setting_of_our_file_is_told_with_its_line() -> None:
    (finding,) = found_by("heartbeat-missing", with_users(heartbeat_interval_ms=None))
    assert finding.where == "connector users in Kafka Connect: heartbeat.interval.ms (not set)"
    servers = with_server_setting("max_slot_wal_keep_size", "-1")
    (unlimited,) = found_by("wal-unlimited", servers)
    assert "/data/postgresql.conf:3" in unlimited.where
    (periodic,) = found_by("deletes-forgotten", with_table_options(gc_grace_seconds=3600))
    assert periodic.where.startswith("Cassandra at ")
    (slots,) = found_by("partitions-without-slot", with_spark(1))
    place, _, line = slots.where.rpartition(":")
    assert (HOME / place).read_text().splitlines()[int(line) - 1].startswith("slots = ")


def test_a_value_as_in_the_connectors_file_is_told_with_its_line() -> None:
    (finding, *_) = found_by("operations-skipped", with_users(skipped_operations="t"))
    assert finding.where == "connector users in Kafka Connect: skipped.operations"
    shared = with_connectors(connector(), replace(connector(), name="users"))
    shared = replace(shared, sources=(source(connectors=("users", "users")),))
    (twice,) = found_by("slot-shared", shared)
    assert re.fullmatch(r"connect/connectors/users\.json:\d+", twice.where)


@pytest.mark.parametrize(
    ("version", "kafka"),
    [("3.9.2", "3.9.2"), ("7.9.6-ccs", "3.9"), ("7.9.6-ce", "3.9"), ("8.1.0-ccs", "4.1")],
)
def test_confluents_versions_are_kafkas_by_four_less(version: str, kafka: str) -> None:
    assert kafka_version(version) == kafka


@pytest.mark.parametrize(
    ("config", "table", "expected"),
    [
        ({}, "public.created_users", True),
        ({}, "public.others", False),
        ({"table_include_list": None}, "public.others", True),
        ({"table_include_list": None, "schema_include_list": "sales"}, "public.others", False),
        ({"table_include_list": None, "table_exclude_list": "public\\..*"}, "public.others", False),
        ({"table_include_list": None, "schema_exclude_list": "public"}, "public.others", False),
        ({"table_include_list": None}, "walflow.heartbeat", False),
        ({"table_include_list": None}, "walflow.signals", False),
    ],
)
def test_the_lists_of_a_connector_say_which_tables_it_takes(
    config: dict[str, str | None], table: str, expected: bool
) -> None:
    schema, _, name = table.partition(".")
    assert takes(connector(**config), schema, name) is expected


@pytest.mark.parametrize(
    ("query", "table"),
    [
        ("INSERT INTO walflow.heartbeat VALUES (1)", "walflow.heartbeat"),
        ('update "public"."beat" set at = now()', "public.beat"),
        ("UPDATE beat SET at = now()", "public.beat"),
        ("SELECT pg_logical_emit_message(false, 'beat', '')", ""),
    ],
)
def test_the_table_of_a_heartbeat_is_seen_in_its_statement(query: str, table: str) -> None:
    assert heartbeat_table(connector(heartbeat_action_query=query)) == table


def test_ours_is_asked_as_superuser_and_others_by_their_connectors_password() -> None:
    reachable = other_connector(database_password="secret")
    found, hidden = sources(SETTINGS, [connector(), reachable])
    assert [database.is_ours for database in found] == [True, False]
    assert "password=secret" in found[1].dsn
    assert psycopg2.extensions.parse_dsn(found[1].dsn)["host"] == "db.example.org"
    assert hidden == []


def test_a_database_behind_references_is_told_to_be_unseen() -> None:
    referring = other_connector(database_password="${vault:shop}")
    found, hidden = sources(SETTINGS, [referring])
    assert [database.is_ours for database in found] == [True]
    assert hidden == [referring]
