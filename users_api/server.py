"""The HTTP side, as an ASGI application: routes, bounds and streaming of the answer."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl

from users_api.asgi import Receive, Scope, Send, client_gone, send_start, send_whole
from users_api.contract import Query, RefusedRequest, error_answer, parse_query
from users_api.people import JsonObject, People

# People are generated and sent in slices, so that an answer of 5000 neither holds up the other
# requests (about 0.1 ms a person) nor sits in memory as a whole.
SLICE = 50
MOST_REQUESTS_AT_ONCE = 64
METHODS = ("GET", "HEAD")
JSON_HEADERS = [(b"Content-Type", b"application/json; charset=utf-8")]
PAGE_HEADERS = [
    *JSON_HEADERS,
    (b"Cache-Control", b"no-cache"),
    (b"Access-Control-Allow-Origin", b"*"),
]
# What a refusal of a status says beside its reason (RFC 9110, 15.5.6 and 15.6.4).
REFUSAL_HEADERS = {
    405: [(b"Allow", ", ".join(METHODS).encode())],
    503: [(b"Retry-After", b"1")],
}
PAGE_PATHS = {"/api", "/api/", "/api/1.4", "/api/1.4/"}
# One encoder for all: json.dumps would build one for each call.
COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class UsersServer:
    """Answers requests from one population of people."""

    def __init__(
        self, people: People, latency_ms: int = 0, most_requests: int = MOST_REQUESTS_AT_ONCE
    ) -> None:
        self._people = people
        self._most_requests = most_requests
        self._latency_seconds = latency_ms / 1000
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; every refusal has the API's error shape."""
        # An answer that is cut off at the server's end is no error of the application's.
        with suppress(asyncio.CancelledError):
            try:
                await self._answer(scope, receive, send)
            except RefusedRequest as refused:
                headers = JSON_HEADERS + REFUSAL_HEADERS.get(refused.status, [])
                body = json.dumps(error_answer(str(refused))).encode()
                await send_whole(send, refused.status, headers, body)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path not in PAGE_PATHS and path != "/health":
            raise RefusedRequest(404, HTTPStatus.NOT_FOUND.phrase)
        if scope["method"] not in METHODS:
            raise RefusedRequest(405, HTTPStatus.METHOD_NOT_ALLOWED.phrase)
        if path == "/health":
            await send_whole(send, 200, JSON_HEADERS, b'{"status": "ok"}')
        else:
            await self._users(scope["query_string"].decode(errors="replace"), receive, send)

    async def _users(self, query_string: str, receive: Receive, send: Send) -> None:
        """A page of people."""
        parameters = parse_qsl(query_string, keep_blank_values=True)
        # Of a parameter that is given twice, the first counts.
        query = parse_query(dict(reversed(parameters)))
        if self._under_way >= self._most_requests:
            raise RefusedRequest(
                503, f"{self._most_requests} requests are under way already: ask again shortly."
            )
        self._under_way += 1
        try:
            await asyncio.sleep(self._latency_seconds)
            if query.results <= SLICE:
                body = "".join(self._parts(query)).encode()
                await send_whole(send, 200, PAGE_HEADERS, body)
            else:
                await _send_slices(receive, send, self._parts(query))
        finally:
            self._under_way -= 1

    def _parts(self, query: Query) -> Iterator[str]:
        """The text of an answer, slice by slice."""
        today = datetime.now(UTC).date()
        before = _text('{"results":[', '{\n  "results": [', query)
        for first in range(0, query.results, SLICE):
            count = min(SLICE, query.results - first)
            people = list(self._people.of(query, first, count, today))
            yield before + _json_items(people, query)
            before = ","
        end = _text("]", "\n  ]", query)
        if query.with_info:
            end += _text(',"info":', ',\n  "info": ', query) + _json(query.info, query, indent=2)
        yield end + _text("}", "\n}", query)


async def _send_slices(receive: Receive, send: Send, slices: Iterator[str]) -> None:
    """Sends each slice as soon as it is made, and makes none for a client that is gone."""
    gone = asyncio.create_task(client_gone(receive))
    try:
        await send_start(send, 200, PAGE_HEADERS)
        for text in slices:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            # Lets other requests go on, also where the client takes all at once.
            await asyncio.sleep(0)
            if gone.done():
                return
        await send({"type": "http.response.body"})
    finally:
        gone.cancel()


def _text(compact: str, indented: str, query: Query) -> str:
    return indented if query.indented else compact


def _json_items(people: list[JsonObject], query: Query) -> str:
    if not query.indented:
        return COMPACT.encode(people)[1:-1]
    return ",".join("\n    " + _json(person, query, indent=4) for person in people)


def _json(value: JsonObject, query: Query, indent: int) -> str:
    if not query.indented:
        return COMPACT.encode(value)
    lines = json.dumps(value, ensure_ascii=False, indent=2)
    # A line break never stands inside a JSON text, so this moves whole lines only.
    return lines.replace("\n", "\n" + " " * indent)
