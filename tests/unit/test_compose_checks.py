"""What Docker lacks is told in a sentence; `docker` is a program here that says what it is told to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from walflow.compose import checks, environment, program
from walflow.compose.file import ComposeService
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings

Docker = Callable[..., None]
GIBIBYTE = 2**30


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Put a `docker` on the PATH, alone, that prints one answer per subcommand."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(**answers: tuple[int, str, str]) -> None:
        lines = ["#!/bin/sh", 'case "$1" in']
        for word, (code, output, error) in answers.items():
            for stream, text in ((1, output), (2, error)):
                (tmp_path / f"{word}.{stream}").write_text(text)
            lines.append(
                f'{word}) while read -r l; do echo "$l"; done <{tmp_path}/{word}.1;'
                f' while read -r l; do echo "$l" >&2; done <{tmp_path}/{word}.2; exit {code};;'
            )
        lines.append("*) exit 1;; esac")
        path = tmp_path / "docker"
        path.write_text("\n".join(lines))
        path.chmod(0o755)

    return install


def info(**told: Any) -> tuple[int, str, str]:
    answer = {"ServerVersion": "24.0.7", "MemTotal": 16 * GIBIBYTE, "NCPU": 4, **told}
    return 0, json.dumps(answer) + "\n", ""


def refusal(look: Callable[[], object]) -> str:
    with pytest.raises(WalflowError) as caught:
        look()
    assert caught.value.exit_code is ExitCode.NOT_READY
    return caught.value.sentence


def test_missing_docker_is_told_with_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(program.engine).startswith("docker is missing. On Debian: apt-get install")


def test_an_engine_that_answers(docker: Docker) -> None:
    docker(info=info())
    assert program.engine() == program.Engine("24.0.7", 16 * GIBIBYTE, 4)


def test_a_daemon_that_does_not_run(docker: Docker) -> None:
    docker(info=(1, "", "Cannot connect to the Docker daemon.\n"))
    assert refusal(program.engine).startswith("Docker's daemon does not answer: Cannot connect")


def test_a_daemon_that_may_not_be_used(docker: Docker) -> None:
    docker(info=(1, "", "permission denied while trying to connect to the Docker daemon\n"))
    assert "sudo usermod -aG docker" in refusal(program.engine)


def test_an_engine_that_is_too_old(docker: Docker) -> None:
    docker(info=info(ServerVersion="19.03.15"))
    assert refusal(program.engine).startswith("Docker engine 19.03.15 is too old: 20.10 is")


def test_compose_as_a_plugin(docker: Docker, tmp_path: Path) -> None:
    docker(compose=(0, "v2.32.1\n", ""))
    assert program.compose() == ((str(tmp_path / "docker"), "compose"), "2.32.1")


def test_no_compose(docker: Docker) -> None:
    docker(info=info())
    assert refusal(program.compose).startswith("Docker Compose is missing.")


def test_a_compose_that_is_too_old(docker: Docker, tmp_path: Path) -> None:
    docker(info=info())
    alone = tmp_path / "docker-compose"
    alone.write_text("#!/bin/sh\necho 1.25.0\n")
    alone.chmod(0o755)
    assert refusal(program.compose).startswith("Docker Compose 1.25.0 is too old: 1.29 is")


def test_too_little_memory_for_docker(docker: Docker) -> None:
    docker(info=info(MemTotal=2 * GIBIBYTE))
    services = {"kafka": ComposeService("kafka", 12 * 1024, (), (), False)}
    sentence = refusal(lambda: checks.memory(services))
    assert sentence.startswith("Docker has 2.1 GB of memory; these services need 9.7 GB.")


def test_what_prepares_and_ends_takes_no_memory_beside_the_rest() -> None:
    services = {
        "kafka": ComposeService("kafka", 512, (), (), runs_once=False),
        "setup": ComposeService("setup", 256, (), (), runs_once=True),
    }
    assert checks.limit_megabytes(services) == 512


@pytest.mark.parametrize("label", ["postgres-17", ""])
def test_a_volume_of_another_version(docker: Docker, label: str) -> None:
    told = [{"Name": "walflow_postgres", "Labels": {"walflow.version": label}}]
    docker(volume=(0, json.dumps(told) + "\n", ""))
    sentence = refusal(lambda: checks.volumes(Settings()))  # type: ignore[call-arg]
    assert sentence.startswith(
        f"The volume walflow_postgres holds data of version {label or 'unknown'}, and"
        " docker-compose.yml has postgres-18."
    )


def test_the_profile_is_the_environments_or_else_the_env_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(environment.PROFILES, raising=False)
    assert checks.profiles() == environment.CONTROL_CENTER
    monkeypatch.setenv(environment.PROFILES, environment.MINIMAL)
    assert checks.profiles() == environment.MINIMAL


def test_ports_are_published_with_the_offset_and_projects_are_named_by_run_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [n for n in os.environ if n.startswith("WALFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WALFLOW_PORTS__OFFSET", "20000")
    monkeypatch.setenv("WALFLOW_PATHS__RUN", ".run-test")
    found = environment.variables(Settings())  # type: ignore[call-arg]
    assert found["WALFLOW_PORTS__KAFKA"] == "29092"
    assert found["COMPOSE_PROJECT_NAME"] == "walflow-test"


@pytest.mark.parametrize("command", ["up", "down", "status", "demo"])
def test_without_docker_a_command_ends_with_3_and_a_sentence(command: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "from walflow.cli.app import main; main()", command],
        env=os.environ | {"WALFLOW_MODE": "compose", "PATH": "/nonexistent"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == ExitCode.NOT_READY
    assert "docker is missing. On Debian: apt-get install" in answer.stderr
    assert "Traceback" not in answer.stderr
