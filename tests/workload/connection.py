"""One session's connection: a statement is sent, and asked after until it is finished."""

import select
import time
from typing import Any

import psycopg2
import psycopg2.extensions

CONNECT_SECONDS = 180
"""A killed PostgreSQL takes connections again well within this."""
READY = psycopg2.extensions.POLL_OK
READ = psycopg2.extensions.POLL_READ
OPTIONS = "-c deadlock_timeout=100ms -c application_name=workload"


class Lost(Exception):
    """The server closed the connection: whether the transaction was committed is unknown."""


class SessionConnection:
    """An asynchronous connection of psycopg2, which runs one statement at a time."""

    def __init__(self, dsn: str) -> None:
        self._raw: Any = psycopg2.connect(dsn, options=OPTIONS, async_=True)
        give_up = time.monotonic() + 10
        while not self._poll(0.1):
            if time.monotonic() > give_up:
                raise Lost("PostgreSQL did not take the connection within 10 s")
        self._cursor = self._raw.cursor()
        self.error = ""

    @property
    def pid(self) -> int:
        """Of the session's process in PostgreSQL."""
        return int(self._raw.get_backend_pid())

    def send(self, sql: str) -> None:
        """Send a statement; the one before has to be finished.

        Raises:
            Lost: the connection is gone.
        """
        self.error = ""
        try:
            self._cursor.execute(sql)
        except psycopg2.Error as error:
            raise Lost(str(error)) from error

    def is_finished(self, wait_seconds: float = 0.0) -> bool:
        """Whether the statement is done, well or with an SQLSTATE in `error`.

        Raises:
            Lost: the connection is gone.
        """
        try:
            return self._poll(wait_seconds)
        except psycopg2.Error as error:
            if self._raw.closed or error.pgcode is None:
                raise Lost(str(error)) from error
            self.error = error.pgcode
            return True

    def close(self) -> None:
        self._raw.close()

    def _poll(self, wait_seconds: float) -> bool:
        state = self._raw.poll()
        if state != READY and wait_seconds:
            waits = [self._raw.fileno()]
            reading, writing = (waits, []) if state == READ else ([], waits)
            select.select(reading, writing, [], wait_seconds)
            state = self._raw.poll()
        return bool(state == READY)


def connect(dsn: str) -> SessionConnection:
    """Connect, again and again while PostgreSQL is down or starting.

    Raises:
        Lost: not within `CONNECT_SECONDS`.
    """
    give_up = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            return SessionConnection(dsn)
        except (psycopg2.Error, Lost) as error:
            if time.monotonic() > give_up:
                raise Lost(f"no connection within {CONNECT_SECONDS} s: {error}") from error
        time.sleep(0.2)
