"""SIGKILL for a random process of the stack at random moments; its supervision has to mend it."""

import random
import signal
import threading
import time
from dataclasses import dataclass
from enum import StrEnum

import psutil

from walflow.settings import Settings
from walflow.stack import restarts
from walflow.stack.supervision import Supervisor

EXECUTOR = "CoarseGrainedExecutorBackend"
PYTHON_DAEMON = "change_stream.worker_daemon"
APPEAR_SECONDS = 180
"""An executor, say, comes back with the next driver, which may itself be on its way up."""
SPARED_DEATHS = 4
"""Deaths that a service must have left of those that supervision allows it, so that one kill, and what
dies with it, cannot use them up."""


class Victim(StrEnum):
    """What is killed. Where the name is a service's, its main process is."""

    CONNECT = "connect"
    DRIVER = "stream"
    EXECUTOR = "executor"
    PYTHON_WORKER = "python worker"
    KAFKA = "kafka"
    ZOOKEEPER = "zookeeper"
    REGISTRY = "registry"
    CASSANDRA = "cassandra"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class PlannedKill:
    at: float
    """Seconds from the start."""
    victim: Victim


@dataclass(frozen=True, slots=True)
class Kill:
    at: float
    victim: Victim
    pid: int

    def text(self) -> str:
        return f"{self.at:6.1f} s  {self.victim} (pid {self.pid})"


class NoVictim(Exception):
    """A process to kill did not appear: something does not come back."""


def plan_kills(
    seed: int, count: int, seconds: float, victims: tuple[Victim, ...] = tuple(Victim)
) -> tuple[PlannedKill, ...]:
    """Random moments, one in each of `count` equal spans; no victim twice before each had its turn."""
    rng = random.Random(seed)
    order: list[Victim] = []
    while len(order) < count:
        order += rng.sample(victims, len(victims))
    span = seconds / max(count, 1)
    return tuple(
        PlannedKill((number + rng.uniform(0.1, 0.9)) * span, victim)
        for number, victim in enumerate(order[:count])
    )


def find(supervisor: Supervisor, victim: Victim, rng: random.Random) -> int:
    """The pid of a living process of this kind, or 0."""
    if victim is Victim.EXECUTOR:
        return _one_of(rng, [p for p in supervisor.marked_processes() if _runs(p, EXECUTOR)])
    if victim is Victim.PYTHON_WORKER:
        daemons = [p for p in supervisor.marked_processes() if _runs(p, PYTHON_DAEMON)]
        pids = {process.pid for process in daemons}
        # The daemon itself forks a worker for each task; both have the same command line.
        return _one_of(rng, [p for p in daemons if _parent(p) in pids])
    state = supervisor.states().get(victim.value)
    return state.pid if state is not None and state.is_up else 0


class Killer:
    """Carries out a plan of kills, in a thread of its own."""

    def __init__(self, settings: Settings, seed: int, plan: tuple[PlannedKill, ...]) -> None:
        self._supervisor = Supervisor(settings)
        self._supervision = settings.supervision
        self._rng = random.Random(seed)
        self._plan = plan
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer")
        self.kills: list[Kill] = []
        self.failure: NoVictim | None = None

    @property
    def is_at_work(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        for planned in self._plan:
            self._stopped.wait(began + planned.at - time.monotonic())
            self._await_spare_deaths()
            if self._stopped.is_set():
                return
            pid = self._kill(planned.victim)
            if pid:
                self.kills.append(Kill(time.monotonic() - began, planned.victim, pid))

    def _kill(self, victim: Victim) -> int:
        give_up = time.monotonic() + APPEAR_SECONDS
        while not self._stopped.is_set():
            pid = find(self._supervisor, victim, self._rng)
            try:
                if pid:
                    psutil.Process(pid).send_signal(signal.SIGKILL)
                    return pid
            except psutil.NoSuchProcess:
                pass  # it died by itself just now
            if time.monotonic() > give_up:
                self.failure = NoVictim(f"no {victim} was alive within {APPEAR_SECONDS} s")
                self._stopped.set()
            self._stopped.wait(0.2)
        return 0

    def _await_spare_deaths(self) -> None:
        """Supervision leaves a service stopped that dies too often within its window."""
        allowed = self._supervision.max_restarts - SPARED_DEATHS
        while not self._stopped.wait(0.0 if self._most_deaths() <= allowed else 1.0):
            if self._most_deaths() <= allowed:
                return

    def _most_deaths(self) -> int:
        """Deaths of the service that died most often within supervision's window."""
        since = time.time() - self._supervision.restart_window_seconds
        deaths = restarts.read(self._supervisor.restarts_file)
        return max((sum(t > since for t in times) for times in deaths.values()), default=0)


def _one_of(rng: random.Random, processes: list[psutil.Process]) -> int:
    return rng.choice(sorted(process.pid for process in processes)) if processes else 0


def _runs(process: psutil.Process, word: str) -> bool:
    return any(word in part for part in command_of(process))


def command_of(process: psutil.Process) -> list[str]:
    """Empty for one that has just ended, also where its parent has yet to wait for it."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0
