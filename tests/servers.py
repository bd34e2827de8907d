"""What tests do to a stack's servers, in either mode: processes of this machine, or containers."""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import psutil

from tests.workload.kills import Victim, find
from walflow.compose import lifecycle as in_containers
from walflow.compose.containers import Container, containers, word
from walflow.compose.environment import project, variables
from walflow.compose.file import services
from walflow.compose.program import ask
from walflow.settings import Settings
from walflow.stack import lifecycle
from walflow.stack.supervision import Supervisor

EXECUTOR = "executor"
"""Name of the stream's executor, which is no service of its own."""
CHECKPOINT = "data/checkpoint/commits"
"""Below the run directory."""


class Servers(Protocol):
    """The servers of a stack."""

    def stop(self, name: str) -> None:
        """Stop a service; nothing brings it back by itself."""

    def start(self, name: str) -> None:
        """Start a stopped service, without waiting for it."""

    def kill(self, name: str) -> None:
        """End a service without a word to it."""

    def run_of(self, name: str) -> str:
        """What tells a service's run of now from an earlier one."""

    def has_halted(self, name: str) -> bool:
        """Whether a service ended by itself and stays so until it is started again."""

    def paused(self, name: str) -> AbstractContextManager[None]:
        """A service, or `EXECUTOR`, gets no time, as if its machine had none."""

    def last_commit_ms(self) -> float:
        """When the stream's checkpoint has recorded the end of a batch; 0: never."""

    def left_over(self) -> list[str]:
        """What is there of the stack, which is down."""

    def remove(self) -> None:
        """Take the stack down and delete its data."""


class Processes:
    """Local mode."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._supervisor = settings, Supervisor(settings)

    def stop(self, name: str) -> None:
        self._supervisor.stop(name)

    def start(self, name: str) -> None:
        self._supervisor.start(name)

    def kill(self, name: str) -> None:
        os.kill(self._pid(name), signal.SIGKILL)

    def run_of(self, name: str) -> str:
        return str(self._pid(name))

    def has_halted(self, name: str) -> bool:
        return self._supervisor.states()[name].is_halted

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        pid = self._pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def last_commit_ms(self) -> float:
        commits = (self._settings.run_dir / CHECKPOINT).glob("[0-9]*")
        return max((path.stat().st_mtime * 1000 for path in commits), default=0)

    def left_over(self) -> list[str]:
        found = psutil.process_iter(["cmdline"])
        return [
            str(p) for p in (*self._supervisor.marked_processes(), *filter(self._is_ours, found))
        ]

    def remove(self) -> None:
        lifecycle.down(self._settings)
        lifecycle.wipe(self._settings)

    def _pid(self, name: str) -> int:
        if name == EXECUTOR:
            return find(self._supervisor, Victim.EXECUTOR, random.Random())
        return self._supervisor.states()[name].pid

    def _is_ours(self, process: psutil.Process) -> bool:
        run_dir = str(self._settings.run_dir)
        return any(run_dir in part for part in process.info["cmdline"] or [])


class Containers:
    """Compose mode. The executor is in the worker's container."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._project = settings, project(settings)

    def stop(self, name: str) -> None:
        ask(["stop", self._container(name).identifier])

    def start(self, name: str) -> None:
        ask(["start", self._container(name).identifier])

    def kill(self, name: str) -> None:
        # `docker kill` would count as stopped by hand, which no restart policy undoes.
        told = ask(["inspect", "--format", "{{.State.Pid}}", self._container(name).identifier])
        os.kill(int(told), signal.SIGKILL)

    def run_of(self, name: str) -> str:
        container = self._container(name)
        return f"{container.identifier} {container.started}"

    def has_halted(self, name: str) -> bool:
        service = services(variables(self._settings))[name]
        return word(service, self._container(name)) == "halted"

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        container = self._container("spark-worker" if name == EXECUTOR else name).identifier
        ask(["pause", container])
        try:
            yield
        finally:
            ask(["unpause", container])

    def last_commit_ms(self) -> float:
        look = ["find", f".run/{CHECKPOINT}", "-name", "[0-9]*", "-printf", "%T@\n"]
        times = ask(["exec", self._container("stream").identifier, *look]).split()
        return max((float(seconds) * 1000 for seconds in times), default=0)

    def left_over(self) -> list[str]:
        networks = ask(["network", "ls", "--quiet", "--filter", f"name={self._project}_"]).split()
        return [*(c.service for c in containers(self._project)), *networks]

    def remove(self) -> None:
        in_containers.down(self._settings, wipe=True)

    def _container(self, name: str) -> Container:
        return next(c for c in containers(self._project) if c.service == name)
