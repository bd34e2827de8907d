"""Writes users into PostgreSQL: a batch is one transaction, and a repeated one changes nothing."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psycopg2
from psycopg2 import extensions
from psycopg2.extras import execute_values
from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from users.rows import payload, recordset
from users.statements import SET_ASIDE, UPSERT
from users.user import CreatedUser

log = logging.getLogger(__name__)


class StoreError(Exception):
    """The users could not be written; the message is a sentence for the operator."""


@dataclass(frozen=True)
class SetAside:
    """A raw user that cannot be stored, and why."""

    reason: str
    raw: object


@dataclass(frozen=True)
class Stored:
    """What a batch changed. Users repeated within the batch count once, as their last one."""

    inserted: int
    updated: int
    unchanged: int
    set_aside: int


class UserStore:
    """Writes batches through one connection. Use it as a context manager, one thread at a time.

    When PostgreSQL goes away, it connects anew and writes the batch again, for
    ``patience_seconds``. Should the acknowledgment of a commit have been lost, the second writing
    finds every user as it is: only the counts then say "unchanged" for what was new.
    """

    def __init__(self, dsn: str, run_id: str, patience_seconds: float = 45.0) -> None:
        self._dsn = dsn
        self._run_id = run_id
        self._patience_seconds = patience_seconds
        self._connection: extensions.connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._disconnect()

    def save(self, users: Sequence[CreatedUser], set_aside: Sequence[SetAside] = ()) -> Stored:
        """Writes a batch in one transaction. Raises StoreError."""
        # The last one of a repeated user stands: ON CONFLICT cannot touch a row twice.
        batch = sorted({user.id: user for user in users}.values(), key=lambda user: user.id)
        attempts = Retrying(
            stop=stop_after_delay(self._patience_seconds),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            # Both cover a connection that broke; OperationalError also deadlocks and shutdowns.
            retry=retry_if_exception_type((psycopg2.OperationalError, psycopg2.InterfaceError)),
            before_sleep=self._before_next_try,
        )
        try:
            return attempts(self._save_once, batch, set_aside)
        except RetryError as exhausted:
            raise StoreError(
                f"{len(batch)} users could not be written to PostgreSQL within "
                f"{self._patience_seconds:g} s: {_line(exhausted.last_attempt.exception())}. "
                "See that the server runs and that the connection users_db is right, and run again."
            ) from None
        except psycopg2.Error as refused:
            self._disconnect()
            raise StoreError(
                f"PostgreSQL refused to write {len(batch)} users: {_line(refused)}. See that the "
                "tables and the rights of the role are those of postgres/schema.sql and roles.sql."
            ) from None

    def _save_once(self, batch: Sequence[CreatedUser], set_aside: Sequence[SetAside]) -> Stored:
        connection = self._connected()
        with connection, connection.cursor() as cursor:
            inserted, updated = _upsert(cursor, batch) if batch else (0, 0)
            if set_aside:
                rows = [(self._run_id, each.reason, payload(each.raw)) for each in set_aside]
                execute_values(cursor, SET_ASIDE, rows)
        return Stored(inserted, updated, len(batch) - inserted - updated, len(set_aside))

    def _connected(self) -> extensions.connection:
        if self._connection is None:
            self._connection = psycopg2.connect(
                self._dsn,
                application_name="user_automation",
                client_encoding="UTF8",
                connect_timeout=5,
                # A server that vanished without a word is noticed in 20 s, a blocked row in 30 s.
                tcp_user_timeout=20_000,
                options="-c statement_timeout=30s -c DateStyle=ISO",
            )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _before_next_try(self, state: RetryCallState) -> None:
        self._disconnect()
        reason = state.outcome.exception() if state.outcome else None
        log.warning("PostgreSQL, try %d: %s; trying again", state.attempt_number, _line(reason))


def _upsert(cursor: extensions.cursor, batch: Sequence[CreatedUser]) -> tuple[int, int]:
    cursor.execute(UPSERT, (recordset(batch),))
    counts = cursor.fetchone()
    if counts is None:
        raise psycopg2.InterfaceError("the upsert gave no counts")
    return int(counts[0]), int(counts[1])


def _line(error: BaseException | None) -> str:
    """An error's first line; PostgreSQL adds hints and positions on further ones."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
