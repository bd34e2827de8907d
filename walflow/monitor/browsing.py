"""A page of a topic's records for the browser: bounded in records and in time, with ways to go on."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from change_stream.record import Record
from walflow.settings import Settings
from walflow.topics.events import Event
from walflow.topics.filters import Filter
from walflow.topics.reading import TopicReader, opened
from walflow.topics.start import Bounds, Start, offsets

MAX_RECORDS = 200
SECONDS = 8.0
"""A person waits; what was found by then is shown."""
MAX_TEXT = 600
"""Characters of a text in a page of records; the view of one record has all of it."""

Offsets = Mapping[int, int]


class _Enough(Exception):
    """The time is over."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page: the last records, those from a start on, or those next to another page."""

    topic: str
    partitions: Sequence[int] = ()
    start: Start | None = None
    before: Offsets | None = None
    """Partition → offset before which the page ends."""
    after: Offsets | None = None
    """Partition → offset with which the page begins."""
    count: int = 50
    accepts: Filter | None = None


@dataclass(frozen=True, slots=True)
class Page:
    events: tuple[Event, ...]
    """Oldest first."""
    begins: dict[int, int]
    """Partition → offset from which on it was read."""
    ends: dict[int, int]
    """Partition → offset up to which it was read."""
    bounds: dict[int, tuple[int, int]]
    looked_at: int
    """Records that were decoded to find these."""
    is_cut: bool
    """Whether the time was over before all was looked at."""


def page(settings: Settings, wanted: Wanted, decode: Callable[[Record], Event]) -> Page:
    """Read a page.

    Raises:
        WalflowError: no such topic or partition, or a server does not answer.
    """
    with opened(settings, wanted.topic, wanted.partitions) as reader:
        return read(reader, wanted, decode)


def read(
    reader: TopicReader,
    wanted: Wanted,
    decode: Callable[[Record], Event],
    clock: Callable[[], float] = time.monotonic,
) -> Page:
    """The same of a reader that is open."""
    bounds = reader.bounds()
    give_up = clock() + SECONDS
    looked_at = 0

    def looked(record: Record) -> Event:
        nonlocal looked_at
        if clock() > give_up:
            raise _Enough
        looked_at += 1
        return decode(record)

    def is_wanted(record: Record) -> bool:
        # Without a filter nothing is decoded to count.
        return wanted.accepts is None or wanted.accepts(looked(record))

    before = wanted.before or {}
    stops = {p: min(before.get(p, end), end) for p, (_, end) in bounds.items()}
    try:
        begins = _begins(reader, wanted, bounds, stops, is_wanted)
    except _Enough:  # it was looking backwards from there
        return Page((), dict(stops), stops, bounds, looked_at, is_cut=True)
    stops = {p: stops[p] for p in begins}
    ends, events, is_cut = dict(begins), list[Event](), False
    for record in reader.read(begins, stops):
        try:
            event = looked(record)
        except _Enough:
            is_cut = True
            break
        ends[record.partition] = record.offset + 1
        if wanted.accepts is None or wanted.accepts(event):
            events.append(event)
            if len(events) == wanted.count:
                break
    else:
        ends = stops
    return Page(tuple(events), begins, ends, bounds, looked_at, is_cut)


def _begins(
    reader: TopicReader,
    wanted: Wanted,
    bounds: Bounds,
    stops: Offsets,
    is_wanted: Callable[[Record], bool],
) -> dict[int, int]:
    if wanted.after is not None:
        return {p: max(first, wanted.after.get(p, end)) for p, (first, end) in bounds.items()}
    if wanted.start is not None and wanted.before is None:
        return offsets(wanted.start, bounds, reader.at_time)
    window = {p: (first, max(first, stops[p])) for p, (first, _) in bounds.items()}
    return reader.last(wanted.count, window, is_wanted)


def as_dict(found: Page) -> dict[str, Any]:
    return {
        "records": [event_dict(event) for event in found.events],
        "begins": found.begins,
        "ends": found.ends,
        "first": {p: first for p, (first, _) in found.bounds.items()},
        "end": {p: end for p, (_, end) in found.bounds.items()},
        "looked_at": found.looked_at,
        "is_cut": found.is_cut,
    }


def event_dict(event: Event, longest: int | None = MAX_TEXT) -> dict[str, Any]:
    """A record; texts longer than `longest` characters are cut off with an ellipsis."""
    told = event.as_dict() | {"changed": sorted(event.changed), "key_only": event.has_key_only}
    return told if longest is None else cut(told, longest)


def cut(value: Any, longest: int) -> Any:
    """A value whose texts are at most so long."""
    match value:
        case str() if len(value) > longest:
            return f"{value[:longest]}… ({len(value)} characters)"
        case dict():
            return {name: cut(each, longest) for name, each in value.items()}
        case list():
            return [cut(each, longest) for each in value]
    return value


def places(text: str) -> dict[int, int]:
    """Partition → offset of `0:17,1:4`, as the pages hand on where another page ends.

    Raises:
        ValueError: it is not of that form.
    """
    return {int(p): int(o) for p, o in (pair.split(":") for pair in text.split(",") if pair)}
