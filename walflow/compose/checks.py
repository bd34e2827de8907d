"""What compose mode needs of this machine, checked before anything is started."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from walflow.compose.containers import PROJECT_LABEL, containers
from walflow.compose.environment import ENV_FILE, PROFILES, project, variables
from walflow.compose.file import (
    VOLUME_LABEL,
    ComposeService,
    active,
    chosen_profiles,
    volume_versions,
)
from walflow.compose.program import ask, compose, engine
from walflow.doctor.machine import GIGABYTE, Check, check
from walflow.errors import ExitCode, WalflowError
from walflow.settings import HOME, Settings
from walflow.stack.ports import require_free_ports

MEBIBYTE = 2**20
SHARE = 0.75
"""Of the sum of all memory limits: not every service is at its limit at the same time."""
NEEDED_DISK_GIGABYTES = 20
"""Images, and the build of three of them."""


def run(settings: Settings) -> Iterator[Check]:
    """All checks, one after the other, so that each can be shown as it is known."""
    known = active(variables(settings), profiles())
    yield check("settings", lambda: f"{HOME / 'pipeline.toml'} is valid")
    yield check("Docker", lambda: f"engine {engine().version}")
    yield check("Compose", lambda: compose()[1])
    yield check("memory", lambda: memory(known))
    yield check("disk", disk)
    yield check("ports", lambda: ports(settings, known))
    yield check("volumes", lambda: volumes(settings))


def require(settings: Settings, known: Mapping[str, ComposeService]) -> None:
    """The same before `up`.

    Raises:
        WalflowError: the first that does not hold.
    """
    compose()
    memory(known)
    ports(settings, known)
    volumes(settings)


def profiles() -> str:
    """The profiles in force: of the environment, or else of `.env`."""
    lines = ENV_FILE.read_text().splitlines() if ENV_FILE.exists() else []
    default = next((x.partition("=")[2] for x in lines if x.startswith(f"{PROFILES}=")), "")
    return chosen_profiles(os.environ, default)


def memory(known: Mapping[str, ComposeService]) -> str:
    """Raises WalflowError: Docker has less than the services need."""
    found = engine().memory_bytes
    limits = limit_megabytes(known) * MEBIBYTE
    if found < limits * SHARE:
        raise WalflowError(
            f"Docker has {found / GIGABYTE:.1f} GB of memory; these services need"
            f" {limits * SHARE / GIGABYTE:.1f} GB. Give it more (Docker Desktop: Settings, Resources),"
            f" or leave Control Center out: {PROFILES}=minimal.",
            ExitCode.NOT_READY,
        )
    return (
        f"{found / GIGABYTE:.0f} GB for Docker; all limits together are {limits / GIGABYTE:.1f} GB"
    )


def limit_megabytes(known: Mapping[str, ComposeService]) -> int:
    """The memory limits of all that runs at the same time, together."""
    return sum(service.memory_megabytes for service in known.values() if not service.runs_once)


def disk() -> str:
    """Raises WalflowError: too little is free where Docker keeps images and volumes."""
    root = Path(json.loads(ask(["info", "--format", "{{json .DockerRootDir}}"])))
    if not root.is_dir():
        return f"not looked at: Docker's {root} is not on this machine"
    free = shutil.disk_usage(root).free
    if free < NEEDED_DISK_GIGABYTES * GIGABYTE:
        raise WalflowError(
            f"{root} has {free / GIGABYTE:.1f} GB free, and images and data need about"
            f" {NEEDED_DISK_GIGABYTES} GB. `docker system prune` removes what nothing uses.",
            ExitCode.NOT_READY,
        )
    return f"{free / GIGABYTE:.0f} GB free in {root}"


def ports(settings: Settings, known: Mapping[str, ComposeService]) -> str:
    """Raises WalflowError: names each port in use, and who holds it."""
    up = _up(settings)
    require_free_ports(
        (name, setting, port)
        for name, service in known.items()
        if name not in up
        for setting, port in service.ports.items()
    )
    return "free, or held by this stack" if up else "all free"


def _up(settings: Settings) -> set[str]:
    return {c.service for c in containers(project(settings)) if c.is_up}


def volumes(settings: Settings) -> str:
    """Raises WalflowError: a volume holds the data of another version."""
    wanted, name = volume_versions(), project(settings)
    found = ask(["volume", "ls", "--quiet", "--filter", f"label={PROJECT_LABEL}={name}"]).split()
    told = json.loads(ask(["volume", "inspect", *found])) if found else []
    for volume in told:
        labels = volume.get("Labels") or {}
        short = str(volume["Name"]).removeprefix(f"{name}_")
        made_for = labels.get(VOLUME_LABEL, "")
        if short in wanted and made_for != wanted[short]:
            raise WalflowError(
                f"The volume {volume['Name']} holds data of version {made_for or 'unknown'}, and"
                f" docker-compose.yml has {wanted[short]}. Go back to the version that made it, or"
                " delete all data with `walflow --mode compose down --wipe`.",
                ExitCode.NOT_READY,
            )
    return f"{len(told)} of this version" if told else "none yet"
