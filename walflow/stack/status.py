"""What can be said of each service right now."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from walflow.advice import ticked, typed
from walflow.connect_api import ConnectApi, ConnectorState
from walflow.errors import WalflowError
from walflow.recovery import Loss, find_loss, slot_is_missing
from walflow.settings import Settings
from walflow.stack import restarts
from walflow.stack.catalogue import services
from walflow.stack.connector_restarts import gave_up, key_of
from walflow.stack.service import NotReady, Service
from walflow.stack.supervision import ProcessState, Supervisor

SLOT_LOST = "slot lost"


@dataclass(frozen=True)
class ServiceState:
    name: str
    state: str
    """ready, starting, restarting, halted, gave up, or stopped."""
    pid: int
    up_seconds: float
    restarts: int
    """Deaths since the stack was started, each followed by a restart within bounds."""
    memory_megabytes: int
    """Resident memory of the process and its children."""
    address: str
    reason: str
    """Why it is not ready, or empty."""

    @property
    def is_ready(self) -> bool:
        return self.state == "ready"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def as_row(self) -> tuple[str, ...]:
        if not self.pid:
            return (self.name, self.state, "", "", str(self.restarts or ""), "", self.address)
        up = time.strftime("%H:%M:%S", time.gmtime(self.up_seconds))
        memory = f"{self.memory_megabytes} MB"
        return (self.name, self.state, str(self.pid), up, str(self.restarts), memory, self.address)


def service_states(settings: Settings) -> list[ServiceState]:
    """The state of every service; readiness is asked of all at the same time."""
    supervisor = Supervisor(settings)
    max_restarts = settings.supervision.max_restarts
    processes = supervisor.states()
    deaths = restarts.read(supervisor.restarts_file) if processes else {}

    def state_of(service: Service) -> ServiceState:
        died = len(deaths.get(service.name, []))
        return _state(service, processes.get(service.name), died, max_restarts)

    known = list(services(settings).values())
    with ThreadPoolExecutor(max_workers=len(known)) as pool:
        return list(pool.map(state_of, known))


@dataclass(frozen=True)
class ConnectorHealth:
    name: str
    state: str
    """running, failed, gave up, slot lost, or what else Connect says of it."""
    restarts: int
    """Failures since the stack was started, each followed by a restart within bounds."""
    reason: str
    """Why it does not run and what to do, or empty."""

    @property
    def has_failed(self) -> bool:
        return self.state in ("failed", "gave up", SLOT_LOST)

    @property
    def sentence(self) -> str:
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        restarted = f", restarted {times}" if self.restarts else ""
        return f"connector {self.name}: {self.state}{restarted}" + (
            f": {self.reason}" if self.reason else ""
        )


def connector_failures(settings: Settings) -> dict[str, list[float]]:
    """Failures since the stack was started: name → times, seconds since the epoch."""
    return restarts.read(Supervisor(settings).connector_deaths)


def connector_healths(
    settings: Settings, failures: Mapping[str, list[float]]
) -> list[ConnectorHealth]:
    """The state of every connector.

    Args:
        failures: what has been noted of connectors that failed.

    Raises:
        WalflowError: Connect does not answer.
    """
    states = ConnectApi(f"http://{settings.address('connect')}").states()
    loss = _loss(settings, states)
    return [
        _health(settings, state, failures.get(key_of(state.name), []), loss) for state in states
    ]


def _loss(settings: Settings, states: Sequence[ConnectorState]) -> Loss | None:
    """What there is to recover from; PostgreSQL is asked even where every connector runs."""
    with contextlib.suppress(WalflowError):
        if any(state.has_failed for state in states) or slot_is_missing(settings):
            return find_loss(settings)
    return None


def _health(
    settings: Settings, state: ConnectorState, failures: list[float], loss: Loss | None
) -> ConnectorHealth:
    advice = f"See {ticked('logs connect')}."
    if loss is not None and loss.connector == state.name:
        advice = f"{loss.sentence} Run: {typed('recover')}"
        if not state.has_failed:
            return ConnectorHealth(state.name, SLOT_LOST, len(failures), advice)
    if not state.has_failed:
        word = "running" if state.is_running else state.connector.lower()
        return ConnectorHealth(state.name, word, len(failures), "")
    supervision = settings.supervision
    is_left = gave_up(failures, supervision.max_restarts, supervision.restart_window_seconds)
    reason = f"{state.reason}. {advice}"
    return ConnectorHealth(state.name, "gave up" if is_left else "failed", len(failures), reason)


def _state(
    service: Service, process: ProcessState | None, died: int, max_restarts: int
) -> ServiceState:
    if process is None or not process.is_up:
        words = {"BACKOFF": "restarting", "EXITED": "restarting", "FATAL": "gave up"}
        state = words.get(process.state, "stopped") if process else "stopped"
        if state == "stopped" and died > max_restarts:
            state = "gave up"
        reason = f"died {died} times: see {ticked(f'logs {service.name}')}" if died else ""
        if process is not None and process.is_halted:
            state = "halted"
            reason = (
                f"it is not restarted by itself. {ticked(f'logs {service.name} -n 5')} says where it"
                f" stopped and what to mend; then run {ticked('up')}"
            )
        return ServiceState(service.name, state, 0, 0, died, 0, service.url, reason)
    try:
        service.readiness.check()
        state, reason = "ready", ""
    except NotReady as problem:
        state, reason = "starting", f"{problem} (when ready it {service.readiness.condition})"
    up_seconds = time.time() - process.started
    memory = _memory(process.pid)
    return ServiceState(
        service.name, state, process.pid, up_seconds, died, memory, service.url, reason
    )


def _memory(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.Error:
        pass
    return total // 2**20
