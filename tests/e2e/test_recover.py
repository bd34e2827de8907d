"""A lost slot, and the way back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
import requests
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.tables import sides_are_equal, target_rows
from walflow.connect_api import ConnectApi

SMALL_LOG = {"WALFLOW_POSTGRES__MAX_SLOT_WAL_KEEP_SIZE_MEGABYTES": "1"}
SLOT = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'walflow'"


def _run(stack: Stack, *statements: str) -> Any:
    """What the last one gives, over a connection of its own: PostgreSQL is restarted here."""
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def _insert(stack: Stack, count: int) -> list[UUID]:
    users = [uuid4() for _ in range(count)]
    rows = ", ".join(f"('{user}', 'A', 'L')" for user in users)
    _run(stack, f"INSERT INTO created_users (id, first_name, last_name) VALUES {rows}")
    return users


def _api(stack: Stack) -> ConnectApi:
    return ConnectApi(f"http://{stack.settings.address('connect')}")


def test_where_nothing_is_lost_it_says_so(stack: Stack) -> None:
    answer = stack.walflow("recover", "--yes")
    assert answer.returncode == 0, answer.stderr
    assert "Nothing is lost" in answer.stderr


@pytest.fixture
def lost_slot(stack: Stack, eventually: Any) -> list[UUID]:
    """The slot is lost as it is in life; the users that were deleted since."""
    orphans = _insert(stack, 50)
    eventually(lambda: sides_are_equal(stack.settings), True, 60)
    _api(stack).stop("users")
    assert stack.walflow("restart", "postgres", **SMALL_LOG).returncode == 0
    try:
        keys = ", ".join(f"'{user}'" for user in orphans)
        _run(
            stack,
            f"DELETE FROM created_users WHERE id IN ({keys})",
            "UPDATE created_users SET phone = 'while away'",
        )
        _insert(stack, 50)
        for _ in range(4):
            _run(stack, "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, 'fill', 'x')")
        _run(stack, "CHECKPOINT")
        eventually(lambda: _run(stack, SLOT), "lost")
    finally:
        assert stack.walflow("restart", "postgres").returncode == 0
    return orphans


@pytest.mark.long
def test_a_lost_slot_is_recovered_with_one_command_orphans_included(
    stack: Stack, target: Session, lost_slot: list[UUID], eventually: Any
) -> None:
    _start_without_waiting(stack)
    status = stack.walflow("status")
    assert status.returncode == 1
    # Debezium waits for the slot and tells nothing.
    assert "connector users: slot lost" in status.stderr
    assert "PostgreSQL has given up the replication slot walflow" in status.stderr
    assert f"Run: {stack.program} recover" in status.stderr
    assert set(map(str, lost_slot)) <= target_rows(target).keys()

    with _writing(stack) as written:
        answer = stack.walflow("recover", "--yes")

    assert answer.returncode == 0, answer.stderr
    assert f"{len(lost_slot)} orphans removed" in answer.stderr
    assert len(written) > 50
    eventually(lambda: sides_are_equal(stack.settings), True, 60)
    assert _run(stack, SLOT) == "reserved"
    _insert(stack, 5)
    eventually(lambda: sides_are_equal(stack.settings), True, 60)
    assert "Nothing is lost" in stack.walflow("recover").stderr
    assert _run(stack, "SELECT count(*) FROM walflow.recoveries") == 0
    counts = stack.walflow("verify", "users_by_country_and_gender")
    assert counts.returncode == 0, counts.stdout + counts.stderr


@contextmanager
def _writing(stack: Stack) -> Iterator[list[UUID]]:
    """A session that inserts users, updates them and deletes every other one; yields all of them."""
    stop, users = threading.Event(), _insert(stack, 2)

    def write() -> None:
        while not stop.wait(0.02):
            users.extend(_insert(stack, 1))
            _run(
                stack,
                f"UPDATE created_users SET phone = 'meanwhile' WHERE id = '{users[-2]}'",
                *([f"DELETE FROM created_users WHERE id = '{users[-3]}'"] * (len(users) % 2)),
            )

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield users
    finally:
        stop.set()
        thread.join()


def _start_without_waiting(stack: Stack) -> None:
    """`resume` would tell of the failure itself."""
    url = f"http://{stack.settings.address('connect')}/connectors/users/resume"
    requests.put(url, timeout=30).raise_for_status()


@pytest.fixture
def dropped_slot(stack: Stack, target: Session, eventually: Any) -> Iterator[UUID]:
    """The connector is stopped, its slot dropped; a user that was deleted since."""
    (orphan,) = _insert(stack, 1)
    eventually(lambda: str(orphan) in target_rows(target), True)
    _api(stack).stop("users")
    _run(stack, "SELECT pg_drop_replication_slot('walflow')")
    _run(stack, f"DELETE FROM created_users WHERE id = '{orphan}'")
    _insert(stack, 5)
    yield orphan
    # Should the test have failed: other tests share the stack. It does nothing where nothing is lost.
    stack.walflow("recover", "--yes")


def test_status_tells_of_a_slot_that_is_gone_whatever_the_connector_does_at_that_moment(
    stack: Stack, dropped_slot: UUID
) -> None:
    told = stack.walflow("status")
    assert told.returncode == 1
    assert "connector users: slot lost" in told.stderr
    assert f"Run: {stack.program} recover" in told.stderr


def test_a_slot_that_is_gone_is_passed_over_by_nobody_and_recovered_once_that_is_agreed_to(
    stack: Stack, target: Session, dropped_slot: UUID, eventually: Any
) -> None:
    _start_without_waiting(stack)
    eventually(lambda: _api(stack).state("users").has_failed, True, 60)
    assert f"Run: {stack.program} recover" in stack.walflow("status").stderr
    asked = stack.walflow("recover")  # without a terminal there is no answer
    assert asked.returncode != 0
    assert "The replication slot walflow is gone" in asked.stderr
    assert _run(stack, SLOT) is None

    answer = stack.walflow("recover", "--yes")

    assert answer.returncode == 0, answer.stderr
    assert sides_are_equal(stack.settings)
    assert str(dropped_slot) not in target_rows(target)
