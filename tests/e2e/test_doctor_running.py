"""The doctor on running servers: each fault that can be made here is found, and its fix mends it."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import kafka
import psycopg2
import pytest
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.own_connector import until
from walflow.capture.source import CAPTURE_ROLE
from walflow.connect_api import USERS_CONNECTOR, ConnectApi, Connector, read_connector
from walflow.errors import ExitCode
from walflow.settings import HOME

NAME = "doctor"
"""Of the connector, its slot, its publication, its schema and the prefix of its topics."""
LEFT_SLOT = "doctor_left"
JSON = "org.apache.kafka.connect.json.JsonConverter"
SHORT_GRACE = 500_000
"""Seconds; below the 8 days for which Kafka keeps records."""

FAULTS = {
    "errors.tolerance": "all",
    "decimal.handling.mode": "double",
    "slot.drop.on.stop": "true",
    "tombstones.on.delete": "false",
    "exactly.once.support": "requested",
}
CONFIG = {
    "topic.prefix": NAME,
    "slot.name": NAME,
    "publication.name": NAME,
    "table.include.list": rf"{NAME}\.(?!unread).*",
    "interval.handling.mode": "numeric",
    "skipped.operations": "t",
    "key.converter": JSON,
    "value.converter": JSON,
    "value.converter.schemas.enable": "false",
    "topic.creation.default.partitions": "1",
    "topic.creation.default.retention.ms": "60000",
    **FAULTS,
}
LEFT_OUT = (
    "heartbeat.interval.ms",
    "heartbeat.action.query",
    "signal.data.collection",
    "signal.enabled.channels",
    "notification.enabled.channels",
    "notification.sink.topic.name",
)
DDL = (
    f"CREATE SCHEMA {NAME}",
    f"CREATE TABLE {NAME}.stays (id int PRIMARY KEY, note text, stay interval)",
    f"CREATE TABLE {NAME}.nameless (note text)",
    f"CREATE TABLE {NAME}.silent (id int PRIMARY KEY)",
    f"ALTER TABLE {NAME}.silent REPLICA IDENTITY NOTHING",
    f"CREATE TABLE {NAME}.unlisted (id int PRIMARY KEY)",
    f"CREATE TABLE {NAME}.unread (id int PRIMARY KEY)",
    f"INSERT INTO {NAME}.stays VALUES (1, 'x', '1 month')",
    f"GRANT USAGE ON SCHEMA {NAME} TO {CAPTURE_ROLE}",
    f"GRANT SELECT ON ALL TABLES IN SCHEMA {NAME} TO {CAPTURE_ROLE}",
    f"CREATE PUBLICATION {NAME} FOR TABLE {NAME}.stays, {NAME}.nameless, {NAME}.silent,"
    f" {NAME}.unread WITH (publish = 'insert, update')",
    f"SELECT pg_create_logical_replication_slot('{LEFT_SLOT}', 'pgoutput')",
)

Finding = dict[str, Any]

EXPECTED = {
    ("heartbeat-missing", NAME),
    ("slot-unread", LEFT_SLOT),
    ("publication-lacks-table", f"{NAME}.unlisted"),
    ("publication-unread-table", f"{NAME}.unread"),
    ("publication-operations", NAME),
    ("table-without-key", f"{NAME}.nameless"),
    ("table-without-key", f"{NAME}.silent"),
    ("toast-lost", f"{NAME}.stays"),
    ("intervals-rounded", NAME),
    ("connector-setting", NAME),
    ("operations-skipped", NAME),
    ("converter-no-types", NAME),
    ("retention-short", f"{NAME}.{NAME}.stays"),
}


@dataclass(frozen=True)
class Ill:
    """What the doctor found before the faults were made, and after."""

    before: subprocess.CompletedProcess[str]
    after: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def source(stack: Stack) -> Iterator[Any]:
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def ill(stack: Stack, source: Any, target: Session) -> Iterator[Ill]:
    before = stack.walflow("doctor", "-o", "json")
    api = ConnectApi(f"http://{stack.settings.address('connect')}")
    config = {k: v for k, v in read_connector(USERS_CONNECTOR).config.items() if k not in LEFT_OUT}
    try:
        _run(source, *DDL)
        _set_grace(target, SHORT_GRACE)
        api.apply(Connector(NAME, config | CONFIG), "a test")
        until(lambda: f"{NAME}.{NAME}.stays" in _topics(stack), 60)
        yield Ill(before, stack.walflow("doctor", "-o", "json"))
    finally:
        _set_grace(target, 864_000)
        api.stop(NAME)
        api.delete_offsets(NAME)
        api.delete(NAME)
        _run(
            source,
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            f" WHERE slot_name IN ('{NAME}', '{LEFT_SLOT}')",
            f"DROP PUBLICATION {NAME}",
            f"DROP SCHEMA {NAME} CASCADE",
        )
        _delete_topics(stack)


def test_the_doctor_finds_nothing_of_a_healthy_pipeline(stack: Stack, ill: Ill) -> None:
    """Other tests may have left theirs; nothing of the demo's is to be found."""
    found = _findings(ill.before)
    ours = {"users", "walflow", "stream", stack.settings.source_topic, "public.created_users"}
    assert [f for f in found if f["subject"] in ours or f["subject"].startswith("walflow.")] == []
    if not found:
        assert ill.before.returncode == ExitCode.OK


def test_every_fault_is_found_with_its_place_and_its_fix(stack: Stack, ill: Ill) -> None:
    new = _new(ill)
    assert {(finding["check"], finding["subject"]) for finding in new} >= EXPECTED
    settings = {f["what"].split()[3] for f in new if f["check"] == "connector-setting"}
    assert settings == set(FAULTS)
    grace = next(f for f in new if f["check"] == "deletes-forgotten")
    assert grace["subject"] == f"{stack.settings.cassandra.keyspace}.created_users"
    assert all(finding["where"] and finding["fixes"] for finding in new)
    assert ill.after.returncode == ExitCode.FAILED


def test_the_fixes_that_it_tells_mend_what_it_found(
    stack: Stack, source: Any, target: Session, ill: Ill
) -> None:
    new = _new(ill)
    for finding in new:
        for fix in finding["fixes"]:
            match fix["tool"]:
                case "PostgreSQL":
                    _run(source, fix["command"])
                case "Cassandra":
                    target.execute(fix["command"], timeout=60)
                case "shell" if not _is_patch(finding):
                    _shell(stack, fix["command"])
    # All settings of a connector at once: each change of it stops and starts it.
    words = [w for f in new if _is_patch(f) for w in _set(f["fixes"][0]["command"])]
    patched = stack.walflow("connectors", "patch", NAME, *words)
    assert patched.returncode == 0, patched.stderr

    left = {(f["check"], f["subject"]) for f in _findings(stack.walflow("doctor", "-o", "json"))}
    # A statement for the heartbeat is left to a person.
    still = {("heartbeat-missing", NAME)}
    assert {(f["check"], f["subject"]) for f in new} & left <= still


def _findings(answer: subprocess.CompletedProcess[str]) -> list[Finding]:
    about = json.loads(answer.stdout)
    assert about["running"], answer.stderr
    found: list[Finding] = about["findings"]
    return found


def _new(ill: Ill) -> list[Finding]:
    """What the faults have added; never what is another test's, whose fixes are not to be run."""
    before = {(f["check"], f["subject"]) for f in _findings(ill.before)}
    return [
        finding
        for finding in _findings(ill.after)
        if (finding["check"], finding["subject"]) not in before
        and (finding["subject"].startswith(NAME) or finding["check"] == "deletes-forgotten")
    ]


def _is_patch(finding: Finding) -> bool:
    """Whether a setting of the connector is all that is to be changed."""
    commands = [fix["command"] for fix in finding["fixes"]]
    return len(commands) == 1 and " connectors patch " in commands[0]


def _set(command: str) -> list[str]:
    """The options of a command that patches the connector."""
    _, told = command.split(" connectors patch ")
    name, *words = shlex.split(told)
    assert name == NAME
    return words


def _shell(stack: Stack, command: str) -> None:
    if command.startswith("walflow "):
        assert stack.walflow(*shlex.split(command)[1:]).returncode == 0, command
        return
    done = subprocess.run(command, shell=True, cwd=HOME, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def _run(source: Any, *statements: str) -> None:
    with source.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _set_grace(target: Session, seconds: int) -> None:
    target.execute(f"ALTER TABLE created_users WITH gc_grace_seconds = {seconds}", timeout=60)


def _topics(stack: Stack) -> list[str]:
    admin = kafka.KafkaAdminClient(bootstrap_servers=stack.settings.address("kafka"))
    try:
        return [str(name) for name in admin.list_topics()]
    finally:
        admin.close()


def _delete_topics(stack: Stack) -> None:
    admin = kafka.KafkaAdminClient(bootstrap_servers=stack.settings.address("kafka"))
    try:
        own = [
            t
            for t in admin.list_topics()
            if t.startswith((f"{NAME}.", f"__debezium-heartbeat.{NAME}"))
        ]
        if own:
            admin.delete_topics(own)
    finally:
        admin.close()
