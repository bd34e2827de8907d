"""The three ways in which load is put on the pipeline: by schedule, saturated, and from a backlog."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from bench.cost import Cost, CostMeter
from bench.failure import CannotMeasure
from bench.percentiles import percentile
from bench.rows import USERS, Table, key
from bench.schedule import Schedule
from bench.sender import (
    BEGIN_IN_SECONDS,
    Prepare,
    Sent,
    Transaction,
    send_on_schedule,
    send_while_taken,
)
from bench.stack import Stack
from bench.watcher import Seen, Watcher

PATIENCE_SECONDS = 120.0
SENDERS = 8
DRAIN_PAUSE_SECONDS = 0.1
DRAIN_WINDOW = 32
WARM_UP_ROWS = 10
WARM_UP_BEHIND = 4_000
MOST_WATCHERS = 4
MOST_WATCHED = 200
"""Of a load without schedule, so that looking for the rows stays cheap."""


def new_run(name: str) -> str:
    """Names a run, and so its rows: no two runs write the same ones."""
    return f"{name}-{uuid4().hex[:8]}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A watched transaction; times in seconds of the monotonic clock."""

    number: int
    intended: float
    """When it was due."""
    committed: float
    """When COMMIT had returned."""
    seen: Seen


@dataclass(frozen=True, slots=True)
class Observed:
    """A load and what became of it."""

    run: str
    """Names its rows."""
    arrivals: tuple[Arrival, ...]
    sent: Sent
    cost: Cost

    @property
    def latencies(self) -> list[float]:
        """Milliseconds from when each watched commit was due to the read that found its row."""
        return [1000 * (a.seen.at - a.intended) for a in self.arrivals]

    @property
    def from_commit(self) -> list[float]:
        """Milliseconds from the return of COMMIT; a row can be visible before PostgreSQL has told."""
        return [1000 * (a.seen.at - a.committed) for a in self.arrivals]

    @property
    def resolution(self) -> float:
        """99 % of the rows were looked for at most so many milliseconds before they were found."""
        return percentile([1000 * (a.seen.at - a.seen.not_before) for a in self.arrivals], 99)

    @property
    def events_per_second(self) -> float:
        """All events over the time from the first transaction to the last visible row."""
        return self.sent.events / (max(a.seen.at for a in self.arrivals) - self.sent.began)


def inserting(table: Table, run: str, rows: int) -> tuple[Prepare, Transaction]:
    """Transactions that insert so many rows each; the first row of transaction n is row n × rows."""

    def prepare(cursor: Any) -> None:
        cursor.execute(table.prepare)

    def transaction(cursor: Any, number: int) -> int:
        table.insert(cursor, run, number * rows, rows)
        return rows

    return prepare, transaction


def on_schedule(stack: Stack, schedule: Schedule, rows: int = 1, table: Table = USERS) -> Observed:
    """Open loop: every watched commit counts from the moment at which it was due.

    Raises:
        CannotMeasure: rows did not become visible.
    """
    run = new_run("schedule")
    watched = list(schedule.watched())
    began = time.monotonic() + BEGIN_IN_SECONDS + 0.5
    prepare, transaction = inserting(table, run, rows)
    keys = [key(run, number * rows) for number in watched]
    due = [began + schedule.due(number) for number in watched]
    watcher = Watcher(stack.place(table), keys, due, PATIENCE_SECONDS)
    try:
        with CostMeter(stack.supervisor) as meter:
            sent = send_on_schedule(stack.dsn, schedule, SENDERS, prepare, transaction, began)
            seen = watcher.result()
    finally:
        watcher.stop()
    arrivals = tuple(
        Arrival(n, due_at, sent.committed[n], found)
        for n, due_at, found in zip(watched, due, seen, strict=True)
    )
    return Observed(run, arrivals, sent, meter.cost)


def saturated(
    stack: Stack,
    seconds: float,
    rows: int,
    events_behind: int,
    load: tuple[Prepare, Transaction] | None = None,
    keys: Callable[[int], UUID] | None = None,
    table: Table = USERS,
    senders: int = SENDERS,
) -> Observed:
    """As fast as the pipeline takes it: a transaction begins while fewer than so many events of
    earlier ones are not yet visible.

    Raises:
        CannotMeasure: rows did not become visible.
    """
    run = new_run("saturated")
    prepare, transaction = load or inserting(table, run, rows)
    stride = max(1, events_behind // (rows * 20))
    # More than can be committed in the time; those that were not are not looked for.
    most = int(seconds * 60_000 / rows)
    watched = list(range(0, most, stride))
    key_of = keys or (lambda number: key(run, number * rows))
    watcher = _Released(stack, table, [key_of(n) for n in watched], stride)
    try:
        with CostMeter(stack.supervisor) as meter:
            sent = send_while_taken(
                stack.dsn,
                seconds,
                senders,
                prepare,
                transaction,
                window=lambda number: (
                    number < most and (number - watcher.visible_transactions) * rows < events_behind
                ),
                released=watcher.release,
            )
            seen = watcher.result(sent.transactions)
    finally:
        watcher.stop()
    arrivals = tuple(
        Arrival(n, sent.committed[n], sent.committed[n], found)
        for n, found in zip(watched, seen, strict=False)
    )
    return Observed(run, arrivals, sent, meter.cost)


class _Released:
    """A watcher of every n-th transaction of a load whose end is not known beforehand."""

    def __init__(self, stack: Stack, table: Table, keys: Sequence[UUID], stride: int) -> None:
        self._stride = stride
        self._watcher = Watcher(
            stack.place(table),
            keys,
            None,
            PATIENCE_SECONDS,
            pause=0.01,
        )

    @property
    def visible_transactions(self) -> int:
        return int(self._watcher.visible.value) * self._stride

    def release(self, transactions: int) -> None:
        self._watcher.released.value = -(-transactions // self._stride)

    def result(self, transactions: int) -> list[Seen]:
        self._watcher.end_at(-(-transactions // self._stride))
        return self._watcher.result()

    def stop(self) -> None:
        self._watcher.stop()


@dataclass(frozen=True, slots=True)
class Drained:
    """A backlog that was applied."""

    events: int
    started: float
    """When its consumer was started."""
    seen: tuple[Seen, ...]
    """Its watched rows, in the order of their commits."""
    events_apart: float
    """Events from one watched row to the next."""
    cost: Cost

    @property
    def events_per_second(self) -> float:
        """From the first watched row that was found to the last one; starting up is not in it."""
        times = sorted(seen.at for seen in self.seen)
        return (len(times) - 1) * self.events_apart / (times[-1] - times[0])

    @property
    def first_after(self) -> float:
        """Seconds from the consumer's start to the first row."""
        return min(seen.at for seen in self.seen) - self.started

    @property
    def seconds(self) -> float:
        """From the consumer's start to the last row."""
        return max(seen.at for seen in self.seen) - self.started


@dataclass(frozen=True, slots=True)
class Backlog:
    """Rows of a run that wait in Kafka, or in PostgreSQL, to be applied."""

    run: str
    events: int
    table: Table = USERS

    @property
    def events_apart(self) -> int:
        return max(1, self.events // MOST_WATCHED)

    def watch(self, stack: Stack) -> Watcher:
        keys = [key(self.run, n) for n in range(0, self.events, self.events_apart)]
        # The last row too: then it is over.
        keys[-1] = key(self.run, self.events - 1)
        due = [time.monotonic()] * len(keys)
        return Watcher(
            stack.place(self.table), keys, due, PATIENCE_SECONDS, DRAIN_PAUSE_SECONDS, DRAIN_WINDOW
        )


def fill(
    stack: Stack, events: int, rows: int = 100, table: Table = USERS, run: str = ""
) -> Backlog:
    """Commit a backlog to PostgreSQL, in transactions of so many rows."""
    backlog = Backlog(run or new_run("backlog"), events, table)
    prepare, transaction = inserting(table, backlog.run, rows)
    # Everything is due at once.
    schedule = Schedule(rate=1e9, seconds=events / rows / 1e9)
    send_on_schedule(stack.dsn, schedule, 4, prepare, transaction, time.monotonic())
    return backlog


Check = Callable[[], None]
"""Called every second while rows are waited for; raises where they cannot come any more."""


def _nothing() -> None:
    return None


def await_visible(stack: Stack, backlog: Backlog, check: Check = _nothing) -> None:
    """Wait until a backlog that is being applied is visible in Cassandra.

    Raises:
        CannotMeasure: rows did not become visible.
    """
    watcher = backlog.watch(stack)
    try:
        watcher.result(check)
    finally:
        watcher.stop()


def settle(stack: Stack, check: Check = _nothing) -> None:
    """Wait until a row that is committed now is visible: everything stands and has caught up.

    Raises:
        CannotMeasure: it did not become visible.
    """
    await_visible(stack, fill(stack, 1, rows=1), check)


def warm_up(stack: Stack, seconds: float) -> None:
    """Load that nobody measures, until all of it is visible.

    Raises:
        CannotMeasure: rows did not become visible.
    """
    settle(stack)
    saturated(stack, seconds, WARM_UP_ROWS, WARM_UP_BEHIND)


def drain(
    stack: Stack,
    backlog: Backlog,
    start: Callable[[], object],
    others: Sequence[Backlog] = (),
    check: Check = _nothing,
) -> Drained:
    """Start a consumer and watch it apply a backlog.

    Args:
        others: backlogs of other tables that it applies beside; the first few are watched too, and
            all are counted in the end.

    Raises:
        CannotMeasure: it does not get to the end, or a table has another number of rows than it had.
    """
    backlogs = (backlog, *others)
    watchers = [each.watch(stack) for each in backlogs[:MOST_WATCHERS]]
    try:
        with CostMeter(stack.supervisor) as meter:
            started = time.monotonic()
            start()
            seen = [found for watcher in watchers for found in watcher.result(check)]
    finally:
        for watcher in watchers:
            watcher.stop()
    for each in backlogs:
        require_rows(stack, each)
    events = sum(each.events for each in backlogs)
    return Drained(events, started, tuple(seen), events / len(seen), meter.cost)


def require_rows(stack: Stack, backlog: Backlog) -> None:
    """See that every row arrived, not only those that were watched.

    Raises:
        CannotMeasure: not within the patience.
    """
    wanted = stack.value(f"SELECT count(*) FROM {backlog.table.name}")
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (found := stack.rows_in_target(backlog.table)) != wanted:
        if time.monotonic() > give_up:
            raise CannotMeasure(
                f"{backlog.table.name} has {wanted} rows in PostgreSQL and {found} in Cassandra:"
                " what was measured is not the whole work."
            )
        time.sleep(0.5)


def rate_over_time(times: Sequence[float], events_apart: float) -> list[tuple[float, float]]:
    """Events a second, second by second, from when each watched row was found."""
    if not times:
        return []
    first = min(times)
    counted = itertools.groupby(sorted(int(t - first) for t in times))
    by_second = {second: len(list(group)) * events_apart for second, group in counted}
    return [(float(s), float(by_second.get(s, 0.0))) for s in range(max(by_second) + 1)]
