"""Commit → Cassandra latency: `python -m bench.latency [--rate 500] [--seconds 60]`.

Open loop: commits are due at fixed times whether or not earlier ones were slow, and latency counts
from the end of COMMIT to the first read that finds the row. Every `--sample`-th row is watched by
its key, so that the watching does not become the load. Both ends read one machine's clock.
"""

import argparse
import json
import queue
import statistics
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg2
from cassandra.cluster import Session

from walflow.settings import HOME, load
from walflow.stack.cassandra import cluster

WATCHERS = 8
GIVE_UP_SECONDS = 90
RESULTS = HOME / "bench" / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=500, help="commits a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--sample", type=int, default=50, help="watch every n-th row")
    asked = parser.parse_args()
    settings = load()
    committed: queue.Queue[tuple[UUID, float] | None] = queue.Queue(maxsize=10_000)
    latencies: list[float] = []
    with cluster(settings) as connected:
        session = connected.connect(settings.cassandra.keyspace)
        watchers = [
            threading.Thread(target=_watch, args=(session, committed, latencies))
            for _ in range(WATCHERS)
        ]
        for watcher in watchers:
            watcher.start()
        behind = _commit(settings.postgres_dsn(), asked, committed)
        for _ in watchers:
            committed.put(None)
        for watcher in watchers:
            watcher.join()
    result = _result(asked, latencies, behind)
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = Path(RESULTS / f"latency-{time.strftime('%Y%m%d-%H%M%S')}.json")
    file.write_text(json.dumps(result, indent=2))
    print(json.dumps(result))


def _commit(dsn: str, asked: argparse.Namespace, committed: "queue.Queue[Any]") -> float:
    """Commit single-row transactions at their due times; returns how late the last one was, in s."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    began, late = time.monotonic(), 0.0
    with connection.cursor() as cursor:
        for number in range(asked.rate * asked.seconds):
            due = began + number / asked.rate
            late = time.monotonic() - due
            if late < 0:
                time.sleep(-late)
            user = uuid4()
            cursor.execute(
                "INSERT INTO created_users (id, first_name, last_name, phone)"
                " VALUES (%s, 'Bench', 'Mark', %s)",
                (str(user), str(number)),
            )
            if number % asked.sample == 0:
                committed.put((user, time.monotonic()))
    connection.close()
    return max(late, 0.0)


def _watch(session: Session, committed: "queue.Queue[Any]", latencies: list[float]) -> None:
    lookup = session.prepare("SELECT id FROM created_users WHERE id = ?")
    while (entry := committed.get()) is not None:
        user, at = entry
        while session.execute(lookup, (user,)).one() is None:
            if time.monotonic() - at > GIVE_UP_SECONDS:
                raise SystemExit(f"row {user} did not arrive within {GIVE_UP_SECONDS} s")
            time.sleep(0.001)
        latencies.append(time.monotonic() - at)


def _result(asked: argparse.Namespace, latencies: list[float], behind: float) -> dict[str, Any]:
    marks = statistics.quantiles(latencies, n=100)
    ms = {f"p{p}_ms": round(marks[p - 1] * 1000, 1) for p in (50, 90, 99)}
    return {
        "rate": asked.rate,
        "seconds": asked.seconds,
        "watched": len(latencies),
        **ms,
        "max_ms": round(max(latencies) * 1000, 1),
        "sender_late_at_end_ms": round(behind * 1000, 1),
    }


if __name__ == "__main__":
    main()
