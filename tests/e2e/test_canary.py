"""The canary through the real pipeline."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Stack
from tests.e2e.test_status import paused
from tests.stack_environment import STACK
from walflow.canary import history
from walflow.canary.table import TABLE
from walflow.settings import HOME

WALFLOW = str(HOME / ".venv" / "bin" / "walflow")
HOPS = [
    (change, place)
    for change in ("insert", "update", "delete")
    for place in ("commit", "kafka", "cassandra")
]


@pytest.fixture(scope="module", autouse=True)
def captured(stack: Stack) -> Iterator[None]:
    """The canary's table is made by the first of them, and captured by these tests only."""
    was_there = TABLE in stack.walflow("tables", "list").stdout
    first = stack.walflow("canary")
    assert first.returncode == 0, first.stderr
    yield
    if not was_there:
        removed = stack.walflow("tables", "remove", TABLE)
        assert removed.returncode == 0, removed.stderr


def rows(source: Any, identifier: str) -> int:
    """Rows of a canary in PostgreSQL."""
    with source.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {TABLE} WHERE id = %s", (identifier,))
        return int(cursor.fetchone()[0])


def test_a_canary_is_seen_at_every_hop_with_its_times(stack: Stack) -> None:
    answer = stack.walflow("canary", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    run = json.loads(answer.stdout)
    assert run["succeeded"]
    # Kafka and Cassandra are looked at side by side: which is seen first is not said.
    assert {(hop["change"], hop["place"]) for hop in run["hops"]} == set(HOPS)
    assert [hop["change"] for hop in run["hops"]] == [change for change, _ in HOPS]
    assert all(hop["ms"] >= 0 for hop in run["hops"])


def test_a_canary_leaves_no_row_behind_and_both_sides_equal(stack: Stack, source: Any) -> None:
    assert stack.walflow("canary").returncode == 0
    run = history.last_run(stack.settings)
    assert run is not None
    assert rows(source, run.id) == 0
    assert stack.walflow("verify", TABLE).returncode == 0


def test_a_canary_that_does_not_arrive_names_the_hop_and_what_holds_it_up(
    stack: Stack, source: Any
) -> None:
    with paused(stack):
        answer = stack.walflow("canary", "--timeout", "2")
    assert answer.returncode == 1
    told = " ".join(answer.stderr.split())
    assert "The insert was not seen in Kafka." in told
    assert "Held up by capture: Connector users is PAUSED." in told
    run = history.last_run(stack.settings)
    assert run is not None
    assert run.reason
    assert rows(source, run.id) == 0


def test_canaries_one_after_the_other_are_kept_for_others_to_look_at(stack: Stack) -> None:
    before = history.last_run(stack.settings)
    flying = subprocess.Popen(
        [WALFLOW, "canary", "--every", "1", "-o", "json"],
        env=os.environ | STACK,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert flying.stdout is not None
    runs = [json.loads(flying.stdout.readline()) for _ in range(2)]
    flying.send_signal(signal.SIGINT)
    _, errors = flying.communicate(timeout=60)
    assert "Traceback" not in errors
    kept = history.runs(stack.settings)
    assert before is not None
    assert {run["id"] for run in runs} <= {run.id for run in kept}
    shown = stack.walflow("canary", "--history", "-o", "json")
    assert {run["id"] for run in runs} <= {run["id"] for run in json.loads(shown.stdout)}
    assert "arrived" in stack.walflow("canary", "--history").stdout
