"""Commits transactions to PostgreSQL: at their due times, or as fast as the pipeline takes them."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2

from bench.schedule import Schedule

BEGIN_IN_SECONDS = 0.5
WAIT_SECONDS = 0.005

Transaction = Callable[[Any, int], int]
"""Carries out transaction n with a cursor and returns how many rows it changed."""
Prepare = Callable[[Any], None]
"""Called with a cursor of each connection before the first transaction."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender did; times are seconds of the monotonic clock."""

    began: float
    ended: float
    transactions: int
    events: int
    committed: dict[int, float]
    """Transaction → when its COMMIT had returned."""
    latest: float = 0.0
    """By how much the most belated transaction was begun after its due time, seconds."""


def send_on_schedule(
    dsn: str,
    schedule: Schedule,
    senders: int,
    prepare: Prepare,
    transaction: Transaction,
    began: float,
) -> Sent:
    """Commit every transaction of a schedule, each when it is due or, if late, at once.

    Args:
        began: monotonic time of transaction 0.

    Raises:
        psycopg2.Error: PostgreSQL refused one.
    """
    committed: dict[int, float] = {}
    lateness = [0.0] * senders

    def run(sender: int) -> int:
        events = 0
        with _connection(dsn) as cursor:
            prepare(cursor)
            for number in schedule.of_sender(sender, senders):
                wait = began + schedule.due(number) - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                else:
                    lateness[sender] = max(lateness[sender], -wait)
                events += transaction(cursor, number)
                committed[number] = time.monotonic()
        return events

    with ThreadPoolExecutor(senders) as pool:
        events = sum(pool.map(run, range(senders)))
    return Sent(began, time.monotonic(), schedule.count, events, committed, max(lateness))


def send_while_taken(
    dsn: str,
    seconds: float,
    senders: int,
    prepare: Prepare,
    transaction: Transaction,
    window: Callable[[int], bool],
    released: Callable[[int], None],
) -> Sent:
    """Commit transactions as fast as they go, but only while the pipeline is not too far behind.

    Args:
        window: whether transaction n may begin now.
        released: called with how many transactions, from the first on, are committed.

    Raises:
        psycopg2.Error: PostgreSQL refused one.
    """
    numbers = _Numbers(released)
    began = time.monotonic()
    committed: dict[int, float] = {}

    def run(_: int) -> int:
        events = 0
        with _connection(dsn) as cursor:
            prepare(cursor)
            while time.monotonic() - began < seconds:
                if not window(numbers.upcoming):
                    time.sleep(WAIT_SECONDS)
                    continue
                number = numbers.take()
                events += transaction(cursor, number)
                committed[number] = time.monotonic()
                numbers.done(number)
        return events

    with ThreadPoolExecutor(senders) as pool:
        events = sum(pool.map(run, range(senders)))
    return Sent(began, time.monotonic(), len(committed), events, committed)


class _Numbers:
    """Hands out transaction numbers and knows up to which all are committed."""

    def __init__(self, released: Callable[[int], None]) -> None:
        self._released = released
        self._lock = threading.Lock()
        self._next = 0
        self._contiguous = 0
        self._done: set[int] = set()

    @property
    def upcoming(self) -> int:
        return self._next

    def take(self) -> int:
        with self._lock:
            self._next += 1
            return self._next - 1

    def done(self, number: int) -> None:
        with self._lock:
            self._done.add(number)
            while self._contiguous in self._done:
                self._done.discard(self._contiguous)
                self._contiguous += 1
            self._released(self._contiguous)


@contextmanager
def _connection(dsn: str) -> Iterator[Any]:
    """A cursor whose every statement is a transaction, on a connection of its own."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()
