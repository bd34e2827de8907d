"""docker-compose.yml, as far as walflow needs to know it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from walflow.compose.environment import MINIMAL, PROFILES
from walflow.errors import ExitCode, WalflowError
from walflow.settings import HOME

FILE = HOME / "docker-compose.yml"
VOLUME_LABEL = "walflow.version"
"""Label of a volume: the version of the server whose data it holds."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_MEMORY = re.compile(r"^(\d+)([mg])$")


@dataclass(frozen=True)
class ComposeService:
    """One service of the file."""

    name: str
    memory_megabytes: int
    """Its limit."""
    profiles: tuple[str, ...]
    needs: tuple[str, ...]
    runs_once: bool
    """Whether it prepares something and ends."""
    halts: bool = False
    """Whether it may end by itself, with 0, and is then left so."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Setting under `[ports]` → port on this machine."""


def services(variables: Mapping[str, str]) -> dict[str, ComposeService]:
    """Every service of the file, with the variables put in."""
    return {name: _service(name, body, variables) for name, body in read()["services"].items()}


def active(variables: Mapping[str, str], profiles: str) -> dict[str, ComposeService]:
    """The services that `up` starts with these profiles, separated by commas."""
    chosen = set(profiles.split(","))
    return {
        name: service
        for name, service in services(variables).items()
        if not service.profiles or chosen & set(service.profiles)
    }


def volume_versions() -> dict[str, str]:
    """Volume → version of the server that made its data."""
    return {
        name: str(body["labels"][VOLUME_LABEL])
        for name, body in read()["volumes"].items()
        if body and VOLUME_LABEL in body.get("labels", {})
    }


def read() -> dict[str, Any]:
    """The file's content.

    Raises:
        WalflowError: it is missing.
    """
    try:
        content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    except OSError as error:
        raise WalflowError(f"{FILE} cannot be read: {error.strerror}.", ExitCode.USAGE) from error
    return content


def _service(name: str, body: dict[str, Any], variables: Mapping[str, str]) -> ComposeService:
    return ComposeService(
        name=name,
        memory_megabytes=megabytes(_filled(str(body["mem_limit"]), variables)),
        profiles=tuple(body.get("profiles", ())),
        needs=tuple(body.get("depends_on", {})),
        runs_once=body.get("restart") == "no",
        halts=str(body.get("restart")).startswith("on-failure"),
        ports=dict(_port(text, variables) for text in body.get("ports", ())),
    )


def megabytes(text: str) -> int:
    """A memory limit as the file writes it, `512m` or `2g`, in MB."""
    match = _MEMORY.match(text)
    if match is None:
        raise WalflowError(f"{FILE}: {text} is not a memory limit such as 512m.", ExitCode.USAGE)
    return int(match[1]) * (1024 if match[2] == "g" else 1)


def _filled(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables[match[1]], text)


def _port(text: str, variables: Mapping[str, str]) -> tuple[str, int]:
    """Of `127.0.0.1:${WALFLOW_PORTS__KAFKA}:9092`: the setting, and its port on this machine."""
    match = _VARIABLE.search(text)
    if match is None:
        raise WalflowError(f"{FILE}: the port {text} does not come from [ports].", ExitCode.USAGE)
    return match[1].rpartition("__")[2].lower(), int(variables[match[1]])


def chosen_profiles(environment: Mapping[str, str], default: str) -> str:
    """The profiles in force: the environment's, or `.env`'s default."""
    return environment.get(PROFILES) or default or MINIMAL
