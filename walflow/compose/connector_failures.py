"""Failures of connectors, which the container connector-restarts notes since its start."""

import json
from pathlib import Path

from walflow.compose.containers import containers
from walflow.compose.environment import project
from walflow.compose.program import ask
from walflow.errors import WalflowError
from walflow.settings import Settings

SERVICE = "connector-restarts"
RUN = ".run"
"""Run directory within containers, below their working directory."""
FILE = "connector-restarts.json"


def file(settings: Settings) -> Path:
    """Where they are noted, within the container."""
    return settings.run_dir / FILE


def read(settings: Settings) -> dict[str, list[float]]:
    """Name → times of failures, seconds since the epoch; empty where there is no such container."""
    for container in containers(project(settings)):
        if container.service == SERVICE and container.status == "running":
            try:
                # There is no such file before the first failure.
                told = ask(["exec", container.identifier, "cat", f"{RUN}/{FILE}"])
                failures: dict[str, list[float]] = json.loads(told)
            except (WalflowError, ValueError):
                return {}
            return failures
    return {}
