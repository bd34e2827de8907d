"""What `walflow status` tells of the real pipeline, while something holds it up and while not."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psutil
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.stack_environment import STACK
from walflow.connect_api import ConnectApi
from walflow.readings.reader import Reader, read
from walflow.readings.reading import Source, StageName, StageState, Unreachable
from walflow.settings import HOME

WALFLOW = str(HOME / ".venv" / "bin" / "walflow")
USERS = "public.created_users"


@contextmanager
def paused(stack: Stack) -> Iterator[None]:
    """The connector is paused meanwhile."""
    api = ConnectApi(f"http://{stack.settings.address('connect')}")
    api.pause("users")
    try:
        yield
    finally:
        api.resume("users")


def insert(source: Any) -> str:
    user = str(uuid4())
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name, username)"
            " VALUES (%s, 'Ada', 'Lovelace', %s)",
            (user, f"ada-{user[:8]}"),
        )
    return user


def test_a_pipeline_that_keeps_up_is_healthy_and_shown_from_source_to_target(
    stack: Stack, source: Any, eventually: Any
) -> None:
    insert(source)
    with Reader(stack.settings) as reader:

        def users() -> tuple[int | None, bool, float | None]:
            (lag,) = [lag for lag in reader.read().tables if lag.table == USERS]
            return lag.lag_events, lag.is_exact, lag.lag_ms

        eventually(users, (0, True, 0.0))
        reading = reader.read()
    assert reading.held_up_by is None
    assert [stage.state for stage in reading.stages] == [StageState.OK] * 4
    (lag,) = [lag for lag in reading.tables if lag.table == USERS]
    assert lag.latency_ms is not None
    assert isinstance(reading.source, Source)
    assert reading.source.slot is not None
    assert reading.source.slot.limit_bytes == 4096 * 2**20
    answer = stack.walflow("status")
    assert answer.returncode == 0, answer.stderr
    for shown in ("STAGE", "SERVICE", "slot walflow: reserved", USERS, "connector users: RUNNING"):
        assert shown in answer.stdout
    # Which users depends on how long the table is: other tests have written and deleted many.
    assert "newest users" in answer.stdout


def test_a_paused_connector_is_named_as_what_holds_changes_up_until_it_goes_on(
    stack: Stack, eventually: Any
) -> None:
    with paused(stack):
        answer = stack.walflow("status", "-o", "json")
    told = json.loads(answer.stdout)["pipeline"]
    assert answer.returncode == 1
    assert told["held_up_by"] == (
        "capture: Connector users is PAUSED. Let it go on:"
        f" {stack.program} connectors resume users."
    )
    assert [s["name"] for s in told["stages"] if s["state"] == "held"] == ["capture"]
    assert f"held up by {told['held_up_by']}" in answer.stderr
    eventually(lambda: read(stack.settings).held_up_by, None)


def test_what_is_written_behind_a_pause_is_lag_of_capture_in_bytes_and_time(
    stack: Stack, source: Any, eventually: Any
) -> None:
    with Reader(stack.settings) as reader, paused(stack):
        reader.read()
        insert(source)

        def capture() -> bool:
            stage = reader.read().stage(StageName.CAPTURE)
            return bool(stage.lag_bytes) and (stage.lag_ms or 0) > 0

        eventually(capture, True)
        assert reader.read().stage(StageName.APPLY).state is StageState.OK


def test_a_server_that_is_away_is_told_in_its_place_and_the_others_all_the_same(
    stack: Stack,
) -> None:
    ports = stack.settings.ports.model_copy(update={"cassandra": 1, "connect": 2})
    settings = stack.settings.model_copy(update={"ports": ports})
    with Reader(settings) as reader:
        reading = reader.read()
    assert isinstance(reading.source, Source)
    assert isinstance(reading.stream, Unreachable)
    assert isinstance(reading.connectors, Unreachable)
    assert {"Kafka Connect", "Cassandra"} <= {part.what for part in reading.unreachable}
    assert reading.stage(StageName.APPLY).state is StageState.UNKNOWN


def test_readings_one_after_the_other_take_no_more_memory_each_time(stack: Stack) -> None:
    process = psutil.Process()
    with Reader(stack.settings) as reader:
        for _ in range(20):
            reader.read()
        before = process.memory_info().rss
        for _ in range(100):
            reader.read()
    assert process.memory_info().rss - before < 10 * 2**20


def test_watch_shows_look_after_look_and_ends_with_ctrl_c_without_a_traceback(
    stack: Stack,
) -> None:
    command = [WALFLOW, "status", "--watch", "--every", "0.2", "-o", "json"]
    watching = subprocess.Popen(
        command, env=os.environ | STACK, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    looks = [json.loads(watching.stdout.readline()) for _ in range(3)]
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=30)
    assert looks[0]["taken_at_ms"] < looks[1]["taken_at_ms"] < looks[2]["taken_at_ms"]
    assert looks[2]["source"]["wal"]["bytes_per_second"] is not None
    assert watching.returncode in (0, 1)
    assert "Traceback" not in errors


def test_counts_that_are_not_kept_are_told_though_every_row_arrives(
    stack: Stack, target: Session
) -> None:
    target.execute(
        "INSERT INTO walflow.aggregate_failure (query, since, reason)"
        " VALUES ('aggregates', toTimestamp(now()), 'no column area')"
    )
    try:
        answer = stack.walflow("status", "-o", "json")
    finally:
        target.execute("DELETE FROM walflow.aggregate_failure WHERE query = 'aggregates'")
    told = json.loads(answer.stdout)["pipeline"]
    assert answer.returncode == 1
    assert told["stream"]["counts_failure"]["reason"] == "no column area"
    assert f"no column area. `{stack.program} logs stream` tells more." in " ".join(
        told["problems"]
    )
