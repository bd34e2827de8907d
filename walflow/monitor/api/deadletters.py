"""/api/deadletters: records that could not be applied, and applying them again."""

from aiohttp import web

from walflow.monitor.answers import told
from walflow.monitor.state import shared

routes = web.RouteTableDef()


@routes.get("/api/deadletters")
async def letters(request: web.Request) -> web.Response:
    about = shared(request)
    settled = request.query.get("settled") == "1"
    return told(await about.blocking.run(about.letters.listed, settled))


@routes.get("/api/deadletters/{place}")
async def letter(request: web.Request) -> web.Response:
    about = shared(request)
    return told(await about.blocking.run(about.letters.shown, request.match_info["place"]))


@routes.post("/api/deadletters/{place}/replay")
async def replay(request: web.Request) -> web.Response:
    about = shared(request)
    return told(await about.blocking.run(about.letters.replayed, request.match_info["place"]))
