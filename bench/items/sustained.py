"""Items 2 and 5: events a second that reach Cassandra while the source is never idle."""

import random
from typing import Any

from bench.bytes_moved import position
from bench.figure import HIGHER, Figure, Measured, Series
from bench.measure import (
    Observed,
    await_visible,
    fill,
    inserting,
    new_run,
    rate_over_time,
    saturated,
)
from bench.noise import figure
from bench.rows import LARGE, USERS, Table, key, wide
from bench.sender import Prepare, Transaction
from bench.stack import Stack

BEHIND_100_ROWS = 20_000
BEHIND_SINGLE = 4_000
BEHIND_LARGE = 1_000
WIDE = wide(50, "bench_wide")
POPULATION = 20_000
HOT = POPULATION // 10
HOT_SHARE = 0.8
MIXED_ROWS = 100
INSERTS, DELETES, UPDATES = 20, 10, 70


def hundred(stack: Stack, seconds: int) -> Measured:
    """100-row transactions."""
    before = position(stack)
    observed = saturated(stack, seconds, 100, BEHIND_100_ROWS)
    measured = _measured(
        "sustained.100-row",
        "100-row transactions, first commit → last row visible in Cassandra",
        observed,
        goal=8_000.0,
        stretch=12_000.0,
    )
    after = position(stack)
    events = observed.sent.events
    measured.figures += [
        Figure(
            "bytes.wal",
            "PostgreSQL's log per event (100-row inserts)",
            "bytes",
            (round((after.wal - before.wal) / events, 1),),
        ),
        Figure(
            "bytes.kafka",
            "Kafka's topic per event (lz4)",
            "bytes",
            (round((after.kafka - before.kafka) / events, 1),),
        ),
    ]
    measured.series.append(
        Series(
            "throughput-over-time",
            "Events visible in Cassandra, second by second",
            "s",
            "events/s",
            {
                "100-row transactions": rate_over_time(
                    [a.seen.at for a in observed.arrivals],
                    events / len(observed.arrivals),
                )
            },
        )
    )
    return measured


def single(stack: Stack, seconds: int) -> Measured:
    """Single-row transactions."""
    observed = saturated(stack, seconds, 1, BEHIND_SINGLE)
    return _measured(
        "sustained.single-row",
        "single-row transactions, first commit → last row visible in Cassandra",
        observed,
        goal=4_000.0,
    )


def mixed(stack: Stack, seconds: int) -> Measured:
    """70 % updates, 20 % inserts, 10 % deletes; 80 % of the updates go to 10 % of the rows."""
    run = new_run("mixed")
    await_visible(stack, fill(stack, POPULATION, run=run))
    observed = saturated(
        stack,
        seconds,
        MIXED_ROWS,
        BEHIND_100_ROWS,
        _mixed(run),
        keys=lambda number: key(run, POPULATION + number * INSERTS),
        senders=1,
    )
    return _measured(
        "sustained.mixed",
        "70 % updates, 20 % inserts, 10 % deletes, 100 changes a transaction, hot and cold keys",
        observed,
    )


def wide_rows(stack: Stack, seconds: int) -> Measured:
    """Rows of 50 columns, 100 a transaction."""
    observed = saturated(stack, seconds, 100, BEHIND_100_ROWS // 2, table=WIDE)
    return _measured("sustained.wide", "rows of 50 columns, 100-row transactions", observed)


def large_rows(stack: Stack, seconds: int) -> Measured:
    """Rows of 20 KB, 10 a transaction."""
    observed = saturated(stack, seconds, 10, BEHIND_LARGE, table=LARGE)
    return _measured("sustained.large", "rows of 20 KB, 10-row transactions", observed)


TABLES: tuple[Table, ...] = (WIDE, LARGE)
"""What these need captured beside created_users."""


def _measured(
    name: str,
    what: str,
    observed: Observed,
    goal: float | None = None,
    stretch: float | None = None,
) -> Measured:
    events = observed.sent.events
    rate = Figure(
        name, what, "events/s", (round(observed.events_per_second, 1),), HIGHER, goal, stretch
    )
    facts: dict[str, Any] = {
        "events": events,
        "transactions": observed.sent.transactions,
        **observed.cost.facts(events),
    }
    return Measured([rate, figure(name, what, observed.cost.noise)], facts={name: facts})


def _mixed(run: str) -> tuple[Prepare, Transaction]:
    """Transaction n inserts 20 new rows, deletes the 10 oldest cold ones and updates 70."""
    chosen = random.Random(run)
    prepare, _ = inserting(USERS, run, INSERTS)

    def transaction(cursor: Any, number: int) -> int:
        cold = HOT + number * DELETES
        gone = [str(key(run, cold + i)) for i in range(DELETES)]
        updated: set[int] = set()
        while len(updated) < UPDATES:
            hot = chosen.random() < HOT_SHARE
            updated.add(
                chosen.randrange(HOT)
                if hot
                else chosen.randrange(
                    cold + DELETES, max(POPULATION + number * INSERTS, cold + 1000)
                )
            )
        cursor.execute("BEGIN")
        USERS.insert(cursor, run, POPULATION + number * INSERTS, INSERTS)
        cursor.execute(
            "UPDATE created_users SET phone = %s, address = address || '.' WHERE id = ANY(%s::uuid[])",
            (str(number), [str(key(run, n)) for n in sorted(updated)]),
        )
        changed = cursor.rowcount
        cursor.execute("DELETE FROM created_users WHERE id = ANY(%s::uuid[])", (gone,))
        changed += cursor.rowcount
        cursor.execute("COMMIT")
        return int(changed) + INSERTS

    return prepare, transaction
