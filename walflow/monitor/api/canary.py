"""/api/canary: the canaries that were sent, newest last."""

from dataclasses import asdict

from aiohttp import web

from walflow.canary import history
from walflow.monitor.answers import told
from walflow.monitor.state import shared

SHOWN = 200

routes = web.RouteTableDef()


@routes.get("/api/canary")
async def canaries(request: web.Request) -> web.Response:
    about = shared(request)
    runs = await about.blocking.run(history.runs, about.settings, SHOWN)
    return told({"runs": [asdict(run) for run in runs]})
