"""Processes that die, and the stack taken down and up again."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
import requests

from tests.conftest import Stack
from tests.e2e.tables import sides_are_equal, source_rows
from walflow.stack.cassandra import cluster

DYING = "e2e_dying"
ROWS = 30_000


def _status(stack: Stack, name: str) -> Any:
    states = json.loads(stack.walflow("status", "-o", "json").stdout)["services"]
    return next(state for state in states if state["name"] == name)


def _insert(source: Any) -> None:
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name) VALUES (%s, 'A', 'L')",
            (str(uuid4()),),
        )


@pytest.mark.parametrize("name", ["stream", "connect", "cassandra"])
def test_a_killed_service_is_restarted_and_status_says_so_and_nothing_is_lost(
    stack: Stack, source: Any, eventually: Any, name: str
) -> None:
    before, run = _status(stack, name), stack.servers.run_of(name)
    stream = stack.servers.run_of("stream")
    for number in range(600):
        _insert(source)
        if number == 300:
            stack.servers.kill(name)
    eventually(lambda: _status(stack, name)["state"], "ready", 180)
    after = _status(stack, name)
    assert stack.servers.run_of(name) != run
    assert after["restarts"] == before["restarts"] + 1
    eventually(lambda: sides_are_equal(stack.settings), True, 120)
    # It waits for a server that is away, whatever it was asking it.
    assert name == "stream" or stack.servers.run_of("stream") == stream


def test_a_killed_master_of_spark_takes_up_the_stream_again(
    stack: Stack, source: Any, eventually: Any
) -> None:
    """A driver registers once: a master that does not know it would end its executors."""
    stream, master = stack.servers.run_of("stream"), stack.servers.run_of("spark-master")
    stack.servers.kill("spark-master")
    eventually(lambda: stack.servers.run_of("spark-master") != master, True)
    eventually(lambda: _status(stack, "spark-master")["state"], "ready")
    eventually(lambda: _workers_and_applications(stack), (1, 1))
    _insert(source)
    eventually(lambda: sides_are_equal(stack.settings), True)
    assert stack.servers.run_of("stream") == stream


def test_what_a_killed_node_had_acknowledged_and_lost_is_written_again(
    stack: Stack, source: Any, eventually: Any
) -> None:
    """Rows are applied as it dies: those of its last milliseconds are acknowledged but not on disk."""
    with source.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {DYING} (id integer PRIMARY KEY, note text)")
        cursor.execute(f"INSERT INTO {DYING} VALUES (0, 'the first')")
        try:
            assert stack.walflow("tables", "add", DYING).returncode == 0
            eventually(lambda: stack.walflow("verify", DYING).returncode, 0)
            cursor.execute(
                f"INSERT INTO {DYING} SELECT n, 'note ' || n FROM generate_series(1, {ROWS}) n"
            )
            with cluster(stack.settings) as connected:
                target = connected.connect(stack.settings.cassandra.keyspace)
                some = f"SELECT id FROM {DYING} LIMIT 2000"
                eventually(lambda: len(target.execute(some).all()), 2000)
            stack.servers.kill("cassandra")
            eventually(lambda: _status(stack, "cassandra")["state"], "ready", 180)
            eventually(lambda: stack.walflow("verify", DYING).returncode, 0, 180)
        finally:
            stack.walflow("tables", "remove", DYING)
            cursor.execute(f"DROP TABLE {DYING}")


def _workers_and_applications(stack: Stack) -> tuple[int, int]:
    """How many the master knows; a worker that has come back has told it of its executors."""
    told = requests.get(f"http://{stack.settings.address('spark_master_ui')}/json/", timeout=10)
    return told.json()["aliveworkers"], len(told.json()["activeapps"])


def test_down_leaves_nothing_behind_and_up_again_loses_nothing(
    stack: Stack, eventually: Any
) -> None:
    with psycopg2.connect(stack.settings.postgres_dsn()) as connection:
        _insert(connection)
        before = source_rows(connection)
    with ThreadPoolExecutor() as pool:  # twice at once, as from two terminals
        downs = list(pool.map(stack.walflow, ["down", "down"]))
    assert [down.returncode for down in downs] == [0, 0], [down.stderr for down in downs]
    assert stack.servers.left_over() == []
    up = stack.walflow("up")
    assert up.returncode == 0, up.stderr
    # The connector takes its slot again within seconds.
    eventually(lambda: stack.walflow("status").returncode, 0, 60)
    with psycopg2.connect(stack.settings.postgres_dsn()) as connection:
        assert source_rows(connection) == before


def test_changes_flow_after_the_restart_and_both_sides_are_equal(
    stack: Stack, source: Any, eventually: Any
) -> None:
    _insert(source)
    eventually(lambda: sides_are_equal(stack.settings), True, 120)


def test_up_on_a_running_stack_starts_nothing(stack: Stack) -> None:
    up = stack.walflow("up")
    assert up.returncode == 0
    assert "All up" in up.stderr
