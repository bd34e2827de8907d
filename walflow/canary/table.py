"""The canary's own table: made and captured at its first use, like any other."""

from walflow.capture.adding import Added, Show, add
from walflow.capture.catalog import find_table
from walflow.capture.source import connected
from walflow.settings import Settings
from walflow.tables import TableRule, TableRules

SCHEMA, NAME = "public", "walflow_canary"
TABLE = f"{SCHEMA}.{NAME}"

_CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    id         uuid PRIMARY KEY,
    step       text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
)
"""
# What a run that was cut off has left behind.
_CLEAN = f"DELETE FROM {TABLE} WHERE written_at < now() - interval '1 hour'"


def ensure(settings: Settings, show: Show = lambda _: None) -> Added | None:
    """Have the table captured.

    Only PostgreSQL is asked where it is published already: a canary has to fly while others are away.

    Returns:
        What was done; None: nothing was to do.

    Raises:
        WalflowError: PostgreSQL is away, or the table cannot be captured; the sentence says why.
    """
    with connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute(_CREATE)
        cursor.execute(_CLEAN)
        table = find_table(cursor, SCHEMA, NAME)
    if table is not None and table.is_published:
        return None
    return add(settings, TABLE, show=show)


def rule_of(settings: Settings) -> TableRule:
    """Where its rows go."""
    return TableRules.of(settings).rule(SCHEMA, NAME)
