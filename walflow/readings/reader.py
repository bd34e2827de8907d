"""Asks every server of the pipeline at the same time, and makes one `Reading` of the answers."""

import time
from collections import deque
from dataclasses import replace
from types import TracebackType
from typing import Any

from walflow.canary.history import last_run
from walflow.capture import include_list
from walflow.readings import lags, rates
from walflow.readings.broker import BrokerPart
from walflow.readings.connect import Connectors, ConnectPart
from walflow.readings.following import Followed, FollowingPart
from walflow.readings.judging import judged
from walflow.readings.parts import Part, Parts
from walflow.readings.postgres import PostgresPart
from walflow.readings.reading import Broker, Reading, Slot, Source, Stream, Unreachable
from walflow.readings.stream import StreamPart
from walflow.settings import Settings
from walflow.tables import TableRules, topic_of
from walflow.verify.history import last_verified

BOUND_SECONDS = 5.0
"""No reading takes longer; a server that has not answered by then is `Unreachable`."""
ASKED_SECONDS = 3.5
"""Of it, for the servers; then the records that they tell of are looked at."""
RATE_SECONDS = 5.0
"""Rates are those since so long ago, or since the first reading: what is counted by others, PostgreSQL
and the stream, is told about once a second only."""
GROWTH_SECONDS = 60.0
"""The same of a slot's growth, since Debezium confirms every 10 s on a quiet database."""


class Reader:
    """Keeps its connections from reading to reading, so that one a second costs little.

    Rates, and what else takes two looks, come with the second reading. Use it in a `with`, or call
    `close`. One thread at a time may call `read`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules = TableRules.of(settings)
        servers: dict[str, Part] = {
            "source": PostgresPart(settings),
            "connectors": ConnectPart(settings),
            "broker": BrokerPart(settings),
            "stream": StreamPart(settings),
            "following": FollowingPart(settings),
        }
        self._parts = Parts(servers)
        self._tables: tuple[str, ...] = ()
        """The captured tables when they were last told."""
        self._earlier: deque[Reading] = deque()
        """Of the last RATE_SECONDS, oldest first, and one before."""
        self._slots: deque[tuple[float, tuple[Slot, ...]]] = deque()
        self._log_ends = rates.LogEnds()
        self._uncommitted: dict[tuple[str, int], tuple[int, float]] = {}

    def read(self) -> Reading:
        """The pipeline now; never raises for a server that is away, and ends within BOUND_SECONDS."""
        began, began_ms = time.monotonic(), time.time() * 1000
        servers = ("source", "connectors", "broker", "stream")
        answers = self._parts.ask(dict.fromkeys(servers, ()), ASKED_SECONDS)
        now_ms = time.time() * 1000
        source, connectors = answers["source"], answers["connectors"]
        broker, stream = answers["broker"], answers["stream"]
        self._tables = self._captured(source, connectors, broker)
        if isinstance(broker, Broker):
            broker = self._named(rates.with_uncommitted_ages(broker, self._uncommitted, now_ms))
        left = BOUND_SECONDS - (time.monotonic() - began)
        followed = self._followed(broker, stream, left)
        reading = Reading(
            taken_at_ms=now_ms,
            took_ms=time.time() * 1000 - began_ms,
            source=self._with_forecasts(source, connectors, now_ms),
            connectors=connectors.readings if isinstance(connectors, Connectors) else connectors,
            broker=broker,
            stream=stream,
            dead_letters=_letters(followed),
            tables=lags.table_lags(
                self._tables,
                self._settings.topics.prefix,
                self._rules,
                broker,
                stream,
                followed.unapplied if isinstance(followed, Followed) else None,
                now_ms,
            ),
            last_verify=last_verified(self._settings),
            last_canary=last_run(self._settings),
        )
        return judged(self._with_rates(reading))

    def close(self) -> None:
        """Close the connections; a server that does not answer is not waited for."""
        self._parts.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _captured(self, source: Any, connectors: Any, broker: Any) -> tuple[str, ...]:
        """The tables that are published and that the connector takes, by name.

        Where PostgreSQL is away, those of the last reading or else those that have topics.
        """
        if isinstance(source, Source):
            published = [writes.table for writes in source.ingest.writes]
            config = connectors.capturing if isinstance(connectors, Connectors) else None
            if config is None:
                return tuple(published)
            return tuple(name for name in published if include_list.captures(config, name))
        if not self._tables and isinstance(broker, Broker):
            return tuple(sorted(topic.table for topic in broker.topics if topic.table))
        return self._tables

    def _named(self, broker: Broker) -> Broker:
        """The topics with the names of their tables, which may have characters that theirs cannot."""
        prefix = self._settings.topics.prefix
        tables = {topic_of(prefix, *table.split(".", 1)): table for table in self._tables}
        return Broker(tuple(replace(t, table=tables.get(t.name, t.table)) for t in broker.topics))

    def _followed(
        self, broker: Broker | Unreachable, stream: Stream | Unreachable, seconds: float
    ) -> Followed | Unreachable:
        """What Kafka's records tell of dead letters, and of changes that are not applied."""
        if isinstance(broker, Unreachable):
            return broker
        prefix, letters = self._settings.topics.prefix, self._settings.topics.dead_letters
        stretches: lags.Stretches = {}
        applied_at_ms: dict[tuple[str, int], float] = {}
        if isinstance(stream, Stream):
            stretches = lags.stretches(self._tables, prefix, broker, stream)
            applied_at_ms = {
                (one.topic, one.partition): one.committed_at_ms
                for one in stream.applied
                if one.committed_at_ms is not None
            }
        given = {"following": (stretches, applied_at_ms, broker.topic(letters))}
        told: Followed | Unreachable = self._parts.ask(given, seconds)["following"]
        return told

    def _with_forecasts(self, source: Any, connectors: Any, now_ms: float) -> Source | Unreachable:
        """Each slot with its lag in time and the forecast of its limit."""
        if not isinstance(source, Source):
            unread: Unreachable = source
            return unread
        self._log_ends.note(now_ms, source.wal.position)
        runs = isinstance(connectors, Connectors) and any(
            connector.captures and connector.is_running for connector in connectors.readings
        )
        at_ms, earlier = self._slots[0] if self._slots else (now_ms, source.slots)
        known = {slot.name: slot for slot in earlier}
        slots = []
        for slot in source.slots:
            is_read = slot.is_active and (runs or not slot.is_captures)
            timed = replace(slot, lag_ms=self._lag_ms(slot, is_read, now_ms))
            if slot.name in known:
                seconds = (now_ms - at_ms) / 1000
                timed = rates.with_slot_forecast(known[slot.name], timed, seconds)
            slots.append(timed)
        _note(self._slots, (now_ms, source.slots), GROWTH_SECONDS)
        return replace(source, slots=tuple(slots))

    def _lag_ms(self, slot: Slot, is_read: bool, now_ms: float) -> float | None:
        position = slot.sent if is_read else slot.confirmed
        if position is None:
            return None
        age = self._log_ends.age_ms(position, now_ms)
        if slot.inactive_since_ms is not None and slot.lag_bytes:
            return max(age or 0.0, now_ms - slot.inactive_since_ms)
        return age

    def _with_rates(self, reading: Reading) -> Reading:
        rated = rates.with_rates(self._earlier[0], reading) if self._earlier else reading
        self._earlier.append(reading)
        while len(self._earlier) > 1 and _is_old(self._earlier[1].taken_at_ms, reading):
            self._earlier.popleft()
        return rated


def _is_old(at_ms: float, reading: Reading) -> bool:
    return reading.taken_at_ms - at_ms >= RATE_SECONDS * 1000


def _note(kept: deque[tuple[float, Any]], one: tuple[float, Any], seconds: float) -> None:
    """Add a look, and keep those of so many seconds and one before."""
    kept.append(one)
    while len(kept) > 1 and one[0] - kept[1][0] >= seconds * 1000:
        kept.popleft()


def _letters(followed: Followed | Unreachable) -> Any:
    return followed.dead_letters if isinstance(followed, Followed) else followed


def read(settings: Settings) -> Reading:
    """One look, without rates."""
    with Reader(settings) as reader:
        return reader.read()
