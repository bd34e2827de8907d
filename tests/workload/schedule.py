"""Sends a workload's statements in the order of its schedule, over a connection for each session.

One thread sends them all. A statement that waits for another session's lock is left waiting and the
schedule goes on without its session; after each statement those that wait are asked again, until each
is finished or PostgreSQL says that it is blocked. So a workload has the same interleaving each time it
is run, as far as its own locks decide it. Errors (unique violations, deadlocks, serialization failures)
are part of it: the transaction's other statements are sent all the same and PostgreSQL refuses them
until ROLLBACK TO a savepoint or the end.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg2

from tests.workload.connection import Lost, connect
from tests.workload.plan import Statement, Transaction, Workload

STUCK_SECONDS = 60
"""Deadlocks end after a tenth of a second; what waits longer than this waits for something else."""
NOT_BLOCKED = """
    SELECT pid FROM unnest(%s::int[]) AS pid WHERE cardinality(pg_blocking_pids(pid)) = 0
"""
BLOCKERS = """
    SELECT waiting, blocker, application_name, state, query
    FROM unnest(%s::int[]) AS waiting, unnest(pg_blocking_pids(waiting)) AS blocker
    LEFT JOIN pg_stat_activity AS activity ON activity.pid = blocker
"""


class Stuck(Exception):
    """Every session waits for a lock, and PostgreSQL does not resolve it."""


@dataclass
class Tally:
    """What became of the statements."""

    statements: int = 0
    waited: int = 0
    """Statements that another session's lock held up."""
    lost: int = 0
    """Transactions cut off by the server's death."""
    errors: Counter[str] = field(default_factory=Counter)
    """SQLSTATE → how often."""

    def add(self, other: "Tally") -> None:
        self.statements += other.statements
        self.waited += other.waited
        self.lost += other.lost
        self.errors += other.errors

    def text(self) -> str:
        errors = ", ".join(f"{code} {count}×" for code, count in self.errors.most_common())
        return (
            f"{self.statements} statements, {self.waited} waited for a lock,"
            f" {self.lost} transactions cut off; errors: {errors or 'none'}"
        )


def run(
    workload: Workload,
    dsn: str,
    *,
    rate: float = 0,
    stopped: Callable[[], bool] = lambda: False,
) -> Tally:
    """Run a workload once.

    Args:
        rate: statements a second at the most; 0 for as many as can be.
        stopped: asked before each statement; once true, open transactions are rolled back.

    Raises:
        Stuck, Lost: see there.
    """
    tally = Tally()
    sessions = [_Session(dsn, transactions, tally) for transactions in workload.sessions]
    locks = _Locks(dsn)
    began = time.monotonic()
    try:
        while any(session.has_more for session in sessions) and not stopped():
            free = [s for s in sessions if s.has_more and not s.is_waiting]
            if free:
                min(free, key=lambda session: session.next.at).send()
            _settle(sessions, locks, must_advance=not free)
            if rate:
                ahead = began + tally.statements / rate - time.monotonic()
                time.sleep(max(0.0, ahead))
    finally:
        for session in sessions:
            session.close()
        locks.close()
    return tally


def _settle(sessions: "list[_Session]", locks: "_Locks", *, must_advance: bool) -> None:
    """Wait until every sent statement is finished or blocked; at least one finished if asked for."""
    give_up = time.monotonic() + STUCK_SECONDS
    advanced = not must_advance
    while True:
        waiting = [s for s in sessions if s.is_waiting]
        finished = [s for s in waiting if s.look(0.002 if len(waiting) == 1 else 0)]
        advanced = advanced or bool(finished)
        still = [s for s in waiting if s.is_waiting]
        if not still:
            return
        if advanced and not finished and not locks.not_blocked([s.pid for s in still]):
            for session in still:
                session.note_wait()
            return
        if time.monotonic() > give_up:
            blockers = "\n".join(locks.blockers([s.pid for s in still]))
            raise Stuck(f"no statement went on for {STUCK_SECONDS} s:\n{blockers}")
        if not finished:
            advanced = still[0].look(0.002) or advanced


class _Session:
    """A session's place in its plan."""

    def __init__(self, dsn: str, transactions: tuple[Transaction, ...], tally: Tally) -> None:
        self._dsn = dsn
        self._transactions = [transaction.steps() for transaction in transactions]
        self._transaction = 0
        self._step = 0
        self._tally = tally
        self._connection = connect(dsn)
        self._has_waited = False
        self.is_waiting = False
        """Whether a statement is sent and not finished."""

    @property
    def has_more(self) -> bool:
        return self._transaction < len(self._transactions)

    @property
    def next(self) -> Statement:
        """The statement to send, or the one that is sent and not finished."""
        return self._transactions[self._transaction][self._step]

    @property
    def pid(self) -> int:
        return self._connection.pid

    def send(self) -> None:
        self._has_waited = False
        try:
            self._connection.send(self.next.sql)
            self._tally.statements += 1
            self.is_waiting = True
        except Lost:
            self._start_over()

    def look(self, wait_seconds: float) -> bool:
        """Whether the statement that was sent is finished now."""
        if not self.is_waiting:
            return True
        try:
            if not self._connection.is_finished(wait_seconds):
                return False
        except Lost:
            self._start_over()
            return True
        if self._connection.error:
            self._tally.errors[self._connection.error] += 1
        self.is_waiting = False
        self._step += 1
        if self._step == len(self._transactions[self._transaction]):
            self._transaction, self._step = self._transaction + 1, 0
        return True

    def note_wait(self) -> None:
        if not self._has_waited:
            self._has_waited = True
            self._tally.waited += 1

    def close(self) -> None:
        self._connection.close()

    def _start_over(self) -> None:
        """Go on with the next transaction, over a new connection."""
        self._tally.lost += 1
        self.is_waiting = False
        self._transaction, self._step = self._transaction + 1, 0
        self._connection.close()
        self._connection = connect(self._dsn)


class _Locks:
    """Asks PostgreSQL which sessions wait for a lock, over a connection of its own."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg2.extensions.connection | None = None

    def not_blocked(self, pids: list[int]) -> bool:
        """Whether some of these sessions do not wait for a lock: they are still at work."""
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self._dsn)
                self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(NOT_BLOCKED, (pids,))
                return bool(cursor.fetchall())
        except psycopg2.OperationalError:
            self.close()  # the server died: the sessions will find out
            return True

    def blockers(self, pids: list[int]) -> list[str]:
        """Who waits for whom, in sentences."""
        if self._connection is None:
            return []
        with self._connection.cursor() as cursor:
            cursor.execute(BLOCKERS, (pids,))
            return [
                f"{pid} waits for {blocker} ({application}, {state}: {query})"
                for pid, blocker, application, state, query in cursor
            ]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
