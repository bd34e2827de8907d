"""A table's capture, begun while everything runs.

What is published from a moment on, and the snapshot of what was there before, have to meet without a
gap: a row that was written before and committed after would be in neither. So the table is published,
and the snapshot asked for, in one transaction that first waits for all that have written to the table
(`LOCK TABLE … IN SHARE MODE`). New writers wait for it, at most `LOCK_SECONDS` at a time.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
from psycopg2.extensions import quote_ident

from walflow.advice import ticked
from walflow.capture import include_list, topics
from walflow.capture.catalog import SourceTable, find_table, published_tables, split_name
from walflow.capture.connector import capturing, connect_api, require_same_settings
from walflow.capture.problems import Problem, not_there, problems_of, shared_targets
from walflow.capture.source import CAPTURE_ROLE, connected, transaction
from walflow.connect_api import ConnectApi, Connector, read_connector
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.snapshots import signals
from walflow.snapshots.notifications import Notifications
from walflow.snapshots.reading import Progress, follow, under_way
from walflow.snapshots.signals import Signal
from walflow.tables import TableRules, topic_of
from walflow.verify.catalog import PUBLICATION

LOCK_SECONDS = 2.0
"""So long at most may the lock keep writers waiting; then they go first and it is tried again."""
LOCK_ATTEMPTS = 30
PAUSE_SECONDS = 0.5

_BLOCKERS = """
SELECT a.pid, coalesce(nullif(a.application_name, ''), a.usename), now() - a.xact_start
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.relation = to_regclass(%s) AND l.granted AND l.pid <> pg_backend_pid()
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
ORDER BY a.xact_start LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a table that was to be captured."""

    table: str
    target: str
    was_captured: bool
    rows: int = 0
    """Read by the snapshot."""
    target_was_there: bool = False
    """Whether Cassandra had the table before: then it may hold rows that PostgreSQL has no more."""


Show = Callable[[Progress], None]


def add(
    settings: Settings, name: str, file: Path | None = None, show: Show = lambda _: None
) -> Added:
    """Capture a table: its rows as they are, and every change from now on.

    What is done already is left as it is, so a run that was cut off can be repeated.

    Args:
        name: `schema.table` or, in public, `table`.
        file: a connector's JSON to write the table into.

    Raises:
        WalflowError: it cannot be replicated exactly, the stream has no slots for it, or a server
            does not answer; the sentence names what is left to do.
    """
    schema, table_name = split_name(name)
    api = connect_api(settings)
    connector = capturing(api)
    in_file = None if file is None else _for_file(file, connector, f"{schema}.{table_name}")
    require_same_settings(settings, connector, f"connector {connector.name}")
    with connected(settings) as connection:
        with connection.cursor() as cursor:
            table = _require_fit(settings, cursor, schema, table_name)
        topic = topic_of(settings.topics.prefix, schema, table_name)
        present = topics.read_by_stream(settings)
        topics.require_slots(settings, present, topic)
        if file is not None and in_file is not None:
            file.write_text(in_file)
        rule = TableRules.of(settings).rule(schema, table_name)
        target = f"{rule.keyspace}.{rule.table}"
        if table.is_published and include_list.captures(connector.config, table.full_name):
            return Added(table.full_name, target, was_captured=True)
        was_there = topics.has_target(settings, rule)
        if topic not in present:
            show(Progress("making its topic, which the stream begins to read"))
            topics.create(settings, topic)
            topics.ask_stream_to_begin_anew(settings, f"topic {topic} is new")
        elif not was_there:
            topics.ask_stream_to_begin_anew(settings, f"{target} is to be made")
        with connection.cursor() as cursor:
            _grant(cursor, table)
        if not include_list.captures(connector.config, table.full_name):
            show(Progress("telling the connector"))
            wanted = include_list.with_table(connector.config, table.full_name)
            connector = Connector(connector.name, wanted)
            api.apply(connector, f"connector {connector.name}")
        with Notifications(settings) as news:
            signal = _publish(connection, api, connector, table, show)
            rows = follow(settings, signal, news, show)
    return Added(table.full_name, target, False, rows, was_there)


def _require_fit(settings: Settings, cursor: Any, schema: str, name: str) -> SourceTable:
    rules = TableRules.of(settings)
    rule = rules.rule(schema, name)
    table = find_table(cursor, schema, name)
    if table is None:
        found: list[Problem] = [not_there(schema, name)]
    else:
        captured = [t for t in published_tables(cursor) if t.full_name != table.full_name]
        targets = shared_targets([rule, *(rules.rule(t.schema, t.name) for t in captured)])
        found = problems_of(table, rule)
        found += [targets[table.full_name]] if table.full_name in targets else []
    if table is None or found:
        raise WalflowError(
            "\n".join([*(problem.text for problem in found), "Nothing was changed."]),
            ExitCode.USAGE,
        )
    return table


def _for_file(file: Path, connector: Connector, full_name: str) -> str:
    """The file's text with the table in it; its other lines stay as they are."""
    in_file = read_connector(file)
    if in_file.name != connector.name:
        raise WalflowError(
            f"{file} is of connector {in_file.name}, and {connector.name} captures the publication"
            f" {PUBLICATION}. Nothing was changed.",
            ExitCode.USAGE,
        )
    wanted = include_list.with_table(in_file.config, full_name)
    return replaced(file.read_text(), in_file.config, wanted)


def replaced(text: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """A connector's JSON with another list of tables; whatever else it holds stays as it is."""
    old, new = before.get(include_list.SETTING), after.get(include_list.SETTING)
    if old == new or old is None or new is None:
        return text
    written = json.dumps(old, ensure_ascii=False)
    if written not in text:
        raise WalflowError(
            f"{include_list.SETTING} cannot be found in the file as {written}: change it by hand."
            " Nothing was changed.",
            ExitCode.USAGE,
        )
    return text.replace(written, json.dumps(new, ensure_ascii=False), 1)


def _grant(cursor: Any, table: SourceTable) -> None:
    if not table.is_readable:
        schema = quote_ident(table.schema, cursor)
        cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {CAPTURE_ROLE}")
        cursor.execute(f"GRANT SELECT ON {table.sql_name} TO {CAPTURE_ROLE}")


def _publish(
    connection: Any, api: ConnectApi, connector: Connector, table: SourceTable, show: Show
) -> Signal:
    """Publish the table and ask for its snapshot, in one transaction behind all writers."""
    attempts = 0
    while True:
        try:
            with transaction(connection) as cursor:
                other = under_way(cursor, api, connector)
                if other is None:
                    if not table.is_published:
                        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS:g}s'")
                        cursor.execute(f"LOCK TABLE {table.sql_name} IN SHARE MODE")
                        cursor.execute(
                            f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {table.sql_name}"
                        )
                    return signals.send(cursor, table.full_name)
            show(Progress(f"waiting for the end of the snapshot of {other.table}"))
        except psycopg2.errors.LockNotAvailable as error:
            attempts += 1
            blocker = _blocker(connection, table)
            if attempts == LOCK_ATTEMPTS:
                raise WalflowError(
                    f"{table.full_name} is not captured yet: {blocker} has written to it and does not"
                    f" end. Run {ticked('tables add')} again when it has."
                ) from error
            show(Progress(f"waiting for the end of {blocker}"))
        time.sleep(PAUSE_SECONDS)


def _blocker(connection: Any, table: SourceTable) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_BLOCKERS, (table.sql_name,))
        row = cursor.fetchone()
    if row is None:
        return "a transaction"
    pid, application, age = row
    return f"the transaction of pid {pid} ({application}), {age.total_seconds():.0f} s old,"
