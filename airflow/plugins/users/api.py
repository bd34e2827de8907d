"""Fetches users from a users API, page by page, several pages at once."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    RetryError,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from users.answer import AskAgain, Refused, users_in
from users.http_client import ConnectionFailed, HttpClient, Unfetchable
from users.pace import Pace
from users.request import MOST_USERS_A_PAGE, Page, Request

log = logging.getLogger(__name__)

# A user is 1.1 to 1.3 KB of JSON; whatever is far beyond that is no page of users.
MOST_BYTES_A_USER = 16_384
MOST_BYTES_BESIDES = 65_536


class UsersApiError(Exception):
    """The users cannot be had; the message is a sentence for the operator."""


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try. All times in seconds.

    Waits between tries are random below a bound that doubles from ``first_wait`` to
    ``longest_wait`` (full jitter, so that many clients do not come back together).
    """

    tries: int = 6
    connect_timeout: float = 5.0
    total_timeout: float = 60.0
    first_wait: float = 0.5
    longest_wait: float = 20.0
    longest_retry_after: float = 120.0


class UsersApi:
    """A client of one users API. Use it as an asynchronous context manager."""

    def __init__(
        self,
        concurrency: int = 4,
        requests_per_minute: int | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._concurrency = max(1, concurrency)
        self._pace = Pace(requests_per_minute)
        self._patience = patience or Patience()

    async def __aenter__(self) -> Self:
        self._http = HttpClient(
            self._concurrency, self._patience.connect_timeout, self._patience.total_timeout
        )
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def arrivals(self, request: Request) -> AsyncGenerator[list[Page], None]:
        """Yields every page once, in the order in which they arrive.

        Those that arrived while the reader was busy come together, so that a reader for whom a list
        takes hardly longer than a page keeps up with small pages; together they have no more users
        than the largest page may. In memory are ``concurrency`` pages and two such lists at the
        most, whatever the request's size. Close the iterator (contextlib.aclosing) if you leave it
        early. Raises UsersApiError, behind all that arrived before.
        """
        numbers = iter(range(1, request.pages + 1))
        # What comes together is what the queue holds: nothing is put into it while it is emptied.
        together = min(self._concurrency, MOST_USERS_A_PAGE // request.page_size)
        arrived: asyncio.Queue[Page | Exception] = asyncio.Queue(together)

        async def fetch_one_after_another() -> None:
            # The iterator is shared: each worker takes the next page that nobody has taken.
            for number in numbers:
                try:
                    await arrived.put(await self.page(request, number))
                # Every failure goes to the reader, which would wait for ever for a page otherwise.
                except Exception as failure:
                    await arrived.put(failure)
                    return

        workers = [
            asyncio.create_task(fetch_one_after_another())
            for _ in range(min(self._concurrency, request.pages))
        ]
        try:
            left = request.pages
            while left:
                outcomes = [await arrived.get()]
                while not arrived.empty():
                    outcomes.append(arrived.get_nowait())
                pages = [outcome for outcome in outcomes if isinstance(outcome, Page)]
                if pages:
                    left -= len(pages)
                    yield pages
                for outcome in outcomes:
                    if isinstance(outcome, Exception):
                        raise outcome
        finally:
            for worker in workers:
                worker.cancel()
            for worker in workers:
                with suppress(asyncio.CancelledError):
                    await worker

    async def page(self, request: Request, number: int) -> Page:
        """Fetches one page, with as many tries as patience allows. Raises UsersApiError."""
        url = request.url_of(number)
        try:
            return Page(number, await self._tried(url, request.users_on(number)))
        except RetryError as exhausted:
            reason = exhausted.last_attempt.exception()
            raise UsersApiError(
                f"Page {number} of {request.pages} could not be fetched from {url} in "
                f"{self._patience.tries} tries: {reason}. See whether that address answers, or set "
                f"USERS_API=bundled, and run again with the seed '{request.seed}' "
                "for the same users."
            ) from None
        except Refused as refused:
            raise UsersApiError(
                f"Page {number} of {request.pages} was not given by {url}: {refused}"
                " (1 try; another would not help). Check the address in USERS_API."
            ) from None

    async def _tried(self, url: str, expected: int) -> list[object]:
        """One try, and further ones once it has failed: tenacity takes 60 µs of a call that does not."""
        try:
            return await self._try_once(url, expected)
        except AskAgain as failure:
            failures = [failure]

        async def again(url: str) -> list[object]:
            if failures:
                raise failures.pop()
            return await self._try_once(url, expected)

        attempts = AsyncRetrying(
            stop=stop_after_attempt(self._patience.tries),
            wait=self._wait_seconds,
            retry=retry_if_exception_type(AskAgain),
            before_sleep=self._before_next_try,
        )
        return await attempts(again, url)

    async def _try_once(self, url: str, expected: int) -> list[object]:
        await self._pace.turn()
        most_bytes = MOST_BYTES_BESIDES + expected * MOST_BYTES_A_USER
        try:
            answer = await self._http.get(url, most_bytes)
        except TimeoutError as late:
            raise AskAgain(f"it did not answer in time ({late})") from None
        except ConnectionFailed as broken:
            raise AskAgain(f"the connection failed ({broken})") from None
        except Unfetchable as useless:
            raise Refused(str(useless)) from None
        return users_in(answer, expected, datetime.now(UTC))

    def _wait_seconds(self, state: RetryCallState) -> float:
        asked = self._retry_after_seconds(state)
        if asked is not None:
            return asked
        return wait_random_exponential(
            multiplier=self._patience.first_wait, max=self._patience.longest_wait
        )(state)

    def _before_next_try(self, state: RetryCallState) -> None:
        asked = self._retry_after_seconds(state)
        if asked is not None:
            self._pace.hold(asked)
        reason = state.outcome.exception() if state.outcome else None
        log.warning(
            "%s: try %d failed: %s; trying again", state.args[0], state.attempt_number, reason
        )

    def _retry_after_seconds(self, state: RetryCallState) -> float | None:
        reason = state.outcome.exception() if state.outcome else None
        asked = reason.retry_after_seconds if isinstance(reason, AskAgain) else None
        return None if asked is None else min(asked, self._patience.longest_retry_after)
