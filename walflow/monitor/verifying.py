"""`walflow verify`, run by a button: one at a time, in a process of its own, for a bounded time."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings

MAX_SECONDS = 900
STOP_SECONDS = 10
MAX_DIFFERENCES = 200
"""Of a table, that are shown; all are counted."""
MAX_OUTPUT = 32 * 2**20
_TABLE = re.compile(r"[^\W-][^\x00\n]{0,200}")
"""Anything but an option of the command line; verify itself knows the tables."""


@dataclass(slots=True)
class Run:
    """One run: what it is about, and what came of it."""

    began_at_ms: float
    tables: tuple[str, ...]
    """Empty: all captured ones."""
    ended_at_ms: float | None = None
    results: list[dict[str, Any]] = field(default_factory=list)
    """Of each table, as `walflow verify -o json` prints it."""
    problem: str = ""
    """Why it has no result; empty where it has one, or does not yet."""


class Verifying:
    """The run that is under way, and the last that has ended."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    def as_dict(self) -> dict[str, Any]:
        run = None if self._run is None else asdict(self._run)
        return {"is_running": self.is_running, "max_seconds": MAX_SECONDS, "run": run}

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
                run.results = await self._results(run.tables)
        except WalflowError as error:
            run.problem = error.sentence
        except TimeoutError:
            run.problem = (
                f"It was stopped after {MAX_SECONDS} s, the most that the monitor gives it. In a"
                " terminal `walflow verify` takes the time that it needs; --sample compares less."
            )
        except asyncio.CancelledError:
            run.problem = "It was stopped."
            raise
        finally:
            run.ended_at_ms = time.time() * 1000

    async def _results(self, tables: Sequence[str]) -> list[dict[str, Any]]:
        # It scans with all cores; what moves changes goes first.
        process = await asyncio.create_subprocess_exec(
            *("nice", "-n", "5", sys.executable, "-m", "walflow", "verify"),
            *("-o", "json", "--limit", str(MAX_DIFFERENCES), "--", *tables),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
            limit=MAX_OUTPUT,
            start_new_session=True,
        )
        try:
            output, messages = await process.communicate()
        finally:
            await _ended(process)
        try:
            results: list[dict[str, Any]] = json.loads(output)
        except ValueError:
            said = messages.decode(errors="replace").strip().removeprefix("✘ ")
            raise WalflowError(said or "walflow verify ended without a word.") from None
        return results


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
