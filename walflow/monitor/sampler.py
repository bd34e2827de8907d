"""Reads the pipeline again and again in a thread of its own, and tells who watches of each reading."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from walflow.monitor.history import History
from walflow.readings.reading import Reading

WATCHED_SECONDS = 1.0
UNWATCHED_SECONDS = 5.0
"""Nobody has a page open: the charts go on, at a fifth of the cost."""

log = logging.getLogger(__name__)


class ReadsPipeline(Protocol):
    """What is wanted of `walflow.readings.reader.Reader`."""

    def read(self) -> Reading: ...

    def close(self) -> None: ...


class Sampler:
    """The last reading and the history of those before. `run` is a task of the event loop.

    Args:
        observed: called with each reading.
    """

    def __init__(
        self,
        opened: Callable[[], ReadsPipeline],
        observed: Callable[[Reading], None] = lambda _: None,
    ) -> None:
        self._opened = opened
        self._observed = observed
        self._reader: ReadsPipeline | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sampler")
        self._watchers = 0
        self._watched = asyncio.Event()
        self._sampled = asyncio.Condition()
        self._number = 0
        self.history = History()
        self.latest: Reading | None = None

    async def run(self) -> None:
        """Until it is cancelled; no reading's failure ends it."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                reading = await loop.run_in_executor(self._thread, self._read)
            except Exception:
                log.exception("a reading failed; the next one connects anew")
            else:
                await self._take(reading)
            await self._pause(began)

    async def readings(self) -> AsyncIterator[Reading]:
        """The last reading and each new one; a slow watcher misses some."""
        with self._watching():
            seen = 0
            while True:
                async with self._sampled:
                    await self._sampled.wait_for(lambda seen=seen: self._number > seen)  # type: ignore[misc]
                    seen, reading = self._number, self.latest
                if reading is not None:
                    yield reading

    def close(self) -> None:
        if self._reader is not None:
            self._thread.submit(self._reader.close)
        self._thread.shutdown(wait=True)

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        self._watchers += 1
        self._watched.set()
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._watched.clear()

    def _read(self) -> Reading:
        if self._reader is None:
            self._reader = self._opened()
        try:
            return self._reader.read()
        except Exception:
            broken, self._reader = self._reader, None
            with contextlib.suppress(Exception):  # it is given up anyway
                broken.close()
            raise

    async def _take(self, reading: Reading) -> None:
        self.history.add(reading)
        self._observed(reading)
        async with self._sampled:
            self.latest = reading
            self._number += 1
            self._sampled.notify_all()

    async def _pause(self, began: float) -> None:
        """Until the next reading is due; a first watcher ends the longer pause."""
        loop = asyncio.get_running_loop()
        left = began + WATCHED_SECONDS - loop.time()
        await asyncio.sleep(max(left, 0.05))
        if not self._watched.is_set():
            left = max(0.0, began + UNWATCHED_SECONDS - loop.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._watched.wait(), left)
