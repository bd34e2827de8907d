"""The workload's tables, made and captured."""

import psycopg2

from tests.workload.tables import ADDED_PREFIX, DOCUMENTS, TABLES
from walflow.capture import adding
from walflow.settings import Settings
from walflow.verify.catalog import PUBLICATION


def make_tables(settings: Settings, *, full_identity: bool) -> None:
    """Create the tables where they are missing.

    Args:
        full_identity: whether PostgreSQL logs whole rows of the table with TOASTed values.
    """
    identity = "FULL" if full_identity else "DEFAULT"
    connection = psycopg2.connect(settings.postgres_dsn())
    try:
        with connection, connection.cursor() as cursor:
            for table in TABLES:
                for statement in table.ddl():
                    cursor.execute(statement)
            cursor.execute(f"ALTER TABLE public.{DOCUMENTS.name} REPLICA IDENTITY {identity}")
    finally:
        connection.close()


def capture(settings: Settings) -> None:
    """Have the tables captured; those that are already stay so."""
    for table in TABLES:
        adding.add(settings, f"public.{table.name}")


def make_widened_tables_anew(settings: Settings) -> None:
    """Take added columns away. DROP COLUMN would do it, but a dropped column counts for ever towards
    the 1,600 that PostgreSQL allows a table."""
    connection = psycopg2.connect(settings.postgres_dsn())
    try:
        with connection, connection.cursor() as cursor:
            for table in TABLES:
                name = f"public.{table.name}"
                cursor.execute(f"SELECT * FROM {name} LIMIT 0")
                if any(c.name.startswith(ADDED_PREFIX) for c in cursor.description or ()):
                    cursor.execute(f"DROP TABLE {name}")
                    for statement in table.ddl():
                        cursor.execute(statement)
                    cursor.execute(f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {name}")
                    cursor.execute(f"GRANT SELECT ON {name} TO walflow_capture")
    finally:
        connection.close()
