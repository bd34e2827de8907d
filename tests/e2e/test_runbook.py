"""Every symptom of docs/runbook.md made for real: its commands print there what the page shows."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import kafka
import psycopg2
import pytest
from cassandra.cluster import Session

from tests.conftest import Stack, stack_settings
from tests.e2e.avro_records import send
from tests.e2e.own_connector import until
from tests.e2e.runbook_page import Step, statements, steps
from walflow.connect_api import USERS_CONNECTOR, ConnectApi, Connector, read_connector
from walflow.deadletters.topic import DeadLetterTopic
from walflow.stack import lifecycle
from walflow.stack.supervision import Supervisor

NAME = "parcels"
"""Of the page's connector, its slot, its publication, its table and the prefix of its topics."""
ROLE = "parcels_reader"
SLOT = "left_behind"
USER = UUID("5eed0000-0000-4000-8000-00000000ca5e")
SECONDS = 30


@pytest.fixture(scope="module")
def source(stack: Stack) -> Iterator[Any]:
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def connector(stack: Stack, source: Any) -> Iterator[ConnectApi]:
    """The connector `parcels`, with a role, a slot, a publication and topics of its own."""
    api = ConnectApi(f"http://{stack.settings.address('connect')}")
    config = read_connector(USERS_CONNECTOR).config | {
        "database.user": ROLE,
        "database.password": ROLE,
        "topic.prefix": NAME,
        "slot.name": NAME,
        "publication.name": NAME,
        "table.include.list": "public.parcels",
        "topic.creation.default.partitions": "1",
        # The task fails at the first refusal.
        "errors.max.retries": "0",
        "heartbeat.action.query": "INSERT INTO parcels_beat VALUES (1, now())"
        " ON CONFLICT (id) DO UPDATE SET at = now()",
    }
    for key in [k for k in config if k.startswith(("signal.", "notification."))]:
        del config[key]
    _run(
        source,
        "CREATE TABLE parcels (id int PRIMARY KEY, state text)",
        "CREATE TABLE parcels_beat (id int PRIMARY KEY, at timestamptz)",
        "ALTER TABLE parcels REPLICA IDENTITY FULL",
        "INSERT INTO parcels VALUES (1, 'packed')",
        f"CREATE ROLE {ROLE} LOGIN REPLICATION PASSWORD '{ROLE}'",
        f"GRANT SELECT, INSERT, UPDATE ON parcels, parcels_beat TO {ROLE}",
        "CREATE PUBLICATION parcels FOR TABLE parcels, parcels_beat",
    )
    try:
        api.apply(Connector(NAME, config), "a test")
        until(lambda: _is_read(source), SECONDS)
        yield api
    finally:
        api.stop(NAME)
        api.delete_offsets(NAME)
        api.delete(NAME)
        _run(
            source,
            f"SELECT pg_drop_replication_slot('{NAME}')",
            f"DROP PUBLICATION {NAME}",
            "DROP TABLE parcels, parcels_beat",
            f"DROP ROLE {ROLE}",
        )
        admin = kafka.KafkaAdminClient(bootstrap_servers=stack.settings.address("kafka"))
        own = [
            t
            for t in admin.list_topics()
            if t.startswith((f"{NAME}.", f"__debezium-heartbeat.{NAME}"))
        ]
        admin.delete_topics(own)
        admin.close()


def test_a_connector_that_is_held_and_let_go_again(
    stack: Stack, source: Any, connector: ConnectApi
) -> None:
    connector.pause(NAME)
    _run(source, "INSERT INTO parcels VALUES (2, 'sent while paused')")
    for step in steps("Lag grows"):
        follow(stack, step.with_names({"Run: walflow ": f"Run: {stack.program} "}))


def test_a_slot_that_nobody_reads(stack: Stack, source: Any) -> None:
    _run(source, f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')")
    try:
        (seen,) = steps("Slot grows")
        (whose,) = statements("Slot grows")
        follow(stack, seen)
        with source.cursor() as cursor:
            cursor.execute(whose)
            (found,) = [row for row in cursor if row[0] == SLOT]
        assert found[1:4] == (stack.settings.postgres.database, False, "reserved")
    finally:
        _run(source, seen.output[-1].rpartition(": ")[2])
    assert SLOT not in stack.walflow("doctor").stdout


def test_a_connector_whose_login_is_refused(
    stack: Stack, source: Any, connector: ConnectApi
) -> None:
    listed, described, restarted, over = steps("Connector FAILED")
    (mend,) = statements("Connector FAILED")
    _run(source, f"ALTER ROLE {ROLE} NOLOGIN")
    try:
        _run(
            source,
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'",
        )
        # Each restart that walflow tries by itself fails too; in between, the task counts as running.
        follow(stack, listed)
        follow(stack, described)
    finally:
        _run(source, mend)
    follow(stack, restarted)
    follow(stack, over)


def test_a_record_that_cannot_be_decoded(stack: Stack) -> None:
    origin = send(stack.settings, b"runbook", b"no Avro at all")
    until(lambda: _place_of(stack, origin) is not None, SECONDS)
    names = {"0@17": str(_place_of(stack, origin)), "cdc.public.created_users-1@42": origin}
    for step in steps("Dead letters"):
        follow(stack, step.with_names(names))
    assert origin not in stack.walflow("deadletters", "list", "--last", "100000").stdout


def test_a_row_that_was_changed_in_cassandra(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    def phone() -> Any:
        row: Any = target.execute("SELECT phone FROM created_users WHERE id = %s", (USER,)).one()
        return row and row["phone"]

    _run(
        source,
        f"INSERT INTO created_users (id, first_name, last_name, phone)"
        f" VALUES ('{USER}', 'Run', 'Book', '1')",
    )
    try:
        eventually(phone, "1")
        target.execute("UPDATE created_users SET phone = '2' WHERE id = %s", (USER,))
        for step in steps("Differences found"):
            follow(stack, step)
        assert phone() == "1"
    finally:
        _run(source, f"DELETE FROM created_users WHERE id = '{USER}'")


@pytest.mark.only("local", "walflow supervises the processes of local mode")
def test_a_service_that_gave_up(stack: Stack, tmp_path: Path, eventually: Any) -> None:
    """One service of a second stack, so that the stack of all tests stays as it is."""
    second = {
        "WALFLOW_PORTS__OFFSET": "23000",
        "WALFLOW_PATHS__RUN": str(tmp_path / "run"),
        "WALFLOW_SUPERVISION__MAX_RESTARTS": "0",
    }
    settings = stack_settings(**second)
    assert stack.walflow("up", "users-api", **second).returncode == 0
    supervisor = Supervisor(settings)
    try:
        # Who dies within its first seconds has failed to start, which has a bound of its own.
        eventually(lambda: supervisor.states()["users-api"].state, "RUNNING")
        os.kill(supervisor.states()["users-api"].pid, signal.SIGKILL)
        for step in steps("Service down"):
            follow(stack, step, **second)
    finally:
        lifecycle.down(settings)


@pytest.mark.only("local", "in compose mode the disk is Docker's, and its bound is no setting")
def test_a_disk_with_little_room(stack: Stack) -> None:
    seen, listed = steps("Disk full")
    prefix = stack.settings.topics.prefix
    follow(stack, seen, WALFLOW_SUPERVISION__MIN_FREE_DISK_GIGABYTES="1000000")
    follow(stack, listed.with_names({"cdc.": f"{prefix}."}))


def follow(stack: Stack, step: Step, **environment: str) -> None:
    """Run a command of the page until it prints what the page shows; both outputs, as a person sees."""
    give_up = time.monotonic() + SECONDS
    while True:
        answer = stack.walflow(*step.arguments, **environment)
        printed = answer.stdout + answer.stderr
        missing = step.missing_from(printed)
        if not missing:
            return
        assert time.monotonic() < give_up, f"{step.command}: no line {missing[0]!r} in\n{printed}"
        assert step.arguments[-1] != "--yes", f"{step.command}: {printed}"


def _is_read(source: Any) -> bool:
    with source.cursor() as cursor:
        cursor.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (NAME,))
        return bool(cursor.fetchone() == (True,))


def _run(source: Any, *statements: str) -> None:
    with source.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _place_of(stack: Stack, origin: str) -> Any:
    with DeadLetterTopic(stack.settings) as topic:
        letters = [letter for chunk in topic.chunks() for letter in chunk]
    return next((one.place for one in letters if one.letter.record.place == origin), None)
