"""A connector whose task failed, and that nobody restarts by hand."""

import re
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

from cassandra.cluster import Session

from tests.conftest import Stack
from walflow.connect_api import ConnectApi

DISCONNECT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'walflow_capture'"
)
USER = "00000000-0000-4000-8000-0000000c0ffe"


def _restarts(stderr: str) -> int:
    """How often `walflow status` says that the connector was restarted."""
    found = re.search(r"connector users: \w+, restarted (once|\d+)", stderr)
    return 0 if found is None else int(found[1].replace("once", "1"))


def _failure(status: CompletedProcess[str]) -> str:
    """Who may not log in, as `walflow status` tells it with exit code 1."""
    found = re.search(
        r"connector users: failed.*FATAL: (.*) is not permitted to log in", status.stderr
    )
    return found[1] if found and status.returncode == 1 else ""


def _run(source: Any, statement: str) -> None:
    with source.cursor() as cursor:
        cursor.execute(statement)


def test_a_task_that_failed_is_restarted_and_status_says_so(
    stack: Stack, source: Any, target: Session, eventually: Callable[..., None]
) -> None:
    api = ConnectApi(f"http://{stack.settings.address('connect')}")
    before = _restarts(stack.walflow("status").stderr)
    _run(source, "ALTER ROLE walflow_capture NOLOGIN")
    try:
        _run(source, DISCONNECT)
        eventually(lambda: "FAILED" in api.state("users").tasks, True, 60)
        # Each restart fails too; in between, the task counts as running.
        eventually(lambda: _failure(stack.walflow("status")), 'role "walflow_capture"', 60)
        _run(source, f"DELETE FROM created_users WHERE id = '{USER}'")
        _run(
            source,
            f"INSERT INTO created_users (id, first_name, last_name) VALUES ('{USER}', 'While', 'Away')",
        )
    finally:
        _run(source, "ALTER ROLE walflow_capture LOGIN")

    eventually(lambda: api.state("users").is_running, True, 60)

    assert _restarts(stack.walflow("status").stderr) > before
    query = f"SELECT first_name FROM created_users WHERE id = {USER}"
    eventually(lambda: [row["first_name"] for row in target.execute(query)], ["While"], 60)
