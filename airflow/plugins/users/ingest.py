"""One run: users from the API into PostgreSQL, the pages that have arrived in one transaction."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain

import uvloop

from users.api import Patience, UsersApi
from users.request import Page, Request
from users.source import Source
from users.store import SetAside, Stored, UserStore
from users.user import CreatedUser, MalformedUser, parse_user

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How a run fetches: pages at once, users a page, and the limit of requests a minute."""

    concurrency: int = 4
    page_size: int = 1000
    requests_per_minute: int | None = None
    api_patience: Patience = field(default_factory=Patience)
    store_patience_seconds: float = 45.0


@dataclass(frozen=True)
class Summary:
    """What a run did. ``fetched`` counts users as they came, repeated and malformed ones included;
    ``unchanged`` the stored users that were already as the API has them."""

    source: str
    source_reason: str
    requested: int
    fetched: int
    inserted: int
    updated: int
    unchanged: int
    set_aside: int
    seconds: float
    seed: str

    def __str__(self) -> str:
        return (
            f"{self.fetched} of {self.requested} users from {self.source} in {self.seconds:.2f} s: "
            f"{self.inserted} inserted, {self.updated} updated, {self.unchanged} unchanged, "
            f"{self.set_aside} set aside (seed {self.seed})"
        )


def seed_of_run(run_id: str) -> str:
    """The seed of a run that was given none: the same for every try of the same run.

    16 hexadecimal digits, like the seeds that randomuser.me makes up; it reads one of 18 characters
    as a seed that ends in a nationality, and does not answer if that is unknown.
    """
    return hashlib.sha256(run_id.encode()).hexdigest()[:16]


def ingest(
    source: Source,
    dsn: str,
    users: int,
    run_id: str,
    seed: str | None = None,
    settings: Settings | None = None,
) -> Summary:
    """Fetches ``users`` users and writes them, blocking until all are committed.

    Memory is bounded by pages, not by ``users``. Pages committed before a failure stay: running
    again with the same seed finds them unchanged. Raises UsersApiError, StoreError, and ValueError
    for numbers that the API cannot serve.
    """
    how = settings or Settings()
    request = Request(source.url, users, seed or seed_of_run(run_id), how.page_size)
    log.info("%s; %d users in %d pages", source, users, request.pages)
    return uvloop.run(_run(source, dsn, run_id, request, how))


async def _run(source: Source, dsn: str, run_id: str, request: Request, how: Settings) -> Summary:
    started = time.monotonic()
    fetched, done = 0, Stored(0, 0, 0, 0)
    api = UsersApi(how.concurrency, how.requests_per_minute, how.api_patience)
    with UserStore(dsn, run_id, how.store_patience_seconds) as store:
        async with api, aclosing(api.arrivals(request)) as arrivals:
            async for pages in arrivals:
                # In a thread: further pages go on arriving while PostgreSQL works.
                done = _sum(done, await asyncio.to_thread(_store, store, pages))
                before, fetched = fetched, fetched + sum(len(page.users) for page in pages)
                _log_progress(before, fetched, request)
    seconds = round(time.monotonic() - started, 3)
    return Summary(
        source=source.name,
        source_reason=source.reason,
        requested=request.users,
        fetched=fetched,
        inserted=done.inserted,
        updated=done.updated,
        unchanged=done.unchanged,
        set_aside=done.set_aside,
        seconds=seconds,
        seed=request.seed,
    )


def _store(store: UserStore, pages: Sequence[Page]) -> Stored:
    users: list[CreatedUser] = []
    set_aside: list[SetAside] = []
    for raw in chain.from_iterable(page.users for page in pages):
        try:
            users.append(parse_user(raw))
        except MalformedUser as malformed:
            set_aside.append(SetAside(str(malformed), raw))
    return store.save(users, set_aside)


def _sum(one: Stored, other: Stored) -> Stored:
    return Stored(
        one.inserted + other.inserted,
        one.updated + other.updated,
        one.unchanged + other.unchanged,
        one.set_aside + other.set_aside,
    )


def _log_progress(before: int, fetched: int, request: Request) -> None:
    """A line at every tenth of a long run."""
    tenth = -(-request.pages // 10) * request.page_size
    if fetched // tenth > before // tenth and request.pages > 10:
        log.info("%d of %d users stored", fetched, request.users)
