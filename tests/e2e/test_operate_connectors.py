"""Connectors of two plugins operated by command: Debezium's, and a heartbeat of MirrorMaker."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.heartbeats import BYTES, HEARTBEAT, INTERVAL, SECRET, TOPIC, heartbeats
from tests.e2e.tables import sides_are_equal, target_rows
from tests.stack_environment import COMPOSE
from walflow.connect_api import ConnectApi
from walflow.connectors.kinds import DEBEZIUM
from walflow.connectors.secrets import MASK

BEATS = "e2e_beats"
WORKER_OF_CONTAINERS = "connect:8083"
"""Host and port that the worker in docker-compose.yml gives other workers."""


@pytest.fixture
def beats(stack: Stack) -> Iterator[dict[str, Any]]:
    with heartbeats(stack.settings, BEATS, ("a", "b")) as connector:
        yield connector


@pytest.fixture
def running(stack: Stack, beats: dict[str, Any]) -> dict[str, Any]:
    """The same, applied."""
    answer = stack.walflow("connectors", "apply", "-f", "-", given=json.dumps(beats))
    assert answer.returncode == 0, answer.stderr
    return beats


def _api(stack: Stack) -> ConnectApi:
    return ConnectApi(f"http://{stack.settings.address('connect')}")


def _written(folder: Path, content: dict[str, Any], **changed: str) -> str:
    file = folder / "connector.json"
    file.write_text(json.dumps(content | {"config": content["config"] | changed}))
    return str(file)


def test_applied_twice_a_connector_is_created_and_then_left_alone(
    stack: Stack, beats: dict[str, Any], tmp_path: Path
) -> None:
    file = _written(tmp_path, beats)

    foreseen = stack.walflow("connectors", "apply", "-f", file, "--dry-run")
    first = stack.walflow("connectors", "apply", "-f", file)
    second = stack.walflow("connectors", "apply", "-f", str(tmp_path))

    assert f"connector {BEATS}: would be created" in foreseen.stderr
    assert f"{BEATS}: + {INTERVAL}: 1" in foreseen.stdout
    assert f"connector {BEATS}: created, RUNNING" in first.stderr
    assert f"connector {BEATS}: unchanged, RUNNING" in second.stderr
    assert second.stdout == ""
    assert _api(stack).config(BEATS) == beats["config"]


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    stack: Stack, running: dict[str, Any], tmp_path: Path
) -> None:
    login = {"source.cluster.sasl.jaas.config": "Login required user=me password=other;"}
    file = _written(tmp_path, running, **{INTERVAL: "2"}, **login)

    answer = stack.walflow("connectors", "apply", "--dry-run", "-f", file)

    assert answer.stdout.splitlines() == [
        f"{BEATS}: ~ {INTERVAL}: 1 → 2",
        f"{BEATS}: ~ source.cluster.sasl.jaas.config: {MASK} → {MASK}",
    ]
    assert f"connector {BEATS}: would be updated" in answer.stderr
    assert _api(stack).config(BEATS) == running["config"]


def test_a_changed_file_is_applied_and_its_diff_shown(
    stack: Stack, running: dict[str, Any], tmp_path: Path
) -> None:
    answer = stack.walflow(
        "connectors", "apply", "-f", _written(tmp_path, running, **{INTERVAL: "2"})
    )
    assert answer.stdout.splitlines() == [f"{BEATS}: ~ {INTERVAL}: 1 → 2"]
    assert f"connector {BEATS}: updated, RUNNING" in answer.stderr
    assert _api(stack).config(BEATS) == running["config"] | {INTERVAL: "2"}


def test_no_command_prints_a_secret_unless_asked_and_its_mask_is_not_applied(
    stack: Stack, running: dict[str, Any]
) -> None:
    shown = stack.walflow("connectors", "get", BEATS).stdout
    asked = stack.walflow("connectors", "get", BEATS, "--show-secrets").stdout

    for printed in (
        shown,
        stack.walflow("connectors", "describe", BEATS).stdout,
        stack.walflow("connectors", "describe", BEATS, "-o", "json").stdout,
    ):
        assert MASK in printed and SECRET not in printed
    assert json.loads(asked) == running
    again = stack.walflow("connectors", "apply", "-f", "-", given=shown)
    assert again.returncode == 2
    assert f"source.cluster.sasl.jaas.config is {MASK}" in again.stderr


def test_of_a_folder_with_one_wrong_file_nothing_is_applied(
    stack: Stack, beats: dict[str, Any], tmp_path: Path
) -> None:
    good = tmp_path / "good.json"
    good.write_text(json.dumps(beats))
    wrong = tmp_path / "wrong.json"
    config = beats["config"] | {"tasks.max": "many", INTERVAL: "often"}
    wrong.write_text(json.dumps({"name": "e2e_wrong", "config": config}))

    answer = stack.walflow("connectors", "apply", "-f", str(tmp_path))

    assert answer.returncode == 1
    assert f"{wrong}: tasks.max: Invalid value many" in answer.stderr
    assert f"{wrong}: {INTERVAL}: Invalid value often" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert _api(stack).config(BEATS) is None


def test_an_unknown_plugin_is_answered_with_the_known_ones(
    stack: Stack, beats: dict[str, Any], tmp_path: Path
) -> None:
    file = _written(tmp_path, beats, **{"connector.class": "FileStreamSource"})
    answer = stack.walflow("connectors", "apply", "-f", file)
    assert answer.returncode == 2
    assert "Connect has no plugin FileStreamSource." in answer.stderr
    assert HEARTBEAT in answer.stderr and DEBEZIUM in answer.stderr


def test_the_plugins_are_listed(stack: Stack) -> None:
    listed = json.loads(stack.walflow("plugins", "list", "-o", "json").stdout)
    types = {plugin["name"]: plugin["type"] for plugin in listed}
    assert types[DEBEZIUM] == types[HEARTBEAT] == "source"
    assert set(types.values()) <= {"source", "sink"}
    everything = stack.walflow("plugins", "list", "--all").stdout
    assert BYTES in everything and "transformation" in everything


def test_some_settings_are_changed_without_a_file(stack: Stack, running: dict[str, Any]) -> None:
    answer = stack.walflow(
        "connectors",
        "patch",
        BEATS,
        "--set",
        f"{INTERVAL}=3",
        "--remove",
        "source.cluster.sasl.jaas.config",
    )
    assert answer.stdout.splitlines() == [
        f"{BEATS}: ~ {INTERVAL}: 1 → 3",
        f"{BEATS}: - source.cluster.sasl.jaas.config: {MASK}",
    ]
    assert f"connector {BEATS}: updated, RUNNING" in answer.stderr
    config = _api(stack).config(BEATS)
    assert config is not None and config[INTERVAL] == "3"
    assert "source.cluster.sasl.jaas.config" not in config


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("--set", f"{INTERVAL}=often"), 1, f"connector {BEATS}: {INTERVAL}: Invalid value often"),
        (("--remove", "nothing"), 2, f"Connector {BEATS} has no setting nothing."),
        (("--set", "nothing"), 2, "Say what to change"),
        ((), 2, "Say what to change"),
    ],
)
def test_a_wrong_patch_changes_nothing(
    stack: Stack,
    running: dict[str, Any],
    arguments: tuple[str, ...],
    code: int,
    expected: str,
) -> None:
    answer = stack.walflow("connectors", "patch", BEATS, *arguments)
    assert answer.returncode == code
    assert expected in answer.stderr
    assert _api(stack).config(BEATS) == running["config"]


def test_a_patch_that_would_part_the_users_from_the_stream_is_refused(stack: Stack) -> None:
    answer = stack.walflow("connectors", "patch", "users", "--set", "topic.prefix=other")
    assert answer.returncode == 2
    assert "topics.prefix in pipeline.toml" in answer.stderr


def test_paused_stopped_and_resumed_it_is_in_the_state_that_is_told(
    stack: Stack, running: dict[str, Any], tmp_path: Path, eventually: Any
) -> None:
    api = _api(stack)
    for command, told, tasks in (
        ("pause", "PAUSED", ("PAUSED",)),
        ("resume", "RUNNING", ("RUNNING",)),
        ("stop", "STOPPED", ()),
    ):
        answer = stack.walflow("connectors", command, BEATS)
        assert f"connector {BEATS}: {told}" in answer.stderr
        state = api.state(BEATS)
        assert (state.connector, state.tasks) == (told, tasks)

    restarted = stack.walflow("connectors", "restart", BEATS)
    assert restarted.returncode == 1
    assert f"`{stack.program} connectors resume {BEATS}`" in restarted.stderr
    applied = stack.walflow(
        "connectors", "apply", "-f", _written(tmp_path, running, **{INTERVAL: "2"})
    )
    assert f"connector {BEATS}: updated, STOPPED" in applied.stderr
    eventually(lambda: api.state(BEATS).connector, "STOPPED")


def test_a_new_connector_begins_in_the_state_that_its_file_says(
    stack: Stack, beats: dict[str, Any], eventually: Any
) -> None:
    stopped = json.dumps(beats | {"initial_state": "STOPPED"})
    answer = stack.walflow("connectors", "apply", "-f", "-", given=stopped)
    assert f"connector {BEATS}: created, STOPPED" in answer.stderr
    eventually(lambda: _api(stack).held_as(BEATS), "STOPPED")


def test_a_failed_task_is_told_with_its_cause_and_runs_again_once_that_is_mended(
    stack: Stack, running: dict[str, Any], eventually: Any
) -> None:
    numbers = "org.apache.kafka.connect.converters.LongConverter"
    stack.walflow("connectors", "patch", BEATS, "--set", f"value.converter={numbers}")

    # It is restarted within bounds, and runs each time until its first heartbeat.
    eventually(lambda: stack.walflow("connectors", "list").returncode, 1)
    eventually(
        lambda: "DataException" in stack.walflow("connectors", "describe", BEATS).stdout, True
    )
    restarted = stack.walflow("connectors", "restart", BEATS, "--tasks", "failed")
    mended = stack.walflow("connectors", "patch", BEATS, "--set", f"value.converter={BYTES}")

    assert restarted.returncode in (0, 1), restarted.stderr
    assert f"connector {BEATS}: updated, RUNNING" in mended.stderr, mended.stderr
    assert stack.walflow("connectors", "restart", BEATS, "users").returncode == 0


def test_a_description_tells_topics_offsets_and_workers(
    stack: Stack, running: dict[str, Any], eventually: Any
) -> None:
    def described() -> Any:
        return json.loads(stack.walflow("connectors", "describe", BEATS, "-o", "json").stdout)

    eventually(lambda: described()["topics"], [TOPIC])
    eventually(lambda: len(described()["offsets"]), 1)
    about = described()
    settings = stack.settings
    worker = WORKER_OF_CONTAINERS if settings.mode == COMPOSE else settings.address("connect")
    assert about["connector"]["state"] == about["tasks"][0]["state"] == "RUNNING"
    assert about["tasks"][0]["worker"] == worker
    lines = stack.walflow("connectors", "describe", "users").stdout.splitlines()
    assert f"topic      {stack.settings.source_topic}" in lines
    assert "  database.password = ${env:SOURCE_PASSWORD}" in lines


def test_offsets_are_shown_and_reset_only_while_the_connector_is_stopped(
    stack: Stack, running: dict[str, Any], eventually: Any
) -> None:
    def offsets() -> Any:
        return json.loads(stack.walflow("connectors", "offsets", "get", BEATS, "-o", "json").stdout)

    eventually(lambda: len(offsets()), 1)

    early = stack.walflow("connectors", "offsets", "reset", BEATS, "--yes")
    stack.walflow("connectors", "stop", BEATS)
    unasked = stack.walflow("connectors", "offsets", "reset", BEATS)
    kept = offsets()
    reset = stack.walflow("connectors", "offsets", "reset", BEATS, "--yes")

    assert early.returncode == 1
    assert f"`{stack.program} connectors stop {BEATS}`" in early.stderr
    assert unasked.returncode == 2
    assert len(kept) == 1
    assert reset.returncode == 0, reset.stderr
    assert "a second time" in reset.stderr
    assert offsets() == []
    assert "It has no offset" in stack.walflow("connectors", "offsets", "get", BEATS).stderr


def test_after_a_reset_of_the_users_offsets_recover_reads_anew_and_removes_the_orphans(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    user = str(uuid4())
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name) VALUES (%s, 'A', 'L')", (user,)
        )
        eventually(lambda: user in target_rows(target), True)
        stack.walflow("connectors", "stop", "users")
        cursor.execute("DELETE FROM created_users WHERE id = %s", (user,))

    reset = stack.walflow("connectors", "offsets", "reset", "users", "--yes")
    resumed = stack.walflow("connectors", "resume", "users")
    recovered = stack.walflow("recover", "--yes")

    assert f"`{stack.program} recover`" in reset.stderr
    assert resumed.returncode == 0, resumed.stderr
    assert recovered.returncode == 0, recovered.stderr
    assert user not in target_rows(target)
    eventually(lambda: sides_are_equal(stack.settings), True)
    assert "Nothing is lost" in stack.walflow("recover").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("describe",),
        ("patch", "--set", "a=b"),
        ("pause",),
        ("resume",),
        ("restart",),
        ("stop",),
        ("delete",),
        ("offsets", "get"),
        ("offsets", "reset"),
    ],
    ids=" ".join,
)
def test_an_unknown_name_is_answered_with_the_known_ones(
    stack: Stack, arguments: tuple[str, ...]
) -> None:
    answer = stack.walflow("connectors", *arguments, "no such one")
    assert answer.returncode == 2
    assert "There is no connector no such one. Connectors: " in answer.stderr
    assert "users" in answer.stderr


def test_of_several_names_with_an_unknown_one_none_is_touched(
    stack: Stack, running: dict[str, Any]
) -> None:
    answer = stack.walflow("connectors", "stop", BEATS, "userz")
    assert answer.returncode == 2
    assert _api(stack).state(BEATS).is_running


def test_the_level_of_a_logger_is_changed_while_connect_runs(stack: Stack, eventually: Any) -> None:
    name = f"e2e.{uuid4().hex}"

    answer = stack.walflow("loggers", "set", name, "debug")

    assert answer.returncode == 0, answer.stderr
    assert f"logger {name}: DEBUG on all workers" in answer.stderr

    def level() -> Any:
        listed = json.loads(stack.walflow("loggers", "list", "-o", "json").stdout)
        return {logger["name"]: logger["level"] for logger in listed}.get(name)

    eventually(level, "DEBUG")
    wrong = stack.walflow("loggers", "set", name, "loud")
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr


def test_a_file_that_was_posted_by_hand_is_unchanged_for_apply(
    stack: Stack, beats: dict[str, Any]
) -> None:
    url = f"http://{stack.settings.address('connect')}/connectors"
    assert requests.post(url, json=beats, timeout=30).status_code == 201
    answer = stack.walflow("connectors", "apply", "-f", "-", given=json.dumps(beats))
    assert f"connector {BEATS}: unchanged, RUNNING" in answer.stderr
