"""Item 6: requests a minute from the users API into PostgreSQL, by the DAG's own code."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from bench.failure import CannotMeasure
from bench.figure import HIGHER, Figure, Measured
from bench.measure import new_run
from bench.stack import Stack
from walflow.settings import HOME

LATENCY_MS = 100
CONCURRENCY = 640
"""At 100 ms each, 384,000 requests a minute at most. The bundled API, which refuses more than 64 at once
of its own accord, is told to take as many."""
GOALS = (50_000.0, 300_000.0)
"""Requests a minute: what the documents promise, and what is aimed at. Of pages of one user each."""
START_SECONDS = 20.0
RUN_SECONDS = 900


def measure(stack: Stack, requests_wanted: int, page_size: int) -> Measured:
    """Fetch so many pages of so many users into created_users.

    Raises:
        CannotMeasure: the API did not start, or the run failed or stored something else.
    """
    before = stack.value("SELECT count(*) FROM created_users")
    users = requests_wanted * page_size
    with _users_api(stack) as url:
        told = _ingest(stack, url, users, page_size)
    stored = stack.value("SELECT count(*) FROM created_users") - before
    if stored != users:
        raise CannotMeasure(f"{users} users were asked for and {stored} are in PostgreSQL.")
    a_minute = 60 * requests_wanted / told["seconds"]
    name = f"ingestion.{page_size}-user-pages"
    what = f"pages of {page_size} from an API that takes {LATENCY_MS} ms, into PostgreSQL"
    return Measured(
        [
            Figure(
                f"{name}.requests",
                f"requests: {what}",
                "requests/min",
                (round(a_minute),),
                HIGHER,
                *(GOALS if page_size == 1 else ()),
            ),
            Figure(
                f"{name}.users",
                f"users: {what}",
                "users/s",
                (round(users / told["seconds"]),),
                HIGHER,
            ),
            Figure(
                f"{name}.memory",
                f"memory of the DAG's process: {what}",
                "MB",
                (round(told["peak_megabytes"], 1),),
            ),
        ],
        facts={name: told | {"users": users, "concurrency": CONCURRENCY}},
    )


@contextmanager
def _users_api(stack: Stack) -> Iterator[str]:
    """The bundled API with latency, on the stack's port for it."""
    port = stack.settings.ports.of("users_api")
    command = [
        sys.executable,
        "-m",
        "users_api",
        "--port",
        str(port),
        "--latency-ms",
        str(LATENCY_MS),
        "--most-requests",
        str(CONCURRENCY + 1),
    ]
    process = subprocess.Popen(
        command, cwd=HOME, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        give_up = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > give_up:
                raise CannotMeasure(f"The bundled users API did not start on port {port}.")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/api/"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=1).ok
    except requests.RequestException:
        return False


def _ingest(stack: Stack, url: str, users: int, page_size: int) -> dict[str, float]:
    """Run the DAG's code in a process of its own, as a task of Airflow is one."""
    command = [
        *(sys.executable, "-m", "bench.items.ingestion_run", url, stack.dsn, str(users)),
        *(str(page_size), str(CONCURRENCY), new_run("ingest")),
    ]
    paths = f"{HOME}:{HOME / 'airflow' / 'plugins'}"
    answer = subprocess.run(
        command,
        cwd=HOME,
        env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    if answer.returncode != 0:
        last = answer.stderr.strip().splitlines()[-1:] or ["nothing on its error output"]
        raise CannotMeasure(f"The DAG's code ended with {answer.returncode}: {last[0]}")
    told: dict[str, float] = json.loads(answer.stdout)
    return told
