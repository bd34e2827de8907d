"""Both sides made empty and equal before a workload, whatever an earlier one has left."""

import time

import psycopg2
from cassandra.query import dict_factory

from tests.workload import fences
from tests.workload.capture import capture, make_tables, make_widened_tables_anew
from tests.workload.compare import compare, target_rows
from tests.workload.tables import TABLES
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.cassandra import cluster

FLOW_SECONDS = 240
"""The connector is started again, and the stream takes up the new topics."""
EMPTY_SECONDS = 120
TRY_SECONDS = 5


def level(settings: Settings, *, full_identity: bool) -> None:
    """Make and capture the tables, empty both sides, and take added columns away.

    Raises:
        WalflowError: changes do not arrive, or the sides do not become equal.
    """
    make_tables(settings, full_identity=full_identity)
    capture(settings)
    _await_flow(settings)
    _empty(settings)
    make_widened_tables_anew(settings)
    make_tables(settings, full_identity=full_identity)


def _await_flow(settings: Settings) -> None:
    """Write until something arrives: what was written before the connector restarted never will."""
    give_up = time.monotonic() + FLOW_SECONDS
    while not fences.have_arrived(settings, fences.put(settings), TRY_SECONDS):
        if time.monotonic() > give_up:
            raise WalflowError(
                f"No change of the workload's tables reached Cassandra within {FLOW_SECONDS} s."
                " See `walflow status`, the connector's state and the dead letters.",
                ExitCode.NOT_READY,
            )


def _empty(settings: Settings) -> None:
    """Delete all rows in PostgreSQL, and first bring back those that only Cassandra has."""
    connection = psycopg2.connect(settings.postgres_dsn())
    try:
        with cluster(settings) as connected, connection, connection.cursor() as cursor:
            target = connected.connect()
            target.row_factory = dict_factory
            for table in TABLES:
                names = ", ".join(column.name for column in table.key)
                marks = ", ".join("%s" for _ in table.key)
                for key in target_rows(target, settings, table):
                    cursor.execute(
                        f"INSERT INTO public.{table.name} ({names}) VALUES ({marks})"
                        " ON CONFLICT DO NOTHING",
                        key,
                    )
                cursor.execute(f"DELETE FROM public.{table.name}")
    finally:
        connection.close()
    give_up = time.monotonic() + EMPTY_SECONDS
    while (found := compare(settings)).differences:
        if time.monotonic() > give_up:
            shown = "\n".join(difference.text() for difference in found.differences[:20])
            raise WalflowError(
                f"Deleted rows are still in Cassandra after {EMPTY_SECONDS} s:\n{shown}"
            )
        time.sleep(fences.POLL_SECONDS)
