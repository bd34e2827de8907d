"""Fences: rows written behind a workload. Once they have arrived, so should have all before them.

A table gets many, so that each partition of its topic gets some.
"""

import time

import psycopg2
from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from cassandra.query import dict_factory

from tests.workload.compare import target_rows
from tests.workload.tables import TABLES
from walflow.settings import Settings
from walflow.stack.cassandra import cluster

FIRST_NUMBER = 1_000_000
"""Of the fences' keys: far above those of any workload."""
OF_EACH_TABLE = 24
POLL_SECONDS = 0.5

Fences = range
"""Numbers of the keys of one set of fences."""


def put(settings: Settings) -> Fences:
    """Write fences to each table, with keys that no fence had before."""
    start = FIRST_NUMBER + int(time.time() * 10) % 10_000_000 * OF_EACH_TABLE
    numbers = range(start, start + OF_EACH_TABLE)
    connection = psycopg2.connect(settings.postgres_dsn())
    try:
        with connection, connection.cursor() as cursor:
            for table in TABLES:
                names = ", ".join(column.name for column in table.key)
                rows = ", ".join(f"({', '.join(table.key_of(number))})" for number in numbers)
                cursor.execute(f"INSERT INTO public.{table.name} ({names}) VALUES {rows}")
    finally:
        connection.close()
    return numbers


def have_arrived(settings: Settings, fences: Fences, seconds: float) -> bool:
    """Wait until every fence is in Cassandra, at most this long."""
    give_up = time.monotonic() + seconds
    while not _are_in_cassandra(settings, fences):
        if time.monotonic() > give_up:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _are_in_cassandra(settings: Settings, fences: Fences) -> bool:
    try:
        with cluster(settings) as connected:
            target = connected.connect()
            target.row_factory = dict_factory
            for table in TABLES:
                present = {
                    tuple(str(part) for part in key) for key in target_rows(target, settings, table)
                }
                wanted = {
                    tuple(part.strip("'") for part in table.key_of(number)) for number in fences
                }
                if not wanted <= present:
                    return False
    except (NoHostAvailable, DriverException):
        return False  # it was killed and is on its way up
    return True
