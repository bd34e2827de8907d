"""Calls of libraries that block, in a bounded pool of threads beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from walflow.errors import ExitCode, WalflowError

WORKERS = 6
WAITING = 12

Result = TypeVar("Result")


class Blocking:
    """At most so many calls at once and so many that wait; more are refused at once."""

    def __init__(self, workers: int = WORKERS, waiting: int = WAITING) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="monitor")
        self._bound = workers + waiting
        self._taken = 0

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """What the function returns or raises.

        Raises:
            WalflowError: too much is being asked already.
        """
        if self._taken >= self._bound:
            raise WalflowError(
                f"{self._taken} questions are being answered already. Try again in a moment.",
                ExitCode.NOT_READY,
            )
        self._taken += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        # Counted until the thread is free, even if who asked has gone away.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: "asyncio.Future[Result]") -> None:
        self._taken -= 1
        if not future.cancelled():
            future.exception()  # taken note of, also where nobody waits for it any more
