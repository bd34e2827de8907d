"""/api/schemas: subjects of the Schema Registry, their versions, and what changed between them."""

from typing import Any

from aiohttp import web

from walflow.errors import WalflowError
from walflow.monitor.answers import told
from walflow.monitor.state import shared
from walflow.registry.api import registry_api
from walflow.registry.differences import differences
from walflow.settings import Settings

MAX_DETAILED = 150
"""Subjects of which a list tells more than their names: each takes two questions."""
MAX_VERSIONS = 50
"""The newest of a subject."""

routes = web.RouteTableDef()


@routes.get("/api/schemas")
async def subjects(request: web.Request) -> web.Response:
    about = shared(request)
    return told(await about.blocking.run(_listed, about.settings))


def _listed(settings: Settings) -> list[dict[str, Any]]:
    registry = registry_api(settings)
    found: list[dict[str, Any]] = []
    for number, subject in enumerate(registry.subjects()):
        entry: dict[str, Any] = {"subject": subject}
        if number < MAX_DETAILED:
            latest = registry.version(subject)
            entry |= {
                "versions": len(registry.versions(subject)),
                "latest": latest.number,
                "id": latest.id,
                "type": latest.type,
            }
        found.append(entry)
    return found


@routes.get("/api/schemas/{subject}")
async def subject(request: web.Request) -> web.Response:
    about = shared(request)
    return told(await about.blocking.run(_described, about.settings, request.match_info["subject"]))


def _described(settings: Settings, subject: str) -> dict[str, Any]:
    """The versions, newest first, each with how it differs from the one before."""
    registry = registry_api(settings)
    numbers = registry.versions(subject)
    kept = numbers[-MAX_VERSIONS:]
    versions = [registry.version(subject, str(number)) for number in kept]
    told: list[dict[str, Any]] = []
    for place, version in enumerate(versions):
        changed = differences(versions[place - 1].schema, version.schema) if place else []
        told.append(
            version.as_dict()
            | {
                "before": versions[place - 1].number if place else None,
                "differences": [each.as_dict() for each in changed],
            }
        )
    try:
        level = registry.level(subject)
    except WalflowError:  # a registry that keeps no level
        level = ""
    return {
        "subject": subject,
        "level": level,
        "older": len(numbers) - len(kept),
        "versions": told[::-1],
    }
