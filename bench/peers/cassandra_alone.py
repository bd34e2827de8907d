"""The limit of the target: rows written by the stream's own writer, with nothing before it."""

import os
import time
from uuid import uuid4

from bench.figure import HIGHER, Figure, Measured
from bench.rows import key
from bench.stack import Stack
from change_stream import connections
from change_stream.config import stream_config
from change_stream.record import Record
from walflow.stack.spark import addresses

KEYSPACE = "walflow_bench"
TEXTS = 9
"""Beside the key and two timestamps: as created_users has."""


def measure(stack: Stack, events: int) -> Measured:
    """Write rows of created_users' shape into a table of its own, in this process."""
    config = stream_config(stack.settings, os.environ | addresses(stack.settings))
    session = connections.cassandra_session(config)
    try:
        session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}", timeout=60)
        replication = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"
        session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}")
        texts = [f"t{i}" for i in range(TEXTS)]
        columns = ", ".join(f"{name} text" for name in texts)
        session.execute(
            f"CREATE TABLE {KEYSPACE}.alone"
            f" (id uuid PRIMARY KEY, {columns}, m1 timestamp, m2 timestamp)"
        )
        marks = ", ".join("?" * (TEXTS + 3))
        insert = session.prepare(
            f"INSERT INTO {KEYSPACE}.alone (id, {', '.join(texts)}, m1, m2)"
            f" VALUES ({marks}) USING TIMESTAMP ?"
        )
        failures: list[Exception] = []
        writer = connections.writer(
            session,
            config,
            refused=lambda record, reason: failures.append(RuntimeError(reason)),
            failed=failures.append,
        )
        run, stamp = uuid4().hex, time.time_ns() // 1000
        began, cpu = time.monotonic(), time.process_time()
        for number in range(events):
            row = [key(run, number), *(f"value {number} of {i}" for i in range(TEXTS)), 0, number]
            record = Record("alone", 0, number, 0, None, None)
            writer.write(record, insert.bind([*row, stamp + number]))
        writer.drain()
        seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu
        if failures:
            raise failures[0]
        session.execute(f"DROP KEYSPACE {KEYSPACE}", timeout=60)
    finally:
        session.cluster.shutdown()
    return Measured(
        [
            Figure(
                "limit.cassandra",
                f"limit: {events} rows of created_users' shape by the stream's writer, one process",
                "events/s",
                (round(events / seconds, 1),),
                HIGHER,
            )
        ],
        facts={"limit.cassandra": {"client_cpu_us_per_row": round(1e6 * cpu_seconds / events, 1)}},
    )
