"""/api/live: readings as they are taken; /api/history: the figures of those before."""

import asyncio
import json

from aiohttp import web

from walflow import __version__
from walflow.monitor.answers import exact, told
from walflow.monitor.history import figures
from walflow.monitor.state import shared
from walflow.settings import Settings

MAX_WATCHERS = 24
WRITE_SECONDS = 20.0
"""A page that takes nothing for so long has gone."""
WATCHERS: web.AppKey[set[asyncio.Task[object]]] = web.AppKey("watchers")

routes = web.RouteTableDef()


@routes.get("/api/about")
async def about(request: web.Request) -> web.Response:
    """What the frame of every page shows."""
    settings = shared(request).settings
    return told(
        {
            "version": __version__,
            "mode": settings.mode,
            "keyspace": settings.cassandra.keyspace,
            "dead_letters": settings.topics.dead_letters,
            "links": links(settings),
        }
    )


def links(settings: Settings) -> dict[str, str]:
    """Pages of the systems themselves, for a browser on the same machine.

    None in a container, which does not know the ports under which they are published.
    """
    if settings.mode == "compose":
        return {}
    ports = {"Airflow": "airflow", "Spark master": "spark_master_ui", "Spark stream": "spark_ui"}
    return {name: f"http://127.0.0.1:{settings.ports.of(port)}" for name, port in ports.items()}


@routes.post("/api/token")
async def token(request: web.Request) -> web.Response:
    """Answers only where the token is right, which the guard has found out."""
    return told({"right": True})


@routes.get("/api/reading")
async def reading(request: web.Request) -> web.Response:
    latest = shared(request).sampler.latest
    return told(None if latest is None else latest.as_dict())


@routes.get("/api/history")
async def history(request: web.Request) -> web.Response:
    return told(shared(request).sampler.history.as_dict())


@routes.get("/api/live")
async def live(request: web.Request) -> web.StreamResponse:
    """Server-sent events (WHATWG HTML, 9.2): one for each reading."""
    watchers = request.app[WATCHERS]
    if len(watchers) >= MAX_WATCHERS:
        raise web.HTTPServiceUnavailable(text="Too many pages are open.")
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    task = asyncio.current_task()
    assert task is not None
    watchers.add(task)
    try:
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n")
        async for each in shared(request).sampler.readings():
            point = exact({"reading": each.as_dict(), "figures": figures(each)})
            text = json.dumps(point, separators=(",", ":"), ensure_ascii=False)
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(f"data: {text}\n\n".encode())
    except (ConnectionError, TimeoutError):
        pass  # the page is closed
    finally:
        watchers.discard(task)
    return response
