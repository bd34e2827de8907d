"""What up, down, restart, status, logs and doctor do in compose mode."""

import os
import sys
import time
from collections.abc import Iterator, Sequence

from walflow.advice import typed
from walflow.cli.output import messages
from walflow.compose import checks as compose_checks
from walflow.compose import containers, lifecycle
from walflow.compose.environment import project
from walflow.doctor.machine import Check
from walflow.settings import Settings

COLUMNS = ("ORDER", "SERVICE", "STATE", "STARTED", "UP", "RESTARTS", "MEMORY", "ADDRESS")
NOT_HTTP = ("cassandra", "kafka", "postgres")


def up(settings: Settings, names: Sequence[str], *, anew: bool = False) -> None:
    """A line per service when it is ready; Compose's own output goes to a file."""
    began = time.monotonic()

    def ready(name: str, seconds: float, state: str) -> None:
        messages.print(f"[green]✔[/green] {name:<22}{seconds:7.1f} s  {state}", highlight=False)

    messages.print("Docker Compose builds and starts; the first time it downloads a few GB.")
    try:
        lifecycle.up(settings, names, ready, anew=anew)
    except KeyboardInterrupt:
        messages.print("Stopped what had been started.", style="yellow")
        raise
    messages.print(f"All up after {time.monotonic() - began:.1f} s", highlight=False)
    messages.print(f"Stop it with: {typed('down')}", style="dim")


def down(settings: Settings, *, wipe: bool) -> None:
    count = lifecycle.down(settings, wipe=wipe)
    messages.print(f"Removed {count} containers." if count else "No containers were there.")
    if wipe:
        messages.print(f"Deleted the volumes of the project {project(settings)}.")


def states(settings: Settings) -> list[containers.ServiceState]:
    found = containers.containers(project(settings))
    known = lifecycle.started_services(settings)
    return containers.states(
        known, found, containers.memory(found), _addresses(settings), time.time()
    )


def logs(settings: Settings, service: str, lines: int, follow: bool) -> None:
    command = lifecycle.log_command(settings, service, lines, follow)
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())  # a log is data, whichever way it was written
    os.execvp(command[0], command)


def checks(settings: Settings) -> Iterator[Check]:
    return compose_checks.run(settings)


def _addresses(settings: Settings) -> dict[str, str]:
    """What a person opens or connects to: the published ports."""
    return {
        name: f"{'' if name in NOT_HTTP else 'http://'}{settings.address(setting)}"
        for name, service in lifecycle.started_services(settings).items()
        for setting in service.ports
    }
