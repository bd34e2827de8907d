"""/api/connectors: what Kafka Connect runs, held, let go, restarted, and given new configurations."""

import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from walflow.capture.connector import connect_api
from walflow.connect_api import ConnectApi, connector_of
from walflow.connectors.applying import Plan, carry_out, planned
from walflow.connectors.description import describe
from walflow.connectors.files import Definition
from walflow.connectors.plugins import connectors as of_connectors
from walflow.connectors.plugins import installed
from walflow.errors import ExitCode, WalflowError
from walflow.monitor.answers import told
from walflow.monitor.state import shared
from walflow.settings import Settings

PASTED = "the pasted text"

routes = web.RouteTableDef()


@routes.get("/api/connectors")
async def connectors(request: web.Request) -> web.Response:
    about = shared(request)
    states = await about.blocking.run(connect_api(about.settings).states)
    return told([state.as_dict() for state in states])


@routes.get("/api/connectors/{name}")
async def connector(request: web.Request) -> web.Response:
    about = shared(request)
    api = connect_api(about.settings)
    described = await about.blocking.run(describe, api, request.match_info["name"])
    return told(described.as_dict())


@routes.get("/api/plugins")
async def plugins(request: web.Request) -> web.Response:
    about = shared(request)
    found = await about.blocking.run(installed, connect_api(about.settings).transport)
    return told([plugin.as_dict() for plugin in of_connectors(found)])


@routes.post("/api/connectors/{name}/{action:pause|resume|stop|restart|restart-failed}")
async def act(request: web.Request) -> web.Response:
    """Do it and wait until it is so; answered with a sentence."""
    about = shared(request)
    api = connect_api(about.settings)
    name, action = request.match_info["name"], request.match_info["action"]
    done, words = actions(api)[action]
    await about.blocking.run(done, name)
    return told({"said": f"Connector {name} {words}."})


def actions(api: ConnectApi) -> dict[str, tuple[Callable[[str], None], str]]:
    """Action → what does it, and what is so afterwards."""

    def restart(name: str, only_failed: bool) -> None:
        if (state := api.state(name)).is_held:
            raise WalflowError(f"Connector {name} is {state.connector}: resume it instead.")
        api.restart(name, only_failed=only_failed)
        api.await_running(name)

    return {
        "pause": (api.pause, "is PAUSED"),
        "resume": (api.resume, "is RUNNING"),
        "stop": (api.stop, "is STOPPED"),
        "restart": (lambda name: restart(name, False), "was restarted and is RUNNING"),
        "restart-failed": (
            lambda name: restart(name, True),
            "is RUNNING; what had failed of it was restarted",
        ),
    }


@routes.post("/api/check-connector")
async def check(request: web.Request) -> web.Response:
    """What Connect says of a pasted connector, and what applying it would change."""
    about, text = shared(request), await request.read()
    return told(await about.blocking.run(checked, about.settings, text))


def checked(settings: Settings, text: bytes) -> dict[str, Any]:
    """The outcome of a check, refusals as sentences."""
    try:
        plan = _plan(settings, connect_api(settings), text)
    except WalflowError as error:
        if error.exit_code is ExitCode.NOT_READY:
            raise
        return {"valid": False, "problems": sentences(error), "changes": []}
    return {
        "valid": True,
        "problems": [],
        "name": plan.definition.connector.name,
        "would_be": plan.outcome,
        "changes": [change.as_dict() for change in plan.changes],
    }


def sentences(error: WalflowError) -> list[str]:
    """One for each field, without the name of a file that there is none of."""
    lines = (line.removeprefix(f"{PASTED}: ") for line in error.sentence.splitlines())
    return [re.sub(rf"^{PASTED}:(\d+): ", r"line \1: ", line) for line in lines]


@routes.post("/api/apply-connector")
async def apply(request: web.Request) -> web.Response:
    """Create or change the connector of a pasted text, and wait until it runs."""
    about, text = shared(request), await request.read()
    return told({"said": await about.blocking.run(applied, about.settings, text)})


def applied(settings: Settings, text: bytes) -> str:
    api = connect_api(settings)
    plan = _plan(settings, api, text)
    state = carry_out(api, plan)
    return f"Connector {plan.definition.connector.name}: {plan.outcome}, {state}."


def _plan(settings: Settings, api: ConnectApi, text: bytes) -> Plan:
    definition = Definition(PASTED, connector_of(text, PASTED))
    (plan,) = planned(settings, api, [definition])
    return plan
