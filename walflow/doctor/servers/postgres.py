"""PostgreSQL: settings, slots, publications and captured tables of one source database."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2

from walflow.capture.catalog import SourceTable, find_table
from walflow.capture.connector import is_ours
from walflow.doctor.captured import takes
from walflow.doctor.servers.connect import UNRESOLVED, ConnectorConfig
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings

MAX_TABLES = 500
"""Captured tables that are looked at, of one connector."""

SETTINGS = (
    "wal_level",
    "max_slot_wal_keep_size",
    "max_replication_slots",
    "max_wal_senders",
    "wal_sender_timeout",
    "idle_replication_slot_timeout",
)

_SETTINGS = """
SELECT name, current_setting(name), setting, source, coalesce(sourcefile, ''), coalesce(sourceline, 0)
FROM pg_settings WHERE name = ANY (%s)
"""

# inactive_since came with PostgreSQL 17, invalidation_reason too: both are taken as JSON.
_SLOTS = """
SELECT s.slot_name, s.slot_type, coalesce(s.database, ''), s.active, s.temporary,
       coalesce(s.wal_status, ''),
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::bigint,
       s.safe_wal_size,
       coalesce(to_jsonb(s) ->> 'invalidation_reason', ''),
       extract(epoch FROM now() - (to_jsonb(s) ->> 'inactive_since')::timestamptz)::float
FROM pg_replication_slots s ORDER BY 1
"""

_PUBLICATIONS = """
SELECT p.pubname, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
       coalesce((SELECT array_agg(t.schemaname || '.' || t.tablename)
                 FROM pg_publication_tables t WHERE t.pubname = p.pubname), '{}')
FROM pg_publication p
"""

_TABLES = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2
"""

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.attlen = -1 AND a.attstorage IN ('x', 'e')
FROM pg_attribute a
WHERE a.attrelid = format('%%I.%%I', %s::text, %s::text)::regclass
  AND a.attnum > 0 AND NOT a.attisdropped
"""

_WAL = """
SELECT (pg_current_wal_lsn() - '0/0')::float, wal_bytes::float,
       extract(epoch FROM now() - stats_reset)::float,
       current_setting('server_version'), current_setting('server_version_num')::int
FROM pg_stat_wal
"""


@dataclass(frozen=True, slots=True)
class ServerSetting:
    shown: str
    """With its unit."""
    raw: str
    """In the unit of pg_settings."""
    source: str
    """default, configuration file, command line…"""
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    type: str
    database: str
    is_active: bool
    is_temporary: bool
    wal_status: str
    retained: int
    """Bytes of WAL that PostgreSQL keeps for it."""
    safe: int | None
    """Bytes that may be written before it is in danger to be lost; None: no limit, or lost."""
    reason: str
    """Why it was invalidated, or empty."""
    inactive_seconds: float | None

    @property
    def is_lost(self) -> bool:
        return self.wal_status == "lost" or bool(self.reason)


@dataclass(frozen=True, slots=True)
class Publication:
    name: str
    has_all_tables: bool
    inserts: bool
    updates: bool
    deletes: bool
    truncates: bool
    tables: frozenset[str]


@dataclass(frozen=True, slots=True)
class CapturedColumn:
    name: str
    type: str
    is_toastable: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """A table that a connector takes."""

    connector: str
    table: SourceTable
    columns: tuple[CapturedColumn, ...]


@dataclass(frozen=True)
class SourceServer:
    """A database that connectors read."""

    at: str
    """host:port/database."""
    is_ours: bool
    """Whether it is the one of pipeline.toml."""
    connectors: tuple[str, ...]
    version: str
    version_number: int
    settings: dict[str, ServerSetting]
    slots: tuple[Slot, ...]
    """Of the whole server, which has one WAL."""
    publications: dict[str, Publication]
    captured: tuple[Captured, ...]
    wal_bytes_per_second: float | None
    """On average since PostgreSQL counts; None: for less than an hour."""
    skew_seconds: float
    """Its clock against this machine's; positive: it is ahead."""

    @property
    def wal_limit(self) -> int | None:
        """max_slot_wal_keep_size in bytes; None: no limit."""
        megabytes = int(self.settings["max_slot_wal_keep_size"].raw)
        return None if megabytes < 0 else megabytes * 2**20


@dataclass(frozen=True)
class SourceDatabase:
    """Where a source is, and the connectors that read it."""

    at: str
    dsn: str
    is_ours: bool
    connectors: tuple[ConnectorConfig, ...]


AVERAGED_SECONDS = 3600


def sources(
    settings: Settings, connectors: Sequence[ConnectorConfig]
) -> tuple[list[SourceDatabase], list[ConnectorConfig]]:
    """The databases that connectors read, ours first; and the connectors whose is not reachable.

    Ours is asked as the superuser; another with the connector's own user and password, unless they
    are references, which only a worker of Connect can resolve.
    """
    ours = f"{settings.address('postgres')}/{settings.postgres.database}"
    found: dict[str, tuple[str, list[ConnectorConfig]]] = {ours: (settings.postgres_dsn(), [])}
    hidden = []
    for connector in connectors:
        if is_ours(settings, connector.config):
            found[ours][1].append(connector)
            continue
        names = ("hostname", "port", "dbname", "user", "password")
        host, port, name, user, password = (connector.value(f"database.{n}") for n in names)
        if any(UNRESOLVED.search(value) for value in (host, port, name, user, password)):
            hidden.append(connector)
            continue
        dsn = psycopg2.extensions.make_dsn(
            host=host, port=port or "5432", dbname=name, user=user, password=password
        )
        at = f"{host}:{port or '5432'}/{name}"
        found.setdefault(at, (dsn, []))[1].append(connector)
    return [
        SourceDatabase(at, dsn, at == ours, tuple(readers)) for at, (dsn, readers) in found.items()
    ], hidden


def read_source(database: SourceDatabase) -> SourceServer:
    """Raises WalflowError: it does not answer, or refuses."""
    with _connected(database) as cursor:
        began = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float")
        skew = float(cursor.fetchone()[0]) - (began + time.time()) / 2
        cursor.execute(_WAL)
        _, written, seconds, version, number = cursor.fetchone()
        cursor.execute(_SETTINGS, (list(SETTINGS),))
        server = {name: ServerSetting(*row) for name, *row in cursor.fetchall()}
        cursor.execute(_SLOTS)
        slots = tuple(Slot(*row) for row in cursor.fetchall())
        cursor.execute(_PUBLICATIONS)
        publications = {
            name: Publication(name, every, inserts, updates, deletes, truncates, frozenset(names))
            for name, every, inserts, updates, deletes, truncates, names in cursor.fetchall()
        }
        cursor.execute(_TABLES)
        tables = cursor.fetchall()
        captured = tuple(
            table
            for connector in database.connectors
            for table in _captured(cursor, connector, tables)
        )
    return SourceServer(
        database.at,
        database.is_ours,
        tuple(connector.name for connector in database.connectors),
        version,
        number,
        server,
        slots,
        publications,
        captured,
        written / seconds if seconds and seconds >= AVERAGED_SECONDS else None,
        skew,
    )


def _captured(
    cursor: Any,
    connector: ConnectorConfig,
    tables: Sequence[tuple[str, str]],
) -> Iterator[Captured]:
    taken = [place for place in tables if takes(connector, *place)]
    for schema, name in taken[:MAX_TABLES]:
        table = find_table(cursor, schema, name, connector.role, connector.publication)
        if table is None:
            continue
        cursor.execute(_COLUMNS, (schema, name))
        columns = tuple(CapturedColumn(*row) for row in cursor.fetchall())
        yield Captured(connector.name, table, columns)


@contextmanager
def _connected(database: SourceDatabase) -> Iterator[Any]:
    """A cursor that can only read.

    Raises:
        WalflowError: PostgreSQL does not answer, or refuses.
    """
    try:
        connection = psycopg2.connect(database.dsn, connect_timeout=5)
    except psycopg2.Error as error:
        raise WalflowError(
            f"PostgreSQL does not answer at {database.at}: {str(error).strip()}.",
            ExitCode.NOT_READY,
        ) from error
    try:
        connection.set_session(readonly=True, autocommit=True)
        with connection.cursor() as cursor:
            yield cursor
    except psycopg2.Error as error:
        raise WalflowError(f"PostgreSQL at {database.at}: {str(error).strip()}.") from error
    finally:
        connection.close()
