"""The limit of the source: the slot drained by pg_recvlogical, which throws everything away."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.failure import CannotMeasure
from bench.figure import HIGHER, Figure, Measured
from bench.stack import Stack

SLOT = "walflow_bench"
MOST_SECONDS = 600


@contextmanager
def slot(stack: Stack) -> Iterator[None]:
    """A second slot from now on; dropped in the end, since it would keep the log for ever."""
    stack.sql(f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')")
    try:
        yield
    finally:
        stack.sql(f"SELECT pg_drop_replication_slot('{SLOT}')")


def measure(stack: Stack, events: int) -> Measured:
    """Drain what was committed since the slot was made.

    Raises:
        CannotMeasure: pg_recvlogical is not there, or fails.
    """
    program = shutil.which("pg_recvlogical")
    if program is None:
        raise CannotMeasure(
            "pg_recvlogical is not on the PATH. Install: apt-get install -y postgresql-client"
        )
    end = stack.value("SELECT pg_current_wal_insert_lsn() - '0/0'")
    command = [
        *(program, "--start", f"--slot={SLOT}", "--file=/dev/null", "--no-loop"),
        f"--dbname={stack.dsn}",
        f"--endpos={end >> 32:X}/{end & 0xFFFFFFFF:X}",
        *("--option=proto_version=1", "--option=publication_names=walflow"),
    ]
    began = time.monotonic()
    answer = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS)
    seconds = time.monotonic() - began
    if answer.returncode != 0:
        raise CannotMeasure(f"pg_recvlogical failed: {answer.stderr.strip()[-300:]}")
    return Measured(
        [
            Figure(
                "limit.slot",
                f"limit: pg_recvlogical drains the slot of {events} inserts (pgoutput, thrown away)",
                "events/s",
                (round(events / seconds, 1),),
                HIGHER,
            )
        ]
    )
