"""The HTTP side: routes, bounds and streaming of the answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime

from aiohttp import web

from users_api.contract import Query, RefusedRequest, error_answer, parse_query
from users_api.people import JsonObject, People

# People are generated and sent in slices, so that an answer of 5000 neither holds up the other
# requests (about 0.1 ms a person) nor sits in memory as a whole.
SLICE = 50
MOST_REQUESTS_AT_ONCE = 64
SECONDS_TO_RETRY = "1"
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-cache",
    "Access-Control-Allow-Origin": "*",
}
# One encoder for all: json.dumps would build one for each call.
COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class UsersServer:
    """Answers requests from one population of people."""

    def __init__(
        self, people: People, latency_ms: int = 0, most_requests: int = MOST_REQUESTS_AT_ONCE
    ) -> None:
        self._people = people
        self._most_requests = most_requests
        self._latency_seconds = latency_ms / 1000
        self._under_way = 0

    def application(self) -> web.Application:
        """The aiohttp application with all routes."""
        application = web.Application(middlewares=[errors_as_json])
        application.router.add_get("/health", self.health)
        for path in ("/api", "/api/", "/api/1.4", "/api/1.4/"):
            application.router.add_get(path, self.users)
        return application

    async def health(self, _request: web.Request) -> web.StreamResponse:
        """Tells that the server is there."""
        return web.json_response({"status": "ok"})

    async def users(self, request: web.Request) -> web.StreamResponse:
        """A page of people."""
        query = parse_query(request.query)
        if self._under_way >= self._most_requests:
            raise RefusedRequest(
                503, f"{self._most_requests} requests are under way already: ask again shortly."
            )
        self._under_way += 1
        try:
            await asyncio.sleep(self._latency_seconds)
            if query.results <= SLICE:
                return web.Response(body="".join(self._parts(query)).encode(), headers=HEADERS)
            response = web.StreamResponse(headers=HEADERS)
            await response.prepare(request)
            for part in self._parts(query):
                await response.write(part.encode())
            await response.write_eof()
            return response
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


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives every refusal the API's error shape, also unknown paths and methods."""
    try:
        return await handler(request)
    except RefusedRequest as refused:
        headers = {"Retry-After": SECONDS_TO_RETRY} if refused.status == 503 else None
        return web.json_response(error_answer(str(refused)), status=refused.status, headers=headers)
    except web.HTTPException as refused:
        return web.json_response(error_answer(refused.reason), status=refused.status)


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
