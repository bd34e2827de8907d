"""/api/topics: the topics of Kafka, who reads them, and what is in them."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from change_stream.record import Record
from change_stream.schemas import SchemaRegistry
from walflow.errors import ExitCode, WalflowError
from walflow.monitor import browsing
from walflow.monitor.answers import told
from walflow.monitor.groups import lags
from walflow.monitor.state import shared
from walflow.registry.api import registry_api
from walflow.settings import Settings
from walflow.stack.registry import confluent_url
from walflow.topics import catalogue, filters, start
from walflow.topics.events import Event, decoded, raw

REGISTRY_SECONDS = 5.0
MAX_FILTERS = 10

routes = web.RouteTableDef()


@routes.get("/api/topics")
async def topics(request: web.Request) -> web.Response:
    about = shared(request)
    found = await about.blocking.run(catalogue.topics, about.settings)
    return told([topic.as_dict() for topic in found])


@routes.get("/api/topics/{name}")
async def topic(request: web.Request) -> web.Response:
    about = shared(request)
    return told(
        await about.blocking.run(_described, about.settings, request.match_info["name"]),
    )


def _described(settings: Settings, name: str) -> dict[str, Any]:
    found, configs = catalogue.topic(settings, name)
    groups, left_out = lags(settings, found)
    told = found.as_dict() | {
        "settings": configs,
        "groups": groups,
        "groups_left_out": left_out,
    }
    try:
        known = set(registry_api(settings).subjects())
        subjects = [s for s in (f"{name}-key", f"{name}-value") if s in known]
        return told | {"subjects": subjects, "problem": ""}
    except WalflowError as error:  # no reason not to show what Kafka tells
        return told | {"subjects": [], "problem": error.sentence}


@routes.get("/api/topics/{name}/records")
async def records(request: web.Request) -> web.Response:
    about = shared(request)
    wanted = wanted_of(request.match_info["name"], request.query, datetime.now(UTC))
    is_raw = request.query.get("raw") == "1"
    page = await about.blocking.run(_page, about.settings, wanted, is_raw)
    return told(browsing.as_dict(page))


def _page(settings: Settings, wanted: browsing.Wanted, is_raw: bool) -> browsing.Page:
    registry = SchemaRegistry(confluent_url(settings), REGISTRY_SECONDS)

    def decode(record: Record) -> Event:
        return raw(record) if is_raw else decoded(record, registry)

    return browsing.page(settings, wanted, decode)


@routes.get("/api/topics/{name}/records/{partition:[0-9]+}/{offset:[0-9]+}")
async def record(request: web.Request) -> web.Response:
    about, match = shared(request), request.match_info
    partition, offset = int(match["partition"]), int(match["offset"])
    wanted = browsing.Wanted(match["name"], (partition,), start.AtPlace(partition, offset), count=1)
    page = await about.blocking.run(_page, about.settings, wanted, False)
    if not page.events or page.events[0].record.offset != offset:
        first, end = page.bounds[partition]
        raise WalflowError(
            f"There is no record at {match['name']}-{partition}@{offset}: the partition keeps offsets"
            f" {first} to {end - 1}, of which some are markers of transactions.",
            ExitCode.USAGE,
        )
    return told(browsing.event_dict(page.events[0], longest=None))


def wanted_of(topic: str, query: Any, now: datetime) -> browsing.Wanted:
    """What a page of records is asked for by, in the words of `walflow topics tail`.

    Args:
        query: from, filter (repeated), partition (repeated), count, before, after.

    Raises:
        WalflowError: a value is of no form that is known.
    """
    begin = query.get("from", "")
    texts = [text for text in query.getall("filter", []) if text.strip()][:MAX_FILTERS]
    try:
        count = int(query.get("count") or 50)
        partitions = tuple(int(text) for text in query.getall("partition", []) if text)
        before, after = (browsing.places(query.get(name, "")) for name in ("before", "after"))
    except ValueError as error:
        raise WalflowError(
            f"count and partition are numbers, before and after places like 0:17,1:4 ({error}).",
            ExitCode.USAGE,
        ) from error
    return browsing.Wanted(
        topic,
        partitions,
        _start(begin, topic, now) if begin else None,
        before or None,
        after or None,
        min(max(count, 1), browsing.MAX_RECORDS),
        filters.parsed(texts) if texts else None,
    )


def _start(text: str, topic: str, now: datetime) -> start.Start | None:
    """`latest` shows the newest records, as a person at a page means it."""
    parsed = start.parsed(text.strip(), topic, now)
    return None if parsed is start.Edge.LATEST else parsed
