"""Docker's programs on this machine: the engine's client and Compose, plugin or stand-alone."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from walflow.errors import ExitCode, WalflowError

MIN_ENGINE = (20, 10)
MIN_COMPOSE = (1, 29)
"""The first that waits for `service_completed_successfully`."""
SECONDS = 60
HOW = (
    "On Debian: apt-get install -y docker.io docker-compose; elsewhere see"
    " https://docs.docker.com/engine/install/"
)


@dataclass(frozen=True)
class Engine:
    """The Docker engine that answers."""

    version: str
    memory_bytes: int
    """What containers can have together; on Docker Desktop, less than the machine's."""
    cores: int


def docker() -> str:
    """The path of `docker`.

    Raises:
        WalflowError: there is none.
    """
    path = shutil.which("docker")
    if path is None:
        raise WalflowError(f"docker is missing. {HOW}", ExitCode.NOT_READY)
    return path


def engine() -> Engine:
    """Ask the engine what it is.

    Raises:
        WalflowError: Docker is missing or too old, the daemon does not run, or it may not be used.
    """
    result = _run([docker(), "info", "--format", "{{json .}}"])
    told = _json(result.stdout)
    problem = (result.stderr + " ".join(told.get("ServerErrors") or ())).strip()
    version = str(told.get("ServerVersion") or "")
    if not version:
        raise WalflowError(_unreachable(problem), ExitCode.NOT_READY)
    require("Docker engine", version, MIN_ENGINE)
    return Engine(version, int(told.get("MemTotal", 0)), int(told.get("NCPU", 0)))


def _unreachable(problem: str) -> str:
    if "permission denied" in problem.lower():
        return (
            "You may not use Docker's daemon. Add yourself to its group and log in again:"
            " sudo usermod -aG docker $USER"
        )
    return (
        f"Docker's daemon does not answer: {problem or 'it says nothing'}. Start it: `sudo systemctl"
        " start docker`, or Docker Desktop."
    )


def compose() -> tuple[tuple[str, ...], str]:
    """The command line of Compose and its version; the plugin before the stand-alone program.

    Raises:
        WalflowError: there is neither, or it is too old.
    """
    commands: list[tuple[str, ...]] = [(docker(), "compose")]
    if alone := shutil.which("docker-compose"):
        commands.append((alone,))
    for command in commands:
        result = _run([*command, "version", "--short"])
        version = result.stdout.strip().removeprefix("v")
        if result.returncode == 0 and version[:1].isdigit():
            require("Docker Compose", version, MIN_COMPOSE)
            return command, version
    raise WalflowError(f"Docker Compose is missing. {HOW}", ExitCode.NOT_READY)


def require(what: str, version: str, least: tuple[int, int]) -> None:
    """Refuse a version below the least that the compose file needs.

    Raises:
        WalflowError: names both.
    """
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < least:
        raise WalflowError(
            f"{what} {version} is too old: {least[0]}.{least[1]} is the least that works. {HOW}",
            ExitCode.NOT_READY,
        )


def ask(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a docker command prints.

    Raises:
        WalflowError: it failed; with what it said.
    """
    result = _run([docker(), *arguments], environment)
    if result.returncode != 0:
        said = result.stderr.strip() or result.stdout.strip()
        raise WalflowError(f"`docker {arguments[0]}` failed: {said}", ExitCode.NOT_READY)
    return result.stdout


def _run(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise WalflowError(
            f"`{' '.join(command)}` did not answer for {SECONDS} s. Is Docker's daemon well?",
            ExitCode.NOT_READY,
        ) from error


def _json(text: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(text)
    except ValueError:
        return {}
    return content
