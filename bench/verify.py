"""How long `walflow verify` takes: `python -m bench.verify [--rows 1000000]`, on a running stack.

A table of its own, of the shape of created_users, is filled on both sides. It is published, so that
verify knows it, but no connector takes it: Cassandra gets the rows from here, into a keyspace without
a commit log, which is faster than through the pipeline and the same to verify. Two limits are measured
in the same run, each in one process and with nothing else to do: PostgreSQL's COPY of the table, thrown
away, and Cassandra's rows by token ranges through the driver, as Python objects. Table and keyspace are
dropped in the end.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from cassandra.cluster import ResponseFuture, Session
from cassandra.policies import RetryPolicy
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement

from walflow.settings import HOME, Settings, load
from walflow.stack.cassandra import cluster
from walflow.tables import TableRules
from walflow.verify import source, target
from walflow.verify.barrier import Barrier
from walflow.verify.catalog import PUBLICATION, captured_tables
from walflow.verify.plan import Plan, plan
from walflow.verify.rows import values

TABLE = "bench_verify"
MODEL = "created_users"
KEYSPACE = "walflow_bench"
RULES = {f"public.{TABLE}": {"target": f"{KEYSPACE}.{TABLE}"}}
GOAL_SECONDS = 60
"""For a million rows."""
BATCH_ROWS = 100
BATCHES_IN_FLIGHT = 12
WRITE_ATTEMPTS = 10
PAGE_ROWS = 5000
QUIET_SECONDS = 300
"""Within this the connector has passed over the rows that were written to fill the table."""
RESULTS = HOME / "bench" / "results"

ROWS = f"""
INSERT INTO {TABLE}
SELECT gen_random_uuid(), 'First' || n %% 997, 'Lastname' || n %% 9973,
       CASE n %% 2 WHEN 0 THEN 'male' ELSE 'female' END,
       n %% 9999 || ' ' || md5(n::text) || ' Street, Some City, Some State, Country',
       CASE WHEN n %% 50 > 0 THEN (n %% 99999)::text END,
       'first' || n || '.last@example.com', 'user' || n,
       timestamptz '1950-01-01' + n * interval '27.000001 seconds',
       now() - n %% 100000 * interval '1 minute',
       '(0' || n %% 100 || ') ' || 1000000 + n,
       'https://randomuser.me/api/portraits/med/men/' || n %% 100 || '.jpg'
FROM generate_series(1, %s) n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    os.environ["WALFLOW_TABLES"] = json.dumps(RULES)  # for the command as well
    settings = load()
    with cluster(settings) as connected, _tables(settings, connected.connect(), rows) as session:
        limits = {
            "copy_seconds": _seconds(lambda: _copy(settings)),
            "driver_read_seconds": _seconds(lambda: _read(session, rows)),
        }
        seconds = _seconds(lambda: _verify(rows, 0))
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        _damage(session)
        damaged_seconds = _seconds(lambda: _verify(rows, 3))
    result = _result(rows, seconds, usage, damaged_seconds, limits)
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = Path(RESULTS / f"verify-{time.strftime('%Y%m%d-%H%M%S')}.json")
    file.write_text(json.dumps(result, indent=2))
    print(json.dumps(result))


def _result(
    rows: int,
    seconds: float,
    usage: resource.struct_rusage,
    damaged_seconds: float,
    limits: dict[str, float],
) -> dict[str, Any]:
    return {
        "rows": rows,
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds),
        "goal_seconds_per_million": GOAL_SECONDS,
        "seconds_with_3_differences": round(damaged_seconds, 1),
        **{name: round(value, 1) for name, value in limits.items()},
        "times_copy": round(seconds / limits["copy_seconds"], 1),
        "times_driver_read": round(seconds / limits["driver_read_seconds"], 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "largest_process_mb": usage.ru_maxrss // 1024,
        "load_average": round(os.getloadavg()[0], 1),
    }


def _seconds(step: Callable[[], object]) -> float:
    began = time.monotonic()
    step()
    return time.monotonic() - began


def _say(text: str) -> None:
    print(f"{time.strftime('%X')}  {text}", file=sys.stderr, flush=True)


@contextmanager
def _tables(settings: Settings, session: Session, rows: int) -> Iterator[Session]:
    """The table on both sides, filled; dropped in the end."""
    connection = psycopg2.connect(settings.postgres_dsn())
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            _drop(session, cursor)  # that of a run that was cut off
            _say(f"filling PostgreSQL's {TABLE} with {rows} rows")
            _fill_source(cursor, rows)
            _say("filling Cassandra's")
            _fill_target(settings, session)
            _say("waiting until the connector has passed over the rows")
            _await_quiet(settings, cursor)
        yield session
    finally:
        with connection.cursor() as cursor:
            _drop(session, cursor)
        connection.close()


def _drop(session: Session, cursor: Any) -> None:
    session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}", timeout=60)
    cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")


def _fill_source(cursor: Any, rows: int) -> None:
    cursor.execute(f"CREATE TABLE {TABLE} (LIKE {MODEL} INCLUDING ALL)")
    cursor.execute(ROWS, (rows,))
    cursor.execute(f"VACUUM ANALYZE {TABLE}")
    cursor.execute(f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {TABLE}")


def _fill_target(settings: Settings, session: Session) -> None:
    """Write the rows as the stream should have, each with a stamp of its own."""
    model = session.cluster.metadata.keyspaces[settings.cassandra.keyspace].tables[MODEL]
    columns = [f"{column.name} {column.cql_type}" for column in model.columns.values()]
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication} AND durable_writes = false",
        timeout=60,
    )
    session.set_keyspace(KEYSPACE)
    session.execute(f"CREATE TABLE {TABLE} ({', '.join(columns)}, PRIMARY KEY (id))", timeout=60)
    with source.connected(settings) as cursor:
        planned = _planned(settings, cursor, session)
        names = [column.target for column in (*planned.key, *planned.rest)]
        marks = ", ".join("?" * len(names))
        insert = session.prepare(
            f"INSERT INTO {TABLE} ({', '.join(names)}) VALUES ({marks}) USING TIMESTAMP ?"
        )
        writer = _Writer(session, insert, stamp=time.time_ns() // 1000)
        source.SourceRows(planned, cursor).scan(writer.take)
        writer.end()


def _planned(settings: Settings, cursor: Any, session: Session) -> Plan:
    (table,) = captured_tables(cursor, [TABLE])
    rule = TableRules.of(settings).rule(table.schema, table.name)
    return plan(table, rule, target.table_of(session, rule.keyspace, rule.table))


class _Again(RetryPolicy):  # type: ignore[misc]
    """Cassandra may be slow for a while: a row's stamp makes writing it again harmless."""

    def on_write_timeout(self, *args: Any, retry_num: int, **kwargs: Any) -> tuple[int, None]:
        return (self.RETRY if retry_num < WRITE_ATTEMPTS else self.RETHROW), None


class _Writer:
    """Rows in the form of `walflow.verify.rows`, written in batches, of which some are under way."""

    def __init__(self, session: Session, insert: PreparedStatement, stamp: int) -> None:
        self._session = session
        self._insert = insert
        self._stamp = stamp
        self._batch = self._empty()
        self._under_way: deque[ResponseFuture] = deque()

    def take(self, key: bytes, rest: bytes) -> None:
        self._stamp += 1
        row = BoundStatement(self._insert)
        row.values = [*values(key), *values(rest), self._stamp.to_bytes(8, "big")]
        self._batch.add(row)
        if len(self._batch) == BATCH_ROWS:
            self._send()

    def end(self) -> None:
        self._send()
        while self._under_way:
            self._under_way.popleft().result()

    def _send(self) -> None:
        if len(self._under_way) == BATCHES_IN_FLIGHT:
            self._under_way.popleft().result()
        if len(self._batch):
            self._under_way.append(self._session.execute_async(self._batch, timeout=60))
        self._batch = self._empty()

    def _empty(self) -> BatchStatement:
        return BatchStatement(BatchType.UNLOGGED, retry_policy=_Again())


def _await_quiet(settings: Settings, cursor: Any) -> None:
    position = source.insert_position(cursor)
    with target.connected(settings) as session:
        Barrier(settings, session, f"{settings.topics.prefix}.public.{TABLE}", QUIET_SECONDS).wait(
            position
        )


class _Nowhere:
    """A file that throws away what is written."""

    def write(self, piece: bytes) -> int:
        return len(piece)


def _copy(settings: Settings) -> None:
    _say("limit: COPY")
    with source.connected(settings) as cursor:
        cursor.copy_expert(f"COPY {TABLE} TO STDOUT (FORMAT binary)", _Nowhere())


def _read(session: Session, rows: int) -> None:
    _say("limit: the driver")
    query = session.prepare(f"SELECT * FROM {TABLE} WHERE token(id) > ? AND token(id) <= ?")
    query.fetch_size = PAGE_ROWS
    read = sum(
        1 for bounds in target.Arc().ranges() for _ in session.execute(query, bounds, timeout=60)
    )
    if read != rows:
        raise SystemExit(f"Cassandra gave {read} rows of {rows}")


def _damage(session: Session) -> None:
    """One difference of each kind."""
    first, second = session.execute(f"SELECT id FROM {TABLE} LIMIT 2")
    session.execute(f"DELETE FROM {TABLE} WHERE id = %s", (first.id,))
    session.execute(f"UPDATE {TABLE} SET phone = 'forged' WHERE id = %s", (second.id,))
    session.execute(f"INSERT INTO {TABLE} (id, phone) VALUES (uuid(), 'extra')")


def _verify(rows: int, differences: int) -> None:
    """Run the command as a person does, and make sure of its answer."""
    _say("walflow verify")
    command = [str(HOME / ".venv" / "bin" / "walflow"), "verify", TABLE, "-o", "json"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if answer.returncode not in (0, 1):
        raise SystemExit(f"walflow verify ended with {answer.returncode}: {answer.stdout}")
    (result,) = json.loads(answer.stdout)
    if (result["source_rows"], len(result["differences"])) != (rows, differences):
        raise SystemExit(f"walflow verify found {result}, not {differences} differences")


if __name__ == "__main__":
    main()
