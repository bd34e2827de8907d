"""The web server: pages as files, the JSON API, and what runs beside them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from walflow.advice import program, ticked
from walflow.errors import WalflowError
from walflow.metrics.exposition import Metrics
from walflow.monitor.answers import refusal, refused, told
from walflow.monitor.api import (
    canary,
    connectors,
    deadletters,
    live,
    metrics,
    schemas,
    topics,
    verify,
)
from walflow.monitor.blocking import Blocking
from walflow.monitor.guard import guarded, headers
from walflow.monitor.letters import Letters
from walflow.monitor.sampler import Sampler
from walflow.monitor.state import SHARED, Shared
from walflow.monitor.verifying import Verifying
from walflow.readings.reader import Reader
from walflow.settings import Settings

STATIC = Path(__file__).resolve().parent / "static"
PROGRAM = "{{walflow}}"
"""Stands in the page for what a reader's command line begins with."""
MAX_BODY = 512 * 1024
TIDY_SECONDS = 10.0

log = logging.getLogger(__name__)


def application(settings: Settings, token: str) -> web.Application:
    """The monitor of one pipeline."""
    app = web.Application(middlewares=[_failures_told, guarded(token)], client_max_size=MAX_BODY)
    watchers: set[asyncio.Task[object]] = set()
    app[live.WATCHERS] = watchers
    app.cleanup_ctx.append(_running(settings))
    index = page()
    sent = headers(index)

    async def with_headers(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(sent)
        # Looked up again at every load, and then mostly answered by 304.
        response.headers.setdefault("Cache-Control", "no-cache")

    app.on_response_prepare.append(with_headers)
    app.on_shutdown.append(_end_watching)
    app.router.add_get("/", _index(index))
    app.router.add_get("/health", _health)
    for part in (live, topics, connectors, schemas, deadletters, verify, canary, metrics):
        app.router.add_routes(part.routes)
    app.router.add_static("/static/", STATIC)
    return app


def page() -> str:
    """The page; commands in it are for the mode of this pipeline."""
    return (STATIC / "index.html").read_text().replace(PROGRAM, program())


def _index(text: str) -> Handler:
    async def index(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="text/html")

    return index


async def _health(_: web.Request) -> web.Response:
    return told({"status": "up"})


@web.middleware
async def _failures_told(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except WalflowError as error:
        return refused(error)
    except web.HTTPException as error:
        if request.path.startswith("/api/") and error.status >= 400:
            return refusal(error.status, error.text or error.reason)
        raise
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return refusal(500, f"The monitor failed at this; {ticked('logs monitor')} tells more.")


def _running(settings: Settings):  # type: ignore[no-untyped-def]  # aiohttp's form of a context
    async def context(app: web.Application) -> AsyncIterator[None]:
        observed = Metrics(settings.run_dir)
        sampler = Sampler(lambda: Reader(settings), observed.observe)
        about = Shared(
            settings, Blocking(), sampler, Letters(settings), Verifying(settings), observed
        )
        app[SHARED] = about
        tasks = [asyncio.create_task(each) for each in (sampler.run(), _tidy(about))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await about.verifying.stop()
            about.blocking.close()
            await asyncio.to_thread(about.letters.close)
            await asyncio.to_thread(sampler.close)

    return context


async def _tidy(about: Shared) -> None:
    """Connections that nobody uses are closed."""
    while True:
        await asyncio.sleep(TIDY_SECONDS)
        await asyncio.to_thread(about.letters.close_if_idle)


async def _end_watching(app: web.Application) -> None:
    """Streams of readings never end by themselves."""
    watching = app[live.WATCHERS]
    for task in tuple(watching):
        task.cancel()
