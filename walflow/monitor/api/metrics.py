"""/metrics: the readings for Prometheus."""

import asyncio

from aiohttp import web

from walflow.metrics.exposition import CONTENT_TYPE
from walflow.monitor.guard import SCRAPED
from walflow.monitor.state import shared

routes = web.RouteTableDef()


@routes.get(SCRAPED)
async def metrics(request: web.Request) -> web.Response:
    told = await asyncio.to_thread(shared(request).metrics.exposition)
    return web.Response(body=told, headers={"Content-Type": CONTENT_TYPE})
