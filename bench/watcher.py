"""Watches rows of Cassandra in a process of its own: when was each first found by a read?

Every watched row counts. What is told of one is the moment at which the answer that held it had
come, and the moment at which the last read without it was begun: the row became visible between the
two, and the later one counts.
"""

import heapq
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

from bench.cql_reader import KeyReader
from bench.failure import CannotMeasure

MOST_KEYS_A_READ = 16
LEAST_PAUSE_SECONDS = 0.002
AGE_SHARE = 0.1
"""A row is looked for again once it is older by this share: its latency is at most so much too high."""
IDLE_SHARE = 3.0
"""The watcher rests so many times as long as its last read took, and reads for a quarter of the time."""
MOST_REST_SECONDS = 0.005
"""But no longer: a read that waited for a pause of Cassandra's was no load, and rows come behind it."""
CHECK_SECONDS = 1.0
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Place:
    """A table in Cassandra."""

    host: str
    port: int
    keyspace: str
    table: str


@dataclass(frozen=True, slots=True)
class Seen:
    """When a row was first found; seconds of the monotonic clock, which all processes share."""

    at: float
    not_before: float
    """Begin of the last read that did not find it, or when it was first looked for."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a watcher process is told. Rows are looked for in their order, once they may be there."""

    place: Place
    keys: tuple[bytes, ...]
    due: tuple[float, ...] | None
    """When to begin to look for each (monotonic seconds); None: once `released` counts it."""
    patience: float
    """Give up when nothing has been found for so many seconds."""
    pause: float
    window: int | None = None
    """Look for so many rows at a time, the first that are missing, and for each again after `pause`
    however old it is: of rows that all were written long ago. None: for all that may be there."""


class Watcher:
    """A running watcher process; `result` waits for its end.

    Args:
        keys: of the rows, in the order in which they come.
        due, window: as in `Assignment`.
    """

    def __init__(
        self,
        place: Place,
        keys: Sequence[UUID],
        due: Sequence[float] | None,
        patience: float,
        pause: float = LEAST_PAUSE_SECONDS,
        window: int | None = None,
    ) -> None:
        self._count = len(keys)
        self.released: Any = _SPAWN.Value("q", 0)
        """How many rows, from the first on, have been committed: set by a sender without schedule."""
        self.visible: Any = _SPAWN.Value("q", 0)
        """How many rows have been found."""
        self._wanted: Any = _SPAWN.Value("q", len(keys))
        self._receiver, sender = _SPAWN.Pipe(duplex=False)
        self._assignment = Assignment(
            place,
            tuple(k.bytes for k in keys),
            None if due is None else tuple(due),
            patience,
            pause,
            window,
        )
        self._process = _SPAWN.Process(
            target=_watch,
            args=(self._assignment, self.released, self.visible, self._wanted, sender),
            name="bench-watcher",
            daemon=True,
        )
        self._process.start()
        sender.close()
        self._await("ready", lambda: None)

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def end_at(self, count: int) -> None:
        """Look for the first so many rows only: no more were written."""
        self._count = count
        self.released.value = count
        self._wanted.value = count

    def result(self, check: Callable[[], None] = lambda: None) -> list[Seen]:
        """For each row, in order, when it was found.

        Args:
            check: called every second; what it raises ends the wait.

        Raises:
            CannotMeasure: some did not come within the patience; none is left out.
        """
        seen: list[Seen | None] = self._await("seen", check)
        self._process.join()
        found = [each for each in seen if each is not None]
        if len(found) < self._count:
            first = next(i for i, each in enumerate(seen) if each is None)
            raise CannotMeasure(
                f"{self._count - len(found)} of {self._count} watched rows of"
                f" {self._assignment.place.table} did not become visible in Cassandra: none was found"
                f" for {self._assignment.patience:g} s; the first of them is watched row {first}."
            )
        return found

    def stop(self) -> None:
        """End the process, for one that nobody waits for any more."""
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()

    def _await(self, kind: str, check: Callable[[], None]) -> Any:
        try:
            while not self._receiver.poll(CHECK_SECONDS):
                check()
            told, content = self._receiver.recv()
        except EOFError:
            raise CannotMeasure(
                "The watcher of Cassandra's rows died; see its traceback."
            ) from None
        if told == "failed":
            raise CannotMeasure(f"The watcher of Cassandra's rows failed: {content}")
        assert told == kind, f"{told} instead of {kind}"
        return content


def _watch(
    assignment: Assignment, released: Any, visible: Any, wanted: Any, report: Connection
) -> None:
    try:
        with KeyReader(
            assignment.place.host,
            assignment.place.port,
            assignment.place.keyspace,
            assignment.place.table,
        ) as reader:
            report.send(("ready", None))
            report.send(("seen", _Watch(assignment, reader, released, visible, wanted).run()))
    except Exception as error:  # told to the process that waits
        report.send(("failed", repr(error)))


class _Watch:
    def __init__(
        self, assignment: Assignment, reader: KeyReader, released: Any, visible: Any, wanted: Any
    ) -> None:
        self._keys = assignment.keys
        self._due = assignment.due
        self._patience = assignment.patience
        self._pause = assignment.pause
        self._window = assignment.window
        self._reader = reader
        self._released = released
        self._visible = visible
        self._wanted = wanted
        self._found = 0
        self._seen: list[Seen | None] = [None] * len(assignment.keys)
        self._due_at: list[float] = [0.0] * len(assignment.keys)
        self._looked_for: list[float] = [0.0] * len(assignment.keys)
        self._next = 0
        self._outstanding: list[tuple[float, int]] = []
        """A heap of rows by when to look for them next."""

    def run(self) -> list[Seen | None]:
        alive_at = time.monotonic()
        while self._found < self._wanted.value:
            began = time.monotonic()
            self._take_up(began)
            found = self._look(began)
            ended = time.monotonic()
            if found or not (self._outstanding or self._is_ending):
                alive_at = ended
            if ended - alive_at > self._patience:
                break
            rest = min(IDLE_SHARE * (ended - began), MOST_REST_SECONDS)
            time.sleep(max(self._pause, rest))
        return self._seen[: self._wanted.value]

    @property
    def _is_ending(self) -> bool:
        return bool(self._next >= self._wanted.value)

    def _take_up(self, now: float) -> None:
        """Begin to look for the rows that may be there."""
        end = len(self._keys)
        if self._due is None:
            end = min(end, self._released.value)
        if self._window is not None:
            end = min(end, self._next + self._window - len(self._outstanding))
        while self._next < end and (self._due is None or self._due[self._next] <= now):
            due = now if self._due is None else self._due[self._next]
            self._due_at[self._next] = self._looked_for[self._next] = due
            heapq.heappush(self._outstanding, (due, self._next))
            self._next += 1

    def _look(self, began: float) -> int:
        """One read, of the rows that have waited for one the longest; returns how many it found."""
        numbers: list[int] = []
        while self._outstanding and len(numbers) < MOST_KEYS_A_READ:
            if self._outstanding[0][0] > began:
                break
            numbers.append(heapq.heappop(self._outstanding)[1])
        if not numbers:
            return 0
        existing = self._reader.existing([self._keys[n] for n in numbers])
        at = time.monotonic()
        for number in numbers:
            if self._keys[number] in existing:
                self._seen[number] = Seen(at, self._looked_for[number])
            else:
                self._looked_for[number] = began
                heapq.heappush(self._outstanding, (at + self._pause_of(number, at), number))
        self._found += len(existing)
        self._visible.value = self._found
        return len(existing)

    def _pause_of(self, number: int, now: float) -> float:
        """How long a row that was not there is left alone."""
        if self._window is not None:
            return self._pause
        return max(self._pause, AGE_SHARE * (now - self._due_at[number]))
