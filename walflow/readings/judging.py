"""What a reading's figures mean: the state of each stage, and which of them holds changes up."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from walflow.advice import ticked, typed
from walflow.readings.reading import (
    Broker,
    ConnectorReading,
    CountsFailure,
    DeadLetters,
    Reading,
    Slot,
    Source,
    Stage,
    StageName,
    StageState,
    Stream,
    TableLag,
    TopicReading,
    Unreachable,
)

MAX_LAG_MS = 10_000
"""A stage that lags by more is behind. The stream tells what it applied once a second, Debezium writes
its heartbeat every 10 s."""
FORECAST_SECONDS = 3600
"""A slot that reaches its limit within this time is a problem, if nobody reads it or half is used up."""
IDLE_SLOT_BYTES = 256 * 2**20
"""What a slot that nobody reads may retain before it is warned of."""


def judged(reading: Reading) -> Reading:
    """The reading with its stages, and what is wrong."""
    stages = (_ingest(reading), _capture(reading), _transport(reading), _apply(reading))
    holding = _holding(stages)
    held_up_by = None if holding is None else f"{holding.name.value}: {holding.reason}"
    others = [f"{s.name.value}: {s.reason}" for s in stages if not s.is_ok and s is not holding]
    problems = [*([held_up_by] if held_up_by else []), *others, *_problems(reading)]
    return replace(
        reading,
        stages=stages,
        held_up_by=held_up_by,
        problems=tuple(dict.fromkeys(problems)),
        warnings=tuple(_warnings(reading, stages[-1])),
    )


def _holding(stages: Iterable[Stage]) -> Stage | None:
    """The first stage that does not work; where all do, the one that is behind the most."""
    wrong = [stage for stage in stages if not stage.is_ok]
    stopped = [stage for stage in wrong if stage.state is not StageState.BEHIND]
    return next(iter(stopped), max(wrong, key=lambda stage: stage.lag_ms or 0.0, default=None))


def _ingest(reading: Reading) -> Stage:
    if isinstance(reading.source, Unreachable):
        return _stage(StageName.INGEST, StageState.UNKNOWN, reading.source.sentence)
    rates = [one.per_second for one in reading.source.ingest.writes]
    return _stage(StageName.INGEST, StageState.OK, per_second=_total(rates))


def _capture(reading: Reading) -> Stage:
    state, reason = _capturing(reading)
    if isinstance(reading.source, Unreachable) or reading.source.slot is None:
        return _stage(StageName.CAPTURE, state, reason)
    source, slot = reading.source, reading.source.slot
    unread = slot.lag_bytes
    if state in (StageState.OK, StageState.BEHIND) and slot.sent is not None:
        unread = max(0, source.wal.position - slot.sent)
    if state is StageState.OK and slot.lag_ms is not None and slot.lag_ms > MAX_LAG_MS:
        state = StageState.BEHIND
        reason = (
            f"The connector is {_seconds(slot.lag_ms)} behind PostgreSQL's log."
            f" {ticked('logs connect')} tells what keeps it."
        )
    rate = source.wal.bytes_per_second
    return _stage(StageName.CAPTURE, state, reason, rate, lag_bytes=unread, lag_ms=slot.lag_ms)


def _capturing(reading: Reading) -> tuple[StageState, str]:
    """Whether the connector and its slot are as they should be, whatever their lag."""
    if isinstance(reading.connectors, Unreachable):
        return StageState.UNKNOWN, reading.connectors.sentence
    connector = next((c for c in reading.connectors if c.captures), None)
    slot = None if isinstance(reading.source, Unreachable) else reading.source.slot
    if slot is not None and slot.is_lost:
        return StageState.DOWN, (
            f"PostgreSQL has given up the slot {slot.name}"
            f" ({slot.invalidation or slot.wal_status}): changes are lost. Run: {typed('recover')}."
        )
    if connector is None:
        return StageState.DOWN, (
            f"No connector captures the publication. {ticked('connectors apply')} makes it."
        )
    if not connector.is_running:
        return _not_running(connector)
    if isinstance(reading.source, Unreachable):
        return StageState.UNKNOWN, reading.source.sentence
    if slot is None:
        return StageState.DOWN, (
            "PostgreSQL has no replication slot for the pipeline, though the connector runs."
            f" Run: {typed('recover')}."
        )
    if not slot.is_active:
        return StageState.DOWN, (
            f"Nobody reads the slot {slot.name}, though connector {connector.name} is RUNNING."
            f" {ticked('logs connect')} tells why."
        )
    return StageState.OK, ""


def _not_running(connector: ConnectorReading) -> tuple[StageState, str]:
    name = connector.name
    if connector.has_failed:
        return StageState.DOWN, (
            f"Connector {name} has failed: {connector.reason.rstrip('.') or 'it gives no reason'}."
            f" Mend the cause, then: {typed(f'connectors restart {name} --tasks failed')}."
        )
    if connector.is_held:
        return StageState.HELD, (
            f"Connector {name} is {connector.state}. Let it go on:"
            f" {typed(f'connectors resume {name}')}."
        )
    tasks = ", ".join(connector.tasks) or "none"
    return StageState.DOWN, (
        f"Connector {name} is {connector.state}, its tasks: {tasks}. {ticked('logs connect')} tells"
        " what it waits for."
    )


def _transport(reading: Reading) -> Stage:
    if isinstance(reading.broker, Unreachable):
        return _stage(StageName.TRANSPORT, StageState.UNKNOWN, reading.broker.sentence)
    topics = _topics(reading.broker, reading.tables)
    oldest = max(topics, key=lambda topic: topic.uncommitted_ms or 0.0, default=None)
    age = None if oldest is None else oldest.uncommitted_ms
    state, reason = StageState.OK, ""
    if oldest is not None and age is not None and age > MAX_LAG_MS:
        state = StageState.BEHIND
        reason = (
            f"A transaction in {oldest.name} has been open for {_seconds(age)}: what stands behind it"
            f" is not read. Kafka ends it at its time-out; {ticked('logs connect')} tells whose it is."
        )
    return _stage(
        StageName.TRANSPORT,
        state,
        reason,
        _total(lag.captured_per_second for lag in reading.tables),
        lag_events=sum(topic.uncommitted for topic in topics),
        lag_ms=age or 0.0,
    )


def _topics(broker: Broker, tables: Iterable[TableLag]) -> list[TopicReading]:
    names = {lag.topic for lag in tables}
    return [topic for topic in broker.topics if topic.name in names]


def _apply(reading: Reading) -> Stage:
    if isinstance(reading.stream, Unreachable):
        return _stage(StageName.APPLY, StageState.UNKNOWN, reading.stream.sentence)
    lags, stream = reading.tables, reading.stream
    events = [lag.lag_events for lag in lags]
    behind = max(lags, key=lambda lag: lag.lag_ms or 0.0, default=None)
    lag_ms = None if any(lag.lag_ms is None for lag in lags) else _longest(lags)
    state, reason = StageState.OK, ""
    if not stream.is_up:
        state, reason = StageState.DOWN, f"The stream does not run{_because(stream)}"
    elif behind is not None and behind.lag_ms is not None and behind.lag_ms > MAX_LAG_MS:
        most = "" if behind.is_exact else "at most "
        state = StageState.BEHIND
        reason = (
            f"{behind.table} is {most}{behind.lag_events} changes and {_seconds(behind.lag_ms)} behind"
            f"{_because(stream)}"
        )
    return _stage(
        StageName.APPLY,
        state,
        reason,
        _total(lag.applied_per_second for lag in lags),
        lag_events=None if None in events else sum(each or 0 for each in events),
        lag_ms=lag_ms,
    )


def _because(stream: Stream) -> str:
    """The rest of a sentence: why, as far as a task has told, and what to do."""
    told = next(iter(stream.failures), None)
    why = "" if told is None else f": {told.reason.rstrip('.')}"
    if stream.is_up:
        return f"{why}. {ticked('logs stream')} tells more."
    if told is not None and told.halts:
        return f"{why}. It halts there by setting; mend it, then run: {typed('up stream')}."
    return f"{why}. {ticked('logs stream')} tells why; {ticked('up stream')} starts it."


def _problems(reading: Reading) -> list[str]:
    found = []
    if not isinstance(reading.connectors, Unreachable):
        for connector in reading.connectors:
            if connector.has_failed and not connector.captures:
                found.append(_not_running(connector)[1])
    slot = None if isinstance(reading.source, Unreachable) else reading.source.slot
    if slot is not None and not slot.is_lost and _is_in_danger(slot):
        found.append(_danger(slot))
    if isinstance(reading.stream, Stream) and reading.stream.counts_failure is not None:
        found.append(_uncounted(reading.stream.counts_failure, reading.taken_at_ms))
    return found


def _is_in_danger(slot: Slot) -> bool:
    """A burst of writes grows a slot fast, too, and is over soon where somebody reads it."""
    if slot.wal_status == "unreserved":
        return True
    if slot.lost_in_seconds is None or slot.limit_bytes is None:
        return False
    is_half_full = slot.retained_bytes > slot.limit_bytes / 2
    return slot.lost_in_seconds < FORECAST_SECONDS and (is_half_full or not slot.is_active)


def _danger(slot: Slot) -> str:
    when = "at the next checkpoint"
    if slot.wal_status != "unreserved" and slot.lost_in_seconds is not None:
        when = f"in about {_seconds(slot.lost_in_seconds * 1000)}, as its WAL grows now"
    return (
        f"The slot {slot.name} is lost {when}: it retains {slot.retained_bytes // 2**20} MiB."
        " Let the connector go on, or raise postgres.max_slot_wal_keep_size_megabytes."
    )


def _uncounted(failure: CountsFailure, now_ms: float) -> str:
    since = datetime.fromtimestamp(failure.since_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"The counts of [aggregates] have not been kept for {_seconds(now_ms - failure.since_ms)}, since"
        f" {since}: {failure.reason.rstrip('.')}. {ticked('logs stream')} tells more. They go on by"
        f" themselves within a minute once the cause is mended. If {ticked('verify')} then finds them"
        f" wrong, run: {typed('recount')}."
    )


def _warnings(reading: Reading, applying: Stage) -> list[str]:
    found = []
    stream, letters = reading.stream, reading.dead_letters
    if isinstance(stream, Stream) and stream.failures and applying.is_ok:
        found.append(
            f"A task of the stream has failed lately, and was started again: {stream.failures[0].reason}"
        )
    if isinstance(letters, DeadLetters) and letters.open != 0:
        count = "More than can be counted" if letters.open is None else letters.open
        found.append(f"{count} dead letters are open. {ticked('deadletters list')} shows them.")
    elif isinstance(letters, Unreachable) and _has_all(reading):
        found.append(letters.sentence)
    verified = reading.last_verify
    if verified is not None and verified.verdict == "different":
        tables = ", ".join(t.table for t in verified.tables if t.verdict == "different")
        found.append(
            f"{ticked('verify')} found differences in {tables}. {ticked('repair')} mends them."
        )
    canary = reading.last_canary
    if canary is not None and not canary.succeeded:
        found.append(f"The last canary did not come through: {canary.reason}")
    if isinstance(reading.source, Source):
        found += [
            f"Nobody reads the slot {slot.name}, for which PostgreSQL keeps"
            f" {slot.retained_bytes // 2**20} MiB of WAL. If nobody will: SELECT"
            f" pg_drop_replication_slot('{slot.name}')."
            for slot in reading.source.slots
            if not slot.is_captures
            and not slot.is_active
            and not slot.is_lost
            and slot.retained_bytes > IDLE_SLOT_BYTES
        ]
    return found


def _has_all(reading: Reading) -> bool:
    return not isinstance(reading.broker, Unreachable) and not isinstance(
        reading.stream, Unreachable
    )


def _stage(
    name: StageName,
    state: StageState,
    reason: str = "",
    per_second: float | None = None,
    *,
    lag_events: int | None = None,
    lag_bytes: int | None = None,
    lag_ms: float | None = None,
) -> Stage:
    return Stage(name, state, reason, per_second, lag_events, lag_bytes, lag_ms)


def _total(rates: Iterable[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def _longest(lags: Sequence[TableLag]) -> float:
    return max((lag.lag_ms or 0.0 for lag in lags), default=0.0)


def _seconds(ms: float) -> str:
    seconds = ms / 1000
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
