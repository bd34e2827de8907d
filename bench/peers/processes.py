"""Peers that run as processes beside the stack: started with a log, ended by their pid."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.failure import CannotMeasure
from bench.stack import Stack
from walflow.settings import HOME

END_SECONDS = 30
LAST_LINES = 5


class Processes:
    """Some processes of one peer, each the leader of its group, so that its children end with it."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._log = stack.settings.run_dir / "logs" / f"{name}.log"
        self._name = name
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> None:
        with open(self._log, "ab") as log:
            for command in commands:
                self._running.append(
                    subprocess.Popen(
                        command,
                        cwd=HOME,
                        env=os.environ | environment,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )

    def require_alive(self) -> None:
        """Raises CannotMeasure: one of them has ended."""
        for process in self._running:
            if process.poll() is not None:
                raise CannotMeasure(
                    f"{self._name} ended with {process.returncode}: {tail(self._log)}"
                )

    def stop(self) -> None:
        for process in self._running:
            _signal(process, signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        self._running.clear()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def tail(log: Path) -> str:
    """The last lines of a log, for a sentence."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return " | ".join(lines[-LAST_LINES:]) or "its log is empty"
