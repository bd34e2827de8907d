"""The row in PostgreSQL, and its key in PostgreSQL's own words."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg2

from walflow.errors import ExitCode, WalflowError
from walflow.trace.results import SourceRow
from walflow.verify.catalog import SourceTable, quoted


def key_texts(cursor: Any, table: SourceTable, given: Sequence[str]) -> dict[str, str]:
    """The key as PostgreSQL writes what a person has written: a UUID in lower case, say.

    Raises:
        WalflowError: a value does not fit its column.
    """
    declared = {column.name: column.declared for column in table.columns}
    select = ", ".join(f"(%s::{declared[name]})::text" for name in table.key)
    try:
        cursor.execute(f"SELECT {select}", list(given))
    except psycopg2.Error as error:
        raise WalflowError(
            f"{', '.join(given)} is no key of {table.full_name} ({', '.join(table.key)}):"
            f" {str(error).strip()}.",
            ExitCode.USAGE,
        ) from error
    return dict(zip(table.key, cursor.fetchone(), strict=True))


def row(cursor: Any, table: SourceTable, key: Mapping[str, str]) -> SourceRow | None:
    """The row with a key, as it is committed now."""
    names = [column.name for column in table.columns]
    declared = {column.name: column.declared for column in table.columns}
    columns = ", ".join(f"t.{quoted(name)}::text" for name in names)
    where = " AND ".join(f"t.{quoted(name)} = %s::{declared[name]}" for name in key)
    cursor.execute(
        f"SELECT t.xmin::text::bigint, {_committed_at(cursor)}, {columns}"
        f" FROM {table.from_clause} AS t WHERE {where}",
        list(key.values()),
    )
    found = cursor.fetchone()
    if found is None:
        return None
    return SourceRow(int(found[0]), found[1], dict(zip(names, found[2:], strict=True)))


def condition(cursor: Any, table: SourceTable, key: Mapping[str, str]) -> str:
    """SQL for which just the row with a key holds."""
    declared = {column.name: column.declared for column in table.columns}
    parts = [
        cursor.mogrify(f"{quoted(name)} = %s::{declared[name]}", (value,)).decode()
        for name, value in key.items()
    ]
    return " AND ".join(parts)


def _committed_at(cursor: Any) -> str:
    """SQL that tells when the row's transaction was committed; it is known by setting only."""
    cursor.execute("SELECT current_setting('track_commit_timestamp')")
    if cursor.fetchone()[0] != "on":
        return "NULL"
    return "to_char(pg_xact_commit_timestamp(t.xmin), 'YYYY-MM-DD\"T\"HH24:MI:SS.USOF')"
