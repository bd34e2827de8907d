"""PostgreSQL's part of a reading: what is written, the end of the log, and the slots behind it."""

import contextlib
from typing import Any

import psycopg2
import psycopg2.errors

from walflow.advice import ticked
from walflow.readings.parts import require_listening
from walflow.readings.reading import Ingest, Slot, Source, User, Wal, Writes
from walflow.settings import Settings
from walflow.verify.barrier import SLOT
from walflow.verify.catalog import OWN_SCHEMA, PUBLICATION

TIMEOUT_MS = 3000
USERS_TABLE = "public.created_users"
NEWEST_USERS = 5
LAST_PAGES = 50
"""Of the users table, in which the newest rows are looked for: it has no column that tells when a row
was written, and a transaction's id cannot be indexed. A table of so many pages is read in full."""

# The position is told where there is no slot, too.
_SLOTS = """
SELECT pg_current_wal_lsn() - '0/0', s.slot_name, s.active, s.wal_status, s.invalidation_reason,
       s.confirmed_flush_lsn - '0/0', r.sent_lsn - '0/0', s.restart_lsn - '0/0', s.safe_wal_size,
       extract(epoch FROM s.inactive_since) * 1000,
       pg_size_bytes(current_setting('max_slot_wal_keep_size'))
FROM (SELECT 1) one
LEFT JOIN pg_replication_slots s ON true
LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
ORDER BY s.slot_name
"""

# Rows of a partitioned table are counted at its partitions.
_WRITES = """
SELECT n.nspname || '.' || c.relname, sum(pg_stat_get_tuples_inserted(t.relid))::bigint,
       sum(pg_stat_get_tuples_updated(t.relid))::bigint,
       sum(pg_stat_get_tuples_deleted(t.relid))::bigint
FROM pg_publication p
JOIN pg_publication_rel r ON r.prpubid = p.oid
JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT c.oid AS relid UNION SELECT relid FROM pg_partition_tree(c.oid)) t
WHERE p.pubname = %s AND n.nspname <> %s
GROUP BY 1 ORDER BY 1
"""

_USERS_PAGES = f"SELECT pg_relation_size('{USERS_TABLE}') / current_setting('block_size')::int"
_NEWEST_USERS = f"""
SELECT id::text, username, first_name || ' ' || last_name, xmin::text::bigint
FROM {USERS_TABLE}
WHERE ctid >= %s::tid
ORDER BY age(xmin), ctid DESC
LIMIT %s
"""


class PostgresPart:
    """Asks PostgreSQL over a connection that it keeps."""

    what = "PostgreSQL"

    def __init__(self, settings: Settings) -> None:
        self.advice = (
            f"{ticked('up postgres')} starts it; {ticked('logs postgres')} tells why it ended."
        )
        self._settings = settings
        self._connection: Any = None
        self._users: tuple[User, ...] = ()
        self._users_are_exact = True
        self._users_written: int | None = None
        """Rows written to the users table when its newest rows were read."""

    def read(self) -> Source:
        """
        Raises:
            WalflowError, psycopg2.Error: it does not answer.
        """
        if self._connection is None:
            require_listening(self._settings.address("postgres"))
            self._connection = self._connected()
        with self._connection.cursor() as cursor:
            cursor.execute(_SLOTS)
            rows = cursor.fetchall()
            cursor.execute(_WRITES, (PUBLICATION, OWN_SCHEMA))
            writes = tuple(Writes(*row) for row in cursor.fetchall())
            users = self._newest_users(cursor, writes)
            ingest = Ingest(writes, users, self._users_are_exact)
        slots = tuple(_slot(row) for row in rows if row[1] is not None)
        return Source(ingest, Wal(int(rows[0][0])), slots)

    def forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg2.Error):
                connection.close()

    def _connected(self) -> Any:
        connection = psycopg2.connect(
            self._settings.postgres_dsn(),
            connect_timeout=TIMEOUT_MS // 1000,
            tcp_user_timeout=TIMEOUT_MS,
            application_name="walflow-reading",
            options=f"-c statement_timeout={TIMEOUT_MS}",
        )
        connection.autocommit = True
        return connection

    def _newest_users(self, cursor: Any, writes: tuple[Writes, ...]) -> tuple[User, ...]:
        """Read anew where something was written to the table."""
        written = next((one.total for one in writes if one.table == USERS_TABLE), None)
        if written is None:
            return ()
        if written != self._users_written:
            cursor.execute(_USERS_PAGES)
            unseen = max(0, int(cursor.fetchone()[0]) - LAST_PAGES)
            try:
                cursor.execute(_NEWEST_USERS, (f"({unseen},0)", NEWEST_USERS))
            except psycopg2.errors.UndefinedColumn:  # somebody's own table of this name
                return ()
            self._users = tuple(User(*row) for row in cursor.fetchall())
            self._users_are_exact = unseen == 0
            self._users_written = written
        return self._users


def _slot(row: tuple[Any, ...]) -> Slot:
    end, name, is_active, status, invalidation, confirmed, sent, restart, safe, since, limit = row
    return Slot(
        name=name,
        is_captures=name == SLOT,
        is_active=bool(is_active),
        wal_status=status,
        invalidation=invalidation,
        confirmed=None if confirmed is None else int(confirmed),
        sent=None if sent is None else int(sent),
        retained_bytes=0 if restart is None else max(0, int(end - restart)),
        lag_bytes=0 if confirmed is None else max(0, int(end - confirmed)),
        inactive_since_ms=None if since is None or is_active else float(since),
        limit_bytes=None if limit < 0 else int(limit),
        left_bytes=None if safe is None else int(safe),
    )
