"""The containers of a Compose project, as Docker's engine tells of them."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from walflow.compose.file import ComposeService
from walflow.compose.program import ask
from walflow.errors import WalflowError

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
GONE = "no such"
LOOKS = 20
NEVER = "0001-01-01"
"""Begins a time that has not been."""


@dataclass(frozen=True)
class Container:
    identifier: str
    service: str
    status: str
    """Docker's word: created, running, restarting, exited, dead…"""
    health: str
    """healthy, starting, unhealthy, or empty without a health check."""
    exit_code: int
    restarts: int
    started: float
    """Seconds since the epoch; 0 if never."""
    ended: float

    @property
    def is_up(self) -> bool:
        return self.status in ("running", "restarting", "paused")

    @property
    def run(self) -> tuple[str, float]:
        """What tells this run of the container from an earlier or later one."""
        return (self.identifier, self.started)


@dataclass(frozen=True)
class ServiceState:
    """What `walflow --mode compose status` shows of a service."""

    order: int | None
    """Place in the order of starts, from 1."""
    name: str
    state: str
    """ready, starting, unhealthy, restarting, halted, done, failed, waiting or stopped."""
    after_seconds: float | None
    """When it was started, counted from the start of the first."""
    up_seconds: float
    restarts: int
    memory_megabytes: int
    memory_limit_megabytes: int
    address: str
    reason: str

    @property
    def is_ready(self) -> bool:
        return self.state in ("ready", "done")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def as_row(self) -> tuple[str, ...]:
        order = "" if self.order is None else str(self.order)
        after = "" if self.after_seconds is None else f"+{self.after_seconds:.1f} s"
        up = time.strftime("%H:%M:%S", time.gmtime(self.up_seconds)) if self.up_seconds else ""
        memory = (
            f"{self.memory_megabytes} of {self.memory_limit_megabytes} MB"
            if self.memory_megabytes
            else ""
        )
        restarts = str(self.restarts)
        return (order, self.name, self.state, after, up, restarts, memory, self.address)


def containers(project: str) -> list[Container]:
    """Every container of a project's services, running or not.

    Raises:
        WalflowError: Docker does not answer.
    """
    filters = [f"label={PROJECT_LABEL}={project}", f"label={ONE_OFF_LABEL}=False"]
    words = [word for text in filters for word in ("--filter", text)]
    for attempt in range(1, LOOKS + 1):
        identifiers = ask(["ps", "--all", "--quiet", "--no-trunc", *words]).split()
        if not identifiers:
            break
        try:
            return [container(told) for told in json.loads(ask(["inspect", *identifiers]))]
        except WalflowError as error:
            # Compose replaces containers while they are looked at.
            if GONE not in error.sentence.lower() or attempt == LOOKS:
                raise
    return []


def container(told: Mapping[str, Any]) -> Container:
    """One entry of `docker inspect`."""
    state = told["State"]
    return Container(
        identifier=told["Id"],
        service=told["Config"]["Labels"][SERVICE_LABEL],
        status=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        exit_code=state["ExitCode"],
        restarts=told.get("RestartCount", 0),
        started=_seconds(state["StartedAt"]),
        ended=_seconds(state["FinishedAt"]),
    )


def memory(found: Iterable[Container]) -> dict[str, int]:
    """Service → memory in use, MB, of the containers that run."""
    running = {c.identifier: c.service for c in found if c.status == "running"}
    if not running:
        return {}
    lines = ask(["stats", "--no-stream", "--no-trunc", "--format", "{{json .}}", *running])
    used = (json.loads(line) for line in lines.splitlines())
    return {running[u["ID"]]: _megabytes(u["MemUsage"].split("/")[0]) for u in used}


def states(
    known: Mapping[str, ComposeService],
    found: Iterable[Container],
    used: Mapping[str, int],
    addresses: Mapping[str, str],
    now: float,
) -> list[ServiceState]:
    """The state of every known service, in the order of the starts; those never started at the end."""
    by_service = {c.service: c for c in found}
    started = sorted((c for c in by_service.values() if c.started), key=lambda c: c.started)
    order = {c.service: place for place, c in enumerate(started, start=1)}
    first = started[0].started if started else 0.0
    shown = [
        ServiceState(
            order=order.get(name),
            name=name,
            state=word(service, by_service.get(name)),
            after_seconds=by_service[name].started - first if name in order else None,
            up_seconds=now - by_service[name].started if _runs(by_service.get(name)) else 0.0,
            restarts=by_service[name].restarts if name in by_service else 0,
            memory_megabytes=used.get(name, 0),
            memory_limit_megabytes=service.memory_megabytes,
            address=addresses.get(name, ""),
            reason=_reason(service, by_service.get(name)),
        )
        for name, service in known.items()
    ]
    return sorted(shown, key=lambda s: (s.order is None, s.order or 0))


def word(service: ComposeService, found: Container | None) -> str:
    """A container's state in walflow's words."""
    match found:
        case None:
            return "stopped"
        case Container(status="running", health="starting" | "unhealthy" as health):
            return health
        case Container(status="running"):
            return "starting" if service.runs_once else "ready"
        case Container(status="created"):
            return "waiting"
        case Container(status="restarting"):
            return "restarting"
        case Container(exit_code=0) if service.runs_once:
            return "done"
        case Container(exit_code=0) if service.halts:
            return "halted"
        case Container(exit_code=0 | 130 | 137 | 143):
            return "stopped"
        case _:
            return "failed"


def _reason(service: ComposeService, found: Container | None) -> str:
    match word(service, found):
        case "halted":
            return (
                f"it is not restarted by itself. `walflow --mode compose logs {service.name} -n 5` says"
                " where it stopped and what to mend; then run `walflow --mode compose up`"
            )
        case "failed" | "restarting" | "unhealthy" as state if found is not None:
            code = f" with exit code {found.exit_code}" if state != "unhealthy" else ""
            return f"{state}{code}: see `walflow --mode compose logs {service.name}`"
        case "waiting":
            return f"waits for {', '.join(service.needs)}"
    return ""


def _runs(found: Container | None) -> bool:
    return found is not None and found.status == "running"


def _seconds(text: str) -> float:
    """Docker's time, RFC 3339 with up to nine digits of a second, as seconds since the epoch."""
    if text.startswith(NEVER):
        return 0.0
    whole, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return moment.timestamp() + float(f"0.{fraction or 0}")


def _megabytes(text: str) -> int:
    """`566.1MiB`, as `docker stats` writes it."""
    units = {"GiB": 1024.0, "MiB": 1.0, "KiB": 1 / 1024, "kB": 1 / 1024, "B": 1 / 2**20}
    text = text.strip()
    unit = next((u for u in units if text.endswith(u)), "B")
    return round(float(text.removesuffix(unit)) * units[unit])
