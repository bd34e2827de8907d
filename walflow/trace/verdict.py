"""Which hop has not happened, out of what was found at each."""

from collections.abc import Sequence
from dataclasses import dataclass

from walflow.advice import ticked
from walflow.readings.reading import Stage
from walflow.topics.events import Kind
from walflow.trace.results import HopState, Search, SourceRow, TargetCell, TracedEvent

CAPTURE, APPLY = "capture", "apply"
_REMOVES = (Kind.DELETE, Kind.TOMBSTONE, Kind.TRUNCATE)


@dataclass(frozen=True, slots=True)
class Found:
    """What a trace has found."""

    source: SourceRow | None
    search: Search
    events: Sequence[TracedEvent]
    """Oldest first, tombstones left out."""
    row: Sequence[TargetCell] | None
    missing_target: str
    """Why there is no table in Cassandra to look at; empty where there is one."""
    applied_offset: int | None
    """Of the partition of the newest event."""
    capture: Stage
    apply: Stage


def agree(found: Found) -> bool:
    if found.source is None or found.row is None:
        return found.source is None and found.row is None
    return not any(cell.differs for cell in found.row)


def hops(found: Found) -> tuple[HopState, HopState]:
    return _capture(found), _apply(found)


def sentence(found: Found) -> str:
    """Whether the two sides agree and, if not, which hop has not happened."""
    if agree(found):
        if found.source is None:
            return "PostgreSQL and Cassandra agree: neither has a row with this key."
        return "PostgreSQL and Cassandra agree: the row is the same on both sides."
    capture, apply = hops(found)
    differ = _difference(found)
    if capture.happened is False:
        return f"They differ ({differ}): capture has not happened. {capture.sentence}"
    if apply.happened is False:
        return f"They differ ({differ}): apply has not happened. {apply.sentence}"
    if capture.happened is None:
        return f"They differ ({differ}), and it cannot be told which hop is missing. {capture.sentence}"
    return f"They differ ({differ}), though every hop has happened. {_foreign(found)}"


def _difference(found: Found) -> str:
    if found.source is None:
        return "only Cassandra has the row"
    if found.row is None:
        return "only PostgreSQL has the row"
    return "columns " + ", ".join(cell.column for cell in found.row if cell.differs)


def _capture(found: Found) -> HopState:
    newest = found.events[-1] if found.events else None
    if newest is None:
        return _without_events(found)
    place = newest.event.record.place
    told = f"The last event in Kafka is {newest.event.kind.value} {place}"
    if found.source is None:
        if newest.event.kind in _REMOVES:
            return HopState(CAPTURE, True, f"{told}, as PostgreSQL has no row.")
        return _not_captured(found, f"{told}, but PostgreSQL has no row.")
    if newest.event.kind is not Kind.DELETE and newest.xid == found.source.xid:
        return HopState(CAPTURE, True, f"{told}, of the transaction that wrote the row.")
    if newest.event.kind is Kind.READ:
        return HopState(
            CAPTURE,
            None if found.capture.is_ok else False,
            f"{told}, read by a snapshot, which does not tell the row's transaction."
            + (f" {found.capture.reason}" if found.capture.reason else ""),
        )
    return _not_captured(
        found, f"{told}, of transaction {newest.xid}; the row is of {found.source.xid}."
    )


def _without_events(found: Found) -> HopState:
    search = found.search
    where = "any more" if search.is_complete else f"among the last {search.scanned:,} records"
    told = f"Kafka has no event of this key {where} in {search.topic}."
    if not search.is_complete:
        told += " A larger --scan looks further back."
    if found.source is None and found.row is None:
        return HopState(CAPTURE, True, told)
    return HopState(
        CAPTURE,
        False if search.is_complete and not found.capture.is_ok else None,
        f"{told} {found.capture.reason}".strip(),
    )


def _not_captured(found: Found, told: str) -> HopState:
    if found.capture.is_ok:
        return HopState(
            CAPTURE,
            None,
            f"{told} The connector runs and is not behind: the row was written behind a savepoint, or"
            " its event is on its way.",
        )
    return HopState(CAPTURE, False, f"{told} {found.capture.reason}")


def _apply(found: Found) -> HopState:
    if not found.events:
        return HopState(APPLY, None, "There is no event to apply.")
    newest = found.events[-1]
    place = newest.event.record.place
    if newest.letter is not None:
        return HopState(
            APPLY,
            False,
            f"{place} is a dead letter: {newest.letter.rstrip('.')}. {ticked('deadletters list')} shows"
            " it.",
        )
    if newest.is_applied:
        missing = f" {found.missing_target}" if found.missing_target else ""
        return HopState(APPLY, True, f"The stream has applied {place}.{missing}")
    at = "nowhere yet" if found.applied_offset is None else f"at offset {found.applied_offset}"
    why = found.apply.reason or "It is on its way: the stream tells once a second how far it is."
    return HopState(APPLY, False, f"The stream has not applied {place}: it stands {at}. {why}")


def _foreign(found: Found) -> str:
    """Nothing is on its way, and still: somebody else wrote to Cassandra, or deleted there."""
    newest = found.events[-1] if found.events else None
    if found.row is not None and newest is not None and newest.stamp is not None:
        other = [c for c in found.row if c.written is not None and c.written > newest.stamp]
        if other:
            return (
                f"{', '.join(cell.target for cell in other)} in Cassandra was written later than the"
                f" last event's stamp {newest.stamp}, by somebody else than the stream."
                f" {ticked('repair')} mends the row."
            )
    return f"{ticked('repair')} mends the row."
