"""A topic from some point on: decoded, filtered, counted, and followed if asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from change_stream.record import Record
from walflow.settings import Settings
from walflow.topics.events import Event
from walflow.topics.filters import Filter
from walflow.topics.reading import opened
from walflow.topics.start import Start, offsets

DEFAULT_COUNT = 10


@dataclass(frozen=True, slots=True)
class Request:
    """What of a topic is wanted."""

    topic: str
    partitions: Sequence[int] = ()
    """Empty: all."""
    start: Start | None = None
    """None: where the last `count` records begin."""
    count: int | None = None
    """At the most; with a start, the end of what is kept and then `follow` come first."""
    follow: bool = False
    filter: Filter | None = None


def events(
    settings: Settings, request: Request, decode: Callable[[Record], Event]
) -> Iterator[Event]:
    """The wanted records, the oldest first; without end if they are followed.

    Raises:
        WalflowError: no such topic or partition, or a server does not answer.
    """
    accepts = request.filter

    def wanted(record: Record) -> bool:
        return accepts is None or accepts(decode(record))

    with opened(settings, request.topic, request.partitions) as reader:
        bounds = reader.bounds()
        if request.start is None:
            starts = reader.last(request.count or DEFAULT_COUNT, bounds, wanted)
            left = None
        else:
            starts = offsets(request.start, bounds, reader.at_time)
            left = request.count
        ends = {partition: bounds[partition][1] for partition in starts}
        records = reader.read(starts, ends)
        for record in chain(records, reader.follow(ends) if request.follow else ()):
            event = decode(record)
            if accepts is not None and not accepts(event):
                continue
            yield event
            if left is not None:
                left -= 1
                if left == 0:
                    return
