"""The way back from a lost replication slot: a new slot, a new snapshot, and no orphans.

PostgreSQL gives up a slot that stands further behind than `max_slot_wal_keep_size`. What was committed
since it was last read is then in no log. A snapshot brings every row as it is, while writes go on; rows
that were deleted meanwhile are in no snapshot, so Cassandra's are compared with PostgreSQL's in the end.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra.cluster import Session

from walflow.advice import ticked
from walflow.capture import include_list
from walflow.capture.catalog import published_tables
from walflow.capture.connector import capturing, connect_api
from walflow.capture.source import connected
from walflow.connect_api import ConnectApi, ConnectorState
from walflow.errors import WalflowError
from walflow.repair.counts import retract_behind_deletion
from walflow.repair.deleting import RowDeleter
from walflow.settings import Settings
from walflow.snapshots import notifications as told
from walflow.snapshots.notifications import Notifications
from walflow.snapshots.reading import wait_until_applied
from walflow.stack.cassandra import cluster
from walflow.tables import TableRules
from walflow.verify.barrier import SLOT
from walflow.verify.catalog import SourceTable
from walflow.verify.comparison import Choice, Comparison, Events, opened
from walflow.verify.results import Difference, Kind
from walflow.verify.source import insert_position
from walflow.verify.target import failures_told

POLL_SECONDS = 0.2
SILENT_SECONDS = 10.0
BEGUN_SECONDS = 120.0
APPLIED_SECONDS = 3600.0
"""A snapshot of large tables has to go through the stream."""
NOT_AVAILABLE = "no longer available on the server"
"""In Debezium's words where the slot does not reach back to the connector's position
(BaseSourceTask.validateSchemaHistory)."""
_SNAPSHOT = "snapshot"
"""In the connector's position until the initial snapshot is over."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What pg_replication_slots says of the slot."""

    wal_status: str | None
    reason: str | None
    """Why it was invalidated, or None."""

    @property
    def is_lost(self) -> bool:
        return self.wal_status == "lost" or self.reason is not None


@dataclass(frozen=True, slots=True)
class Loss:
    """Why the connector cannot go on where it was."""

    connector: str
    sentence: str
    is_read: bool = False
    """Whether an earlier recovery has come as far as the end of the snapshot."""


@dataclass(slots=True)
class Orphans:
    """Rows of Cassandra that PostgreSQL does not have any more."""

    removed: int = 0
    kept: int = 0
    """Those of which Cassandra tells no write time, having nothing but their key."""


@dataclass(frozen=True, slots=True)
class Recovered:
    tables: tuple[str, ...]
    rows: int
    """Read by the snapshot."""
    orphans: Orphans


Show = Callable[[str], None]


def find_loss(settings: Settings) -> Loss | None:
    """What there is to recover from; None where nothing is lost.

    Raises:
        WalflowError: PostgreSQL or Connect does not answer, or no connector captures anything.
    """
    api = connect_api(settings)
    connector = capturing(api).name
    with connected(settings) as connection, connection.cursor() as cursor:
        slot = _slot(cursor)
        cursor.execute("SELECT reason FROM walflow.recoveries WHERE connector = %s", (connector,))
        unfinished = cursor.fetchone()
    return loss_of(
        slot,
        api.offsets(connector),
        api.state(connector),
        None if unfinished is None else unfinished[0],
    )


def note_reset(settings: Settings, connector: str) -> None:
    """Note that a connector's offsets are reset by hand, so that `recover` knows of the orphans."""
    _note(
        settings,
        Loss(connector, f"The offsets of connector {connector} were reset by hand."),
    )


def slot_is_missing(settings: Settings) -> bool:
    """Whether there is no slot, or PostgreSQL has given it up.

    Connect does not tell at every moment. Debezium waits for a slot that is given up half an hour,
    RUNNING, before it fails (PostgresConnection.readReplicationSlotInfo: 900 attempts, 2 s apart); and
    of one that is gone it fails, but runs again for moments whenever it is restarted.

    Raises:
        WalflowError: PostgreSQL does not answer.
    """
    with connected(settings) as connection, connection.cursor() as cursor:
        slot = _slot(cursor)
    return slot is None or slot.is_lost


def _slot(cursor: Any) -> Slot | None:
    cursor.execute(
        "SELECT wal_status, invalidation_reason FROM pg_replication_slots WHERE slot_name = %s",
        (SLOT,),
    )
    row = cursor.fetchone()
    return None if row is None else Slot(*row)


def loss_of(
    slot: Slot | None,
    offsets: Sequence[dict[str, Any]],
    state: ConnectorState,
    unfinished: str | None,
) -> Loss | None:
    """What is lost, from what is known of the slot and the connector.

    Args:
        offsets: the connector's positions, as Connect keeps them.
        unfinished: the reason of a recovery that began and did not end.
    """
    if slot is not None and slot.is_lost:
        return Loss(
            state.name,
            f"PostgreSQL has given up the replication slot {SLOT}"
            f" ({slot.reason or slot.wal_status}): what was committed since it was last read is no"
            " longer in the log.",
        )
    if slot is None and offsets:
        return Loss(
            state.name,
            f"The replication slot {SLOT} is gone, though connector {state.name} was reading from it:"
            " what was committed since then is not captured.",
        )
    if state.has_failed and NOT_AVAILABLE in state.reason:
        return Loss(
            state.name,
            f"The replication slot {SLOT} does not reach back to where connector {state.name} had"
            " stopped: it was made anew.",
        )
    if unfinished is not None:
        is_read = bool(offsets) and not any(_SNAPSHOT in offset for offset in offsets)
        again = f"An earlier recovery did not come to its end. It began because: {unfinished}"
        return Loss(state.name, again, is_read and slot is not None and state.is_running)
    return None


def recover(settings: Settings, loss: Loss, show: Show) -> Recovered:
    """Capture anew, with a snapshot of every table, and remove the orphans.

    It can be repeated where it was cut off.

    Raises:
        WalflowError: a server does not answer, or the connector fails; the sentence says at what.
    """
    api = connect_api(settings)
    _note(settings, loss)
    rows = 0
    if not loss.is_read:
        show("stopping the connector")
        api.stop(loss.connector)
        show("dropping the slot and forgetting the connector's position")
        _forget(settings)
        api.delete_offsets(loss.connector)
        with Notifications(settings) as news:
            show("taking a snapshot of every captured table")
            api.resume(loss.connector)
            rows = _until_read(api, loss.connector, news, show)
    tables = captured_names(settings)
    with connected(settings) as connection, connection.cursor() as cursor:
        position = insert_position(cursor)
    for table in tables:
        show(f"waiting until the stream has applied {table}")
        wait_until_applied(settings, table, position, APPLIED_SECONDS)
    orphans = remove_orphans(settings, tables, show)
    _note_end(settings, loss)
    retract_behind_deletion(settings, tables, APPLIED_SECONDS, show)
    return Recovered(tuple(tables), rows, orphans)


def captured_names(settings: Settings) -> list[str]:
    """The tables that are both published and taken by the connector."""
    config = capturing(connect_api(settings)).config
    with connected(settings) as connection, connection.cursor() as cursor:
        names = [table.full_name for table in published_tables(cursor)]
    return [name for name in names if include_list.captures(config, name)]


def remove_orphans(
    settings: Settings, tables: Sequence[str], show: Show = lambda _: None
) -> Orphans:
    """Delete the rows of Cassandra that PostgreSQL does not have.

    Each is deleted at its own newest write time: at a tie the delete wins, and whatever is written
    later has a higher time and stays.

    Raises:
        WalflowError: a table could not be compared.
    """
    orphans = Orphans()
    with (
        opened(settings, Events(), APPLIED_SECONDS) as comparison,
        failures_told(),
        cluster(settings) as connected_cluster,
    ):
        session = connected_cluster.connect()
        for table in comparison.tables(tables):
            show(f"comparing {table.full_name}")
            _remove_orphans_of(settings, comparison, session, table, orphans)
    return orphans


def _remove_orphans_of(
    settings: Settings,
    comparison: Comparison,
    session: Session,
    table: SourceTable,
    orphans: Orphans,
) -> None:
    rule = TableRules.of(settings).rule(table.schema, table.name)
    deleters: list[RowDeleter] = []

    def found(difference: Difference) -> None:
        if difference.kind is not Kind.EXTRA:
            return
        if difference.newest_write is None:
            orphans.kept += 1
            return
        if not deleters:
            deleters.append(RowDeleter(settings, session, rule.keyspace, rule.table))
        deleters[0].delete([(difference.target_key, difference.newest_write)])
        orphans.removed += 1

    result = comparison.compare(table, Choice(), found, limit=0)
    if result.unknown is not None:
        raise WalflowError(
            f"The orphans of {table.full_name} are not removed: {result.unknown} Run"
            f" {ticked('recover')} again."
        )


def _until_read(api: ConnectApi, connector: str, news: Notifications, show: Show) -> int:
    """Until the initial snapshot is in Kafka; returns how many rows it has."""
    rows, heard_at, has_begun = 0, time.monotonic(), False
    while True:
        for notification in news.poll(POLL_SECONDS):
            if notification.about != told.INITIAL:
                continue
            heard_at, has_begun = time.monotonic(), True
            data = notification.data
            match notification.type:
                case told.IN_PROGRESS:
                    show(f"reading {data.get('current_collection_in_progress', '')}")
                case told.TABLE_SCAN_COMPLETED:
                    rows += int(data.get("total_rows_scanned", 0))
                case told.ABORTED:
                    raise WalflowError(
                        f"The snapshot was cut off. {ticked('logs connect')} tells why; then run"
                        f" {ticked('recover')} again."
                    )
                case told.COMPLETED:
                    return rows
        silent = time.monotonic() - heard_at
        if silent > SILENT_SECONDS:
            _require_alive(api.state(connector), has_begun, silent)
            time.sleep(POLL_SECONDS)


def _require_alive(state: ConnectorState, has_begun: bool, silent_seconds: float) -> None:
    if state.has_failed:
        raise WalflowError(
            f"Connector {state.name} failed during the snapshot: {state.reason}. Mend that, then run"
            f" {ticked('recover')} again."
        )
    if not has_begun and silent_seconds > BEGUN_SECONDS:
        raise WalflowError(
            f"Connector {state.name} did not begin its snapshot within {BEGUN_SECONDS:g} s."
            f" {ticked('logs connect')} tells what it does; then run {ticked('recover')} again."
        )


def _note(settings: Settings, loss: Loss) -> None:
    with connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO walflow.recoveries (connector, reason) VALUES (%s, %s)"
            " ON CONFLICT (connector) DO NOTHING",
            (loss.connector, loss.sentence),
        )


def _forget(settings: Settings) -> None:
    """Drop the slot, and the requests for snapshots that went with it."""
    with connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE slot_name = %s",
            (SLOT,),
        )
        cursor.execute("DELETE FROM walflow.signals")


def _note_end(settings: Settings, loss: Loss) -> None:
    with connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM walflow.recoveries WHERE connector = %s", (loss.connector,))
