"""Rows of a captured table, read again by an incremental snapshot of Debezium.

The rows come through the pipeline like every change, each between two watermarks in the write-ahead
log; what was changed meanwhile is left out in favour of the change. So the stream need not stop, and
what it writes has its place in the order of commits (docs/snapshots.md).
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psycopg2

from walflow.advice import ticked
from walflow.capture import include_list
from walflow.capture.catalog import SourceTable, find_table, published_tables, split_name
from walflow.capture.connector import SIGNALS, capturing, connect_api
from walflow.capture.problems import problems_of
from walflow.capture.source import CAPTURE_ROLE, connected, transaction
from walflow.connect_api import ConnectApi, Connector, ConnectorState
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.snapshots import notifications as told
from walflow.snapshots import signals
from walflow.snapshots.notifications import Notification, Notifications
from walflow.snapshots.signals import Signal
from walflow.tables import TableRules, topic_of
from walflow.verify import target
from walflow.verify.barrier import SLOT, Barrier

BEGUN_SECONDS = 90.0
"""Within this a signal reaches a connector that runs: its tasks may just be starting."""
SILENT_SECONDS = 10.0
"""After so long without a word the connector is asked for its state."""
LAST_WORD_SECONDS = 60.0
FAILED_SECONDS = 60.0
"""So long is a failed connector waited for: within bounds it is restarted every few seconds."""
POLL_SECONDS = 0.2
APPLIED_SECONDS = 600.0
_UNDER_WAY = "incremental_snapshot_collections"
"""In the connector's position while an incremental snapshot runs."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a snapshot is."""

    stage: str
    """What is being done, as words."""
    chunks: int = 0
    """Read so far; each but the last has `incremental.snapshot.chunk.size` rows."""
    last_key: str = ""
    """Of the last row that was read."""
    end_key: str = ""
    """Of the last row that will be."""
    rows: int = 0
    """Once the table was read to its end."""


Show = Callable[[Progress], None]


def read_again(
    settings: Settings,
    table: str,
    where: str | None = None,
    show: Show = lambda _: None,
) -> int:
    """Read the rows of a captured table again, and wait until they are applied.

    Args:
        table: `schema.table` or, in public, `table`.
        where: an SQL condition on the rows.
        show: told of the progress.

    Returns:
        How many rows PostgreSQL gave. After a restart of the connector under way, those since then.

    Raises:
        WalflowError: the table or the condition cannot be read, another snapshot of the table is
            under way, or the connector failed.
    """
    captured = _require_captured(settings, table)
    with Notifications(settings) as news:
        signal = _ask(settings, captured, where, show)
        return follow(settings, signal, news, show)


def ask_for(settings: Settings, table: str, where: str | None, show: Show) -> None:
    """As `read_again`, without waiting for the snapshot itself."""
    _ask(settings, _require_captured(settings, table), where, show)


def follow(settings: Settings, signal: Signal, news: Notifications, show: Show) -> int:
    """Wait until the snapshot of a signal is over and its rows are applied; returns their number.

    Args:
        news: opened before the signal was sent.
    """
    api = connect_api(settings)
    rows = _Following(api, capturing(api), signal, show).until_read(news)
    show(Progress("waiting until the stream has applied them", rows=rows))
    wait_until_applied(settings, signal.table)
    with connected(settings) as connection, connection.cursor() as cursor:
        signals.delete(cursor, signal)
    return rows


def wait_until_applied(
    settings: Settings, table: str, position: int = 0, seconds: float = APPLIED_SECONDS
) -> None:
    """Wait until the stream has applied what the table's topic holds now.

    Args:
        position: of PostgreSQL's log, in bytes; first the slot has to be there.
    """
    topic = topic_of(settings.topics.prefix, *split_name(table))
    with target.connected(settings) as session:
        Barrier(settings, session, topic, seconds).wait(position)


def _require_captured(settings: Settings, name: str) -> SourceTable:
    schema, table_name = split_name(name)
    api = connect_api(settings)
    connector = capturing(api)
    _require_signals(connector)
    with connected(settings) as connection, connection.cursor() as cursor:
        table = find_table(cursor, schema, table_name)
        known = ", ".join(t.full_name for t in published_tables(cursor)) or "none"
    full_name = f"{schema}.{table_name}"
    if table is None:
        raise WalflowError(
            f"PostgreSQL has no table {full_name}. Captured tables: {known}.", ExitCode.USAGE
        )
    if not (table.is_published and include_list.captures(connector.config, full_name)):
        raise WalflowError(
            f"{full_name} is not captured; {ticked(f'tables add {full_name}')} captures it and reads its"
            f" rows. Captured tables: {known}.",
            ExitCode.USAGE,
        )
    found = problems_of(table, TableRules.of(settings).rule(schema, table_name))
    if found:
        raise WalflowError("\n".join(p.text for p in found), ExitCode.USAGE)
    return table


def _require_signals(connector: Connector) -> None:
    if connector.config.get("signal.data.collection") != SIGNALS:
        raise WalflowError(
            f"Connector {connector.name} does not listen to the table {SIGNALS}"
            f" (signal.data.collection). {ticked('connectors apply')} brings it up to date.",
            ExitCode.NOT_READY,
        )


def _ask(settings: Settings, table: SourceTable, where: str | None, show: Show) -> Signal:
    api = connect_api(settings)
    connector = capturing(api)
    with connected(settings) as connection:
        if where is not None:
            _require_condition(connection, table, where)
        while True:
            with transaction(connection) as cursor:
                other = under_way(cursor, api, connector)
                if other is None:
                    return signals.send(cursor, table.full_name, where)
            if other.table == table.full_name:
                raise WalflowError(
                    f"A snapshot of {table.full_name} is under way already. Wait for its end."
                )
            # Debezium would take up both, and tell of both under one name.
            show(Progress(f"waiting for the end of the snapshot of {other.table}"))
            time.sleep(POLL_SECONDS)


def under_way(cursor: Any, api: ConnectApi, connector: Connector) -> Signal | None:
    """The snapshot that walflow has asked for and that is not over; forgets those that are.

    The transaction keeps other programs from asking for one.
    """
    signals.lock(cursor)
    for signal in signals.open_signals(cursor):
        if not _is_over(cursor, api, connector, signal):
            return signal
        signals.delete(cursor, signal)
    return None


def _is_over(cursor: Any, api: ConnectApi, connector: Connector, signal: Signal) -> bool:
    """Whether the connector has come past the signal and has no snapshot under way.

    Its position is a few records late, so a signal is never over at once.
    """
    if time.time() - signal.sent_at < SILENT_SECONDS or _is_reading(api, connector):
        return False
    cursor.execute(
        "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)
    )
    row = cursor.fetchone()
    return row is not None and row[0] is not None and int(row[0]) > signal.position


def _is_reading(api: ConnectApi, connector: Connector) -> bool:
    return any(_UNDER_WAY in offset for offset in api.offsets(connector.name))


def _require_condition(connection: Any, table: SourceTable, where: str) -> None:
    """Have PostgreSQL look at the condition as the connector's role, which will run it."""
    if _has_question_mark(where):
        raise WalflowError(
            "--where cannot have a ? outside quotes: the connector's driver takes it for a parameter."
            " For jsonb's operator use jsonb_exists(column, key).",
            ExitCode.USAGE,
        )
    try:
        with transaction(connection) as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(f"SET LOCAL ROLE {CAPTURE_ROLE}")
            cursor.execute(f"EXPLAIN SELECT * FROM {table.sql_name} WHERE ({where})".encode())
    except psycopg2.Error as error:
        raise WalflowError(
            f"PostgreSQL refuses --where for {table.full_name}: {str(error).strip()}",
            ExitCode.USAGE,
        ) from error


def _has_question_mark(where: str) -> bool:
    return "?" in re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "", where)


class _Following:
    """Hears of one snapshot until it is over."""

    def __init__(self, api: ConnectApi, connector: Connector, signal: Signal, show: Show) -> None:
        self._api = api
        self._connector = connector
        self._signal = signal
        self._show = show
        self._progress = Progress("waiting for the connector to begin")
        self._has_begun = False
        self._failure = ""
        self._failed_at: float | None = None

    def until_read(self, news: Notifications) -> int:
        heard_at = asked_at = time.monotonic()
        self._show(self._progress)
        while True:
            about = [n for n in news.poll(POLL_SECONDS) if n.id == self._signal.id]
            for notification in about:
                heard_at = time.monotonic()
                if self._is_end(notification):
                    if self._failure:
                        raise WalflowError(self._failure)
                    return self._progress.rows
                self._show(self._progress)
            if time.monotonic() - max(heard_at, asked_at) > SILENT_SECONDS:
                asked_at = time.monotonic()
                self._require_alive(asked_at - heard_at)

    def _is_end(self, notification: Notification) -> bool:
        self._has_begun = True
        data = notification.data
        match notification.type:
            case told.IN_PROGRESS:
                self._progress = replace(
                    self._progress,
                    stage="reading",
                    chunks=self._progress.chunks + 1,
                    last_key=data.get("last_processed_key", ""),
                    end_key=data.get("maximum_key", ""),
                )
            case told.TABLE_SCAN_COMPLETED:
                self._table_is_read(data.get("status", ""), int(data.get("total_rows_scanned", 0)))
            case told.ABORTED:
                self._failure = f"The snapshot of {self._signal.table} was stopped by a signal."
                return True
            case told.COMPLETED:
                return True
        return False

    def _table_is_read(self, status: str, rows: int) -> None:
        self._progress = replace(self._progress, rows=rows)
        if status not in ("SUCCEEDED", "EMPTY"):
            self._failure = (
                f"The connector could not read {self._signal.table} to its end: {status}."
                f" {ticked('logs connect')} tells why; then run {ticked('snapshot')} again."
            )

    def _require_alive(self, silent_seconds: float) -> None:
        """Nothing was heard for a while: is that the table's size, or will nothing come?"""
        state = self._api.state(self._connector.name)
        if state.has_failed:
            self._await_restart(state)
            return
        self._failed_at = None
        if state.connector != "RUNNING":
            raise WalflowError(
                f"Connector {state.name} is {state.connector}: the snapshot begins, or goes on, when"
                " it runs again.",
                ExitCode.NOT_READY,
            )
        if not self._has_begun and silent_seconds > BEGUN_SECONDS:
            raise WalflowError(
                f"The connector did not begin with {self._signal.table} within {BEGUN_SECONDS:g} s."
                f" {ticked('logs connect')} tells what it does."
            )
        if (
            self._has_begun
            and silent_seconds > LAST_WORD_SECONDS
            and not _is_reading(self._api, self._connector)
        ):
            raise WalflowError(
                f"The connector reads {self._signal.table} no more, and has not told that it is done."
                f" Run {ticked('snapshot')} again; {ticked('logs connect')} may tell why."
            )

    def _await_restart(self, state: ConnectorState) -> None:
        now = time.monotonic()
        self._failed_at = self._failed_at or now
        if now - self._failed_at > FAILED_SECONDS:
            raise WalflowError(
                f"Connector {state.name} failed: {state.reason}. The snapshot goes on when it runs"
                f" again: see {ticked('status')}."
            )
        stage = f"waiting for the restart of connector {state.name}, which failed ({state.reason})"
        self._show(replace(self._progress, stage=stage))
