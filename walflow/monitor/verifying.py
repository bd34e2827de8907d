"""`walflow verify`, run by a button: one at a time, in a process of its own, for a bounded time."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.verify.history import last_verified, runs

MAX_SECONDS = 900
STOP_SECONDS = 10
SHOWN = 20
"""Former runs."""
COMMAND = ("nice", "-n", "5", sys.executable, "-m", "walflow", "verify")
"""It scans with all cores; what moves changes goes first."""
_TABLE = re.compile(r"[^\W-][^\x00\n]{0,200}")
"""Anything but an option of the command line; verify itself knows the tables."""


@dataclass(slots=True)
class Run:
    """A run that was begun here. What it finds it notes itself, beside those of the command line."""

    began_at_ms: float
    tables: tuple[str, ...]
    """Empty: all captured ones."""
    ended_at_ms: float | None = None
    problem: str = ""
    """Why it found nothing out; empty where it did, or has not yet."""


class Verifying:
    """The run that is under way or has ended last, and the results of all."""

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        self._settings = settings
        self._command = command
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    def as_dict(self) -> dict[str, Any]:
        run = None if self._run is None else asdict(self._run)
        return {
            "is_running": self.is_running,
            "max_seconds": MAX_SECONDS,
            "run": run,
            "results": [
                asdict(each) | {"verdict": each.verdict} for each in runs(self._settings, SHOWN)
            ],
        }

    def start(self, tables: Sequence[str]) -> None:
        """Begin a run.

        Raises:
            WalflowError: one is under way, or a table's name is none.
        """
        if self.is_running:
            raise WalflowError("A comparison is under way already: wait for it, or stop it.")
        if wrong := [name for name in tables if not _TABLE.fullmatch(name)]:
            raise WalflowError(f"{wrong[0]!r} is no table's name.", ExitCode.USAGE)
        self._run = Run(time.time() * 1000, tuple(tables))
        self._task = asyncio.create_task(self._verify(self._run))

    async def stop(self) -> None:
        """End the run that is under way, if one is."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _verify(self, run: Run) -> None:
        try:
            async with asyncio.timeout(MAX_SECONDS):
                said = await self._said(run.tables)
            last = last_verified(self._settings)
            if last is None or last.at_ms < run.began_at_ms:
                run.problem = said or f"{ticked('verify')} ended without a word."
        except TimeoutError:
            run.problem = (
                f"It was stopped after {MAX_SECONDS} s, the most that the monitor gives it. In a"
                f" terminal {ticked('verify')} takes the time that it needs."
            )
        except asyncio.CancelledError:
            run.problem = "It was stopped."
            raise
        finally:
            run.ended_at_ms = time.time() * 1000

    async def _said(self, tables: Sequence[str]) -> str:
        """Run it; what it tells people beside its result."""
        process = await asyncio.create_subprocess_exec(
            *(*self._command, "--", *tables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, messages = await process.communicate()
        finally:
            await _ended(process)
        return messages.decode(errors="replace").strip().removeprefix("✘ ")


async def _ended(process: asyncio.subprocess.Process) -> None:
    """As by Ctrl-C, upon which it ends its own scanners; what is left after that is killed."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
