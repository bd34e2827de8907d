"""The users API client against real servers on the loopback interface that misbehave."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from users.api import Patience, UsersApi, UsersApiError
from users.request import Page, Request

QUICK = Patience(
    tries=3,
    connect_timeout=2,
    total_timeout=5,
    first_wait=0.001,
    longest_wait=0.002,
    longest_retry_after=0.01,
)
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answering) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/api/", answer)
    async with TestServer(application) as server:
        yield str(server.make_url("/api/"))


async def good(request: web.Request) -> web.Response:
    count, page = int(request.query["results"]), int(request.query["page"])
    return web.json_response({"results": [[page, index] for index in range(count)], "info": {}})


async def everything(api: UsersApi, request: Request) -> list[Page]:
    async with api, aclosing(api.arrivals(request)) as arrivals:
        return [page async for pages in arrivals for page in pages]


def first_then_good(*bad: web.Response) -> tuple[Answering, Counter[str]]:
    """Gives the bad answers first, one for each request, and good ones from then on."""
    requests: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        number = requests.total()
        requests[request.query["page"]] += 1
        return bad[number] if number < len(bad) else await good(request)

    return answer, requests


def fetch(answer: Answering, users: int = 3, page_size: int = 3, **limits: int) -> list[Page]:
    async def run() -> list[Page]:
        async with serving(answer) as url:
            request = Request(url, users, "s", page_size)
            return await everything(UsersApi(patience=QUICK, **limits), request)

    return asyncio.run(run())


def test_every_page_comes_once() -> None:
    pages = fetch(good, users=95, page_size=10, concurrency=4)

    users = [user for page in sorted(pages, key=lambda page: page.number) for user in page.users]
    assert users == [[1 + index // 10, index % 10] for index in range(95)]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(web.Response(status=500), id="500"),
        pytest.param(web.Response(status=503), id="503"),
        pytest.param(web.Response(status=429, headers={"Retry-After": "0"}), id="429"),
        pytest.param(web.Response(status=429, headers={"Retry-After": "soon"}), id="429-nonsense"),
        pytest.param(web.Response(text="<html>", content_type="text/html"), id="html"),
        pytest.param(web.Response(text='{"results": [{"gen'), id="half-json"),
        pytest.param(web.json_response({"users": []}), id="other-shape"),
        pytest.param(web.json_response({"results": []}), id="too-few"),
    ],
)
def test_a_bad_answer_is_asked_for_again(bad: web.Response) -> None:
    answer, requests = first_then_good(bad)

    pages = fetch(answer)

    assert [len(page.users) for page in pages] == [3]
    assert requests == {"1": 2}


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_an_hour_of_retry_after_is_cut_to_what_the_client_will_wait(form: str) -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    header = {"Retry-After": "3600" if form == "seconds" else in_an_hour}
    answer, requests = first_then_good(web.Response(status=429, headers=header))

    fetch(answer)

    assert requests == {"1": 2}


def test_the_client_does_not_come_back_before_retry_after() -> None:
    answer, requests = first_then_good(web.Response(status=429, headers={"Retry-After": "30"}))
    obedient = replace(QUICK, longest_retry_after=60)

    async def run() -> None:
        async with serving(answer) as url:
            fetching = everything(UsersApi(patience=obedient), Request(url, 3, "s", 3))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(fetching, 0.2)

    asyncio.run(run())
    assert requests == {"1": 1}


def test_a_body_that_breaks_off_is_asked_for_again() -> None:
    requests: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.StreamResponse:
        requests["all"] += 1
        if requests["all"] > 1:
            return await good(request)
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"results": [')
        assert request.transport is not None
        request.transport.close()
        return response

    assert [len(page.users) for page in fetch(answer)] == [3]
    assert requests["all"] == 2


def test_a_server_that_stays_broken_ends_in_a_sentence() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=500)

    with pytest.raises(UsersApiError) as failure:
        fetch(answer)

    sentence = str(failure.value)
    assert "Page 1 of 1 could not be fetched from http://127.0.0.1:" in sentence
    assert "in 3 tries: it answered HTTP 500 Internal Server Error." in sentence
    assert "run again with the seed 's'" in sentence


def test_a_server_that_is_down_ends_in_a_sentence() -> None:
    with socket.socket() as reserved:
        # Bound and not listening: a connection is refused, and nobody else can take the port.
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/api/"

        refused = r"in 3 tries: the connection failed \(Connection refused\)\. See whether"
        with pytest.raises(UsersApiError, match=refused):
            asyncio.run(everything(UsersApi(patience=QUICK), Request(url, 1, "s")))


def test_a_server_that_never_answers_ends_in_a_sentence() -> None:
    async def run() -> None:
        finished = asyncio.Event()

        async def answer(_request: web.Request) -> web.Response:
            await finished.wait()
            return web.Response()

        impatient = Patience(tries=2, total_timeout=0.05, first_wait=0.001)
        async with serving(answer) as url:
            try:
                await everything(UsersApi(patience=impatient), Request(url, 1, "s"))
            finally:
                finished.set()

    with pytest.raises(UsersApiError, match="in 2 tries: it did not answer in time"):
        asyncio.run(run())


def test_an_address_that_cannot_be_asked_is_refused_at_the_first_try() -> None:
    with pytest.raises(UsersApiError, match=r"ftp.* \(1 try; another would not help\)"):
        asyncio.run(everything(UsersApi(patience=QUICK), Request("ftp://api.test/", 1, "s")))


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_final_at_the_first_try(status: int) -> None:
    answer, requests = first_then_good(*[web.Response(status=status)] * 3)

    with pytest.raises(UsersApiError, match=rf"HTTP {status} .*1 try; another would not help"):
        fetch(answer)

    assert requests == {"1": 1}


def test_a_body_without_end_is_not_taken_in() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    with pytest.raises(UsersApiError, match="its body exceeds"):
        fetch(answer)


def test_no_more_requests_are_under_way_than_allowed() -> None:
    under_way = most = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.002)
        under_way -= 1
        return await good(request)

    fetch(answer, users=30, page_size=1, concurrency=3)

    assert most == 3


@pytest.mark.parametrize(
    ("concurrency", "page_size", "most"),
    [
        # Two in the queue, one in the hands of each of the two workers.
        (2, 1, 4),
        # Of pages that are so large, two wait in the queue, and not as many as there are workers.
        (4, 2500, 6),
    ],
)
def test_pages_wait_for_the_reader_so_that_memory_is_bounded(
    concurrency: int, page_size: int, most: int
) -> None:
    answer, requests = first_then_good()

    async def run() -> int:
        async with serving(answer) as url:
            api = UsersApi(concurrency, patience=QUICK)
            request = Request(url, 500 * page_size, "s", page_size)
            async with api, aclosing(api.arrivals(request)) as arrivals:
                taken = await anext(arrivals)
                # The workers get every chance to run ahead of a reader that has taken some pages.
                await asyncio.sleep(0.5)
                return requests.total() - len(taken)

    assert asyncio.run(run()) <= most


def test_what_arrived_while_the_reader_was_busy_comes_together_and_before_a_failure() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.query["page"] == "5":
            return web.Response(status=404)
        return await good(request)

    async def run() -> tuple[list[int], list[int]]:
        async with serving(answer) as url:
            api = UsersApi(concurrency=4, patience=QUICK)
            async with api, aclosing(api.arrivals(Request(url, 50, "s", 1))) as arrivals:
                first = await anext(arrivals)
                await asyncio.sleep(0.1)
                second = await anext(arrivals)
                with pytest.raises(UsersApiError):
                    await anext(arrivals)
                return [page.number for page in first], [page.number for page in second]

    first, second = asyncio.run(run())

    assert len(second) > 1
    assert 5 not in first + second


def test_pages_that_come_together_have_no_more_users_than_the_largest_page() -> None:
    async def run() -> list[int]:
        async with serving(good) as url:
            api = UsersApi(concurrency=8, patience=QUICK)
            async with api, aclosing(api.arrivals(Request(url, 20_000, "s", 2000))) as arrivals:
                sizes = []
                async for pages in arrivals:
                    sizes.append(sum(len(page.users) for page in pages))
                    await asyncio.sleep(0.05)
                return sizes

    sizes = asyncio.run(run())

    assert sum(sizes) == 20_000
    assert max(sizes) <= 5000


def test_a_limit_of_requests_a_minute_holds_the_next_request_back() -> None:
    answer, requests = first_then_good()

    async def run() -> None:
        async with serving(answer) as url:
            api = UsersApi(requests_per_minute=1, patience=QUICK)
            async with api, aclosing(api.arrivals(Request(url, 2, "s", 1))) as arrivals:
                await anext(arrivals)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(arrivals), 0.1)

    asyncio.run(run())
    assert requests.total() == 1


def test_leaving_early_stops_the_fetching() -> None:
    async def run() -> set[asyncio.Task[object]]:
        async with serving(good) as url:
            api = UsersApi(concurrency=4, patience=QUICK)
            async with api:
                before = asyncio.all_tasks()
                async with aclosing(api.arrivals(Request(url, 50, "s", 1))) as arrivals:
                    await anext(arrivals)
                return {
                    task
                    for task in asyncio.all_tasks() - before
                    if "fetch_one_after_another" in str(task.get_coro())
                }

    assert asyncio.run(run()) == set()
