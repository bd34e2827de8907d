"""What `down` and `up` make of what Docker says; `docker` is a program here that says as told."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from walflow.compose import lifecycle
from walflow.compose.containers import NEVER, SERVICE_LABEL, Container
from walflow.compose.file import ComposeService
from walflow.errors import WalflowError
from walflow.settings import Settings

KAFKA = ComposeService("kafka", 512, (), (), runs_once=False)
Program = Callable[[str, str], None]
VERSION = 'case "$1 $2" in\n"compose version") echo 2.32.1;;'
RECORDING = 'compose*) echo "$*" >>said'


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Put a shell script on the PATH, before what is there."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def install(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        path.chmod(0o755)

    return install


def compose_that(script: str) -> str:
    """A `docker` without containers, whose `compose down` is the script."""
    return (
        'case "$1 $2" in\n"compose version") echo 2.32.1;;\n'
        f'"compose down") {script};;\nps*) ;;\n*) exit 1;;\nesac'
    )


def test_a_down_that_meets_another_one_at_work_is_repeated(program: Program) -> None:
    failing = 'echo "Error: No such container: 1a2b" >&2; touch met; exit 1'
    program("docker", compose_that(f"[ -e met ] || {{ {failing}; }}"))

    assert lifecycle.down(Settings(), wipe=False) == 0  # type: ignore[call-arg]


def test_any_other_failure_of_down_is_told(program: Program) -> None:
    program("docker", compose_that('echo "permission denied" >&2; exit 1'))

    with pytest.raises(WalflowError, match=r"compose down .* failed:\npermission denied"):
        lifecycle.down(Settings(), wipe=False)  # type: ignore[call-arg]


@pytest.mark.parametrize(("wipe", "flags"), [(False, ""), (True, " --volumes")])
def test_down_removes_volumes_without_a_name_and_those_with_one_only_if_told_to(
    program: Program, tmp_path: Path, wipe: bool, flags: str
) -> None:
    told = {
        "Id": "1a2b",
        "Config": {"Labels": {SERVICE_LABEL: "kafka"}},
        "State": {"Status": "exited", "ExitCode": 0, "StartedAt": NEVER, "FinishedAt": NEVER},
        "RestartCount": 0,
    }
    there = f"ps*) echo 1a2b;;\ninspect*) echo {shlex.quote(json.dumps([told]))}"
    program("docker", f"{VERSION}\n{RECORDING};;\n{there};;\nesac")

    assert lifecycle.down(Settings(), wipe=wipe) == 1  # type: ignore[call-arg]

    assert (tmp_path / "said").read_text().splitlines() == [
        "compose stop --timeout 30",
        "compose rm --force -v",
        f"compose down --remove-orphans{flags}",
    ]


def test_without_containers_compose_is_asked_once(program: Program, tmp_path: Path) -> None:
    program("docker", f"{VERSION}\n{RECORDING};;\nesac")

    assert lifecycle.down(Settings(), wipe=True) == 0  # type: ignore[call-arg]

    assert (tmp_path / "said").read_text() == "compose down --remove-orphans --volumes\n"


def starting(restarts: int) -> Container:
    return Container("1a2b", "kafka", "running", "starting", 0, restarts, 1.0, 0.0)


def test_what_dies_again_and_again_while_it_starts_is_stopped_and_told(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        'case "$1" in stop) echo "$2" >stopped;; logs) echo "its last words";; *) exit 1;; esac'
    )
    program("docker", script)
    deaths = iter([4, 5, 7])
    monkeypatch.setattr(lifecycle, "containers", lambda _: [starting(next(deaths))])
    watch = lifecycle._Watch({"kafka": KAFKA}, "walflow", lambda *_: None)

    watch.look()  # what it died before is no business of this start
    watch.look()
    with pytest.raises(WalflowError, match="kafka died 3 times while it was starting") as told:
        watch.look()

    assert "its last words" in told.value.sentence
    assert (tmp_path / "stopped").read_text() == "1a2b\n"


def test_what_compose_may_yet_replace_is_not_called_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Container("1a2b", "kafka", "running", "healthy", 0, 0, 1.0, 0.0)
    new = Container("3c4d", "kafka", "running", "healthy", 0, 0, 9.0, 0.0)
    found, told = [old], []
    monkeypatch.setattr(lifecycle, "containers", lambda _: found)
    watch = lifecycle._Watch(
        {"kafka": KAFKA}, "walflow", lambda name, *_: told.append(name), frozenset([old.run])
    )

    watch.look()
    assert (told, watch.missing(["kafka"])) == ([], ["kafka"])
    found[:] = [new]
    watch.look()
    assert (told, watch.missing(["kafka"])) == (["kafka"], [])


def test_what_was_up_and_is_left_so_is_ready_once_compose_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    up = Container("1a2b", "kafka", "running", "healthy", 0, 0, 1.0, 0.0)
    told = []
    monkeypatch.setattr(lifecycle, "containers", lambda _: [up])
    watch = lifecycle._Watch(
        {"kafka": KAFKA}, "walflow", lambda *words: told.append(words), frozenset([up.run])
    )
    watch.is_settled = True

    watch.look()

    assert told == [("kafka", 0, "ready")]
