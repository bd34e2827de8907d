"""/api/verify: the last comparison of PostgreSQL and Cassandra, and a new one."""

from aiohttp import web

from walflow.errors import ExitCode, WalflowError
from walflow.monitor.answers import told
from walflow.monitor.state import shared

routes = web.RouteTableDef()


@routes.get("/api/verify")
async def last(request: web.Request) -> web.Response:
    return told(shared(request).verifying.as_dict())


@routes.post("/api/verify")
async def start(request: web.Request) -> web.Response:
    """Begin a run of the tables that the body names as a JSON list; an empty one: all."""
    try:
        tables = await request.json()
    except ValueError:
        tables = None
    if not (isinstance(tables, list) and all(isinstance(name, str) for name in tables)):
        raise WalflowError("The body is no JSON list of tables' names.", ExitCode.USAGE)
    verifying = shared(request).verifying
    verifying.start(tables)
    return told(verifying.as_dict(), 202)


@routes.delete("/api/verify")
async def stop(request: web.Request) -> web.Response:
    verifying = shared(request).verifying
    await verifying.stop()
    return told(verifying.as_dict())
