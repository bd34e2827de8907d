"""Processes that die, and the stack taken down and up again."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
import requests
from cassandra.cluster import Session

from change_stream.executor_watch import PATIENCE_SECONDS
from tests.conftest import Stack
from tests.e2e.tables import sides_are_equal, source_rows
from tests.servers import EXECUTOR
from walflow.stack.cassandra import cluster

DYING = "e2e_dying"
ROWS = 30_000
PASSED_OVER = 2_000


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


@pytest.mark.only("local", "an executor is killed while its worker is paused")
def test_a_stream_whose_executor_is_gone_for_good_begins_anew_and_gets_another(
    stack: Stack, source: Any, eventually: Any
) -> None:
    """Spark's master may count an executor for ever that is gone: there is room beside it."""
    (worker,) = _alive_workers(stack)
    assert worker["coresfree"] >= worker["coresused"] > 0
    assert worker["memoryfree"] >= worker["memoryused"] > 0
    stream = stack.servers.run_of("stream")
    with stack.servers.paused("spark-worker"):
        stack.servers.kill(EXECUTOR)
        _insert(source)
        eventually(lambda: stack.servers.run_of("stream") != stream, True, PATIENCE_SECONDS + 60)
    eventually(lambda: sides_are_equal(stack.settings), True, 120)


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


def test_a_batch_that_runs_again_passes_over_what_was_applied(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    within_a_batch = False
    while not within_a_batch:  # where one had just ended there is nothing to pass over
        ended = stack.servers.last_commit_ms()
        all_applied = _applied(stack, target) + PASSED_OVER
        with source.cursor() as cursor:
            cursor.execute(
                "INSERT INTO created_users (id, first_name, last_name)"
                f" SELECT gen_random_uuid(), 'A', 'L' FROM generate_series(1, {PASSED_OVER})"
            )
        eventually(lambda least=all_applied: _applied(stack, target) >= least, True, 60)
        stack.servers.kill("stream")
        killed = datetime.now(UTC).isoformat()
        eventually(lambda: _status(stack, "stream")["state"], "ready", 180)
        within_a_batch = stack.servers.last_commit_ms() == ended
    eventually(lambda: _passed_over(stack, killed) > PASSED_OVER - 10, True)
    _insert(source)
    eventually(lambda: sides_are_equal(stack.settings), True)


def _applied(stack: Stack, target: Session) -> int:
    """The sum of the offsets up to which the users' topic is told to be applied."""
    told = "SELECT applied_offset FROM walflow.stream_progress WHERE topic = %s"
    return sum(r["applied_offset"] for r in target.execute(told, (stack.settings.source_topic,)))


def _passed_over(stack: Stack, since: str) -> int:
    """How many records the stream's tasks passed over after a moment, an ISO time of UTC."""
    log = stack.walflow("logs", "executor", "-n", "100000").stdout
    told = re.findall(r"time=(\S+) .* broke off.* passed_over=(\d+)", log)
    return sum(int(count) for time, count in told if time > since)


def _workers_and_applications(stack: Stack) -> tuple[int, int]:
    """How many the master knows; a worker that has come back has told it of its executors."""
    told = _master(stack)
    return told["aliveworkers"], len(told["activeapps"])


def _alive_workers(stack: Stack) -> list[Any]:
    return [worker for worker in _master(stack)["workers"] if worker["state"] == "ALIVE"]


def _master(stack: Stack) -> Any:
    """What Spark's master tells of itself."""
    url = f"http://{stack.settings.address('spark_master_ui')}/json/"
    return requests.get(url, timeout=10).json()


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
