"""A whole run: from a users API's pages to rows in PostgreSQL."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import psycopg2
import pytest

from users.api import Patience, UsersApiError
from users.ingest import Settings, Summary, ingest, seed_of_run
from users.source import Source
from users.store import StoreError
from users_api.asgi import Application, Receive, Scope, Send, send_whole
from users_api.listening import listening
from users_api.people import People
from users_api.server import UsersServer

QUICK = Patience(tries=2, first_wait=0.001, longest_wait=0.002)


@contextmanager
def serving(application: Application) -> Iterator[Source]:
    """Serves in a thread of its own: ingest() blocks the one it is called in."""
    started: Future[int] = Future()
    loop = asyncio.new_event_loop()
    finished = asyncio.Event()

    async def run() -> None:
        async with listening(application, "127.0.0.1", 0) as addresses:
            started.set_result(addresses[0][1])
            await finished.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        yield Source(f"http://127.0.0.1:{started.result(30)}/api/", "bundled", "a test")
    finally:
        loop.call_soon_threadsafe(finished.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def bundled() -> Iterator[Source]:
    with serving(UsersServer(People())) as source:
        yield source


def counts(summary: Summary) -> tuple[int, int, int, int, int]:
    return (
        *(summary.fetched, summary.inserted, summary.updated),
        *(summary.unchanged, summary.set_aside),
    )


def test_a_run_stores_the_users_it_was_asked_for(bundled: Source, users_dsn: str) -> None:
    summary = ingest(bundled, users_dsn, 250, str(uuid4()), settings=Settings(page_size=100))

    assert counts(summary) == (250, 250, 0, 0, 0)
    assert (summary.source, summary.requested) == ("bundled", 250)


def test_a_repeated_run_fetches_the_same_users_and_changes_nothing(
    bundled: Source, users_dsn: str
) -> None:
    run_id = str(uuid4())

    first = ingest(bundled, users_dsn, 120, run_id, settings=Settings(page_size=50))
    again = ingest(bundled, users_dsn, 120, run_id, settings=Settings(page_size=50))

    assert counts(first) == (120, 120, 0, 0, 0)
    assert counts(again) == (120, 0, 0, 120, 0)
    assert first.seed == again.seed == seed_of_run(run_id)


def test_a_given_seed_is_used(bundled: Source, users_dsn: str) -> None:
    seed = str(uuid4())

    ingest(bundled, users_dsn, 10, "one run", seed)

    assert counts(ingest(bundled, users_dsn, 10, "another run", seed)) == (10, 0, 0, 10, 0)


def test_the_seed_of_a_run_is_not_one_that_randomuser_misreads() -> None:
    assert len(seed_of_run("manual__2026-01-01T00:00:00+00:00")) == 16


def test_malformed_users_are_set_aside_and_the_others_stored(
    users_dsn: str, users_admin_dsn: str
) -> None:
    good: dict[str, Any] = {
        "login": {"uuid": str(uuid4())},
        "name": {"first": "A", "last": "B"},
    }
    bad: list[object] = [None, {"login": {}}, {**good, "email": "\0"}]

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send_whole(send, 200, [], json.dumps({"results": [good, *bad]}).encode())

    run_id = str(uuid4())
    with serving(answer) as source:
        summary = ingest(source, users_dsn, 4, run_id)

    assert counts(summary) == (4, 1, 0, 0, 3)
    with closing(psycopg2.connect(users_admin_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT reason FROM public.set_aside_users WHERE run_id = %s", (run_id,))
        assert {reason for (reason,) in cursor.fetchall()} == {
            "a user is an object, not null",
            "login.uuid is missing",
            "email holds a NUL character, which PostgreSQL cannot store",
        }


def test_pages_stored_before_a_failure_stay(users_dsn: str) -> None:
    seed = str(uuid4())
    server = UsersServer(People())
    broken = {"2"}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if dict(parse_qsl(scope["query_string"].decode()))["page"] in broken:
            await send_whole(send, 500, [], b"")
        else:
            await server(scope, receive, send)

    one_by_one = Settings(concurrency=1, page_size=10, api_patience=QUICK)
    with serving(answer) as source:
        with pytest.raises(UsersApiError, match="Page 2 of 3"):
            ingest(source, users_dsn, 30, "run", seed, one_by_one)
        broken.clear()
        summary = ingest(source, users_dsn, 30, "run", seed, one_by_one)

    assert counts(summary) == (30, 20, 0, 10, 0)


def test_a_store_that_fails_ends_the_run(bundled: Source) -> None:
    nowhere = "host=127.0.0.1 port=1 user=u dbname=users"

    with pytest.raises(StoreError, match="could not be written to PostgreSQL"):
        ingest(bundled, nowhere, 5000, "run", settings=Settings(store_patience_seconds=0.1))
