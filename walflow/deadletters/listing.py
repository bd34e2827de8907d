"""The dead letters as one line for each record, however often a repeated batch has sent it."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from walflow.deadletters.outcomes import Outcome, Outcomes, State
from walflow.deadletters.topic import Identity, Place, StoredLetter
from walflow.text import shortened

MAX_REASON = 200
"""Characters of a reason in a list, where it is one line of many."""


@dataclass(slots=True)
class Listed:
    """One record among the dead letters."""

    place: Place
    """Of the first copy that is kept: the name under which the others of its commands know it."""
    stored_ms: int
    origin: str
    table: str
    reason: str
    state: State
    copies: int = 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "place": str(self.place),
            "stored_at": moment(self.stored_ms),
            "origin": self.origin,
            "table": self.table,
            "state": self.state.value,
            "copies": self.copies,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Listing:
    letters: tuple[Listed, ...]
    """Newest last."""
    older: int
    """How many more there are before these."""


def listing(
    chunks: Iterable[list[StoredLetter]], outcomes: Outcomes, prefix: str, settled: bool, last: int
) -> Listing:
    """The last letters, in memory bounded by their number.

    A copy of a record that is older than the last ones counts as another.

    Args:
        prefix: of the topics, which is no part of a table's name.
        settled: whether to list those that were replayed or discarded too.
    """
    kept: OrderedDict[Identity, Listed] = OrderedDict()
    older = 0
    for chunk in chunks:
        states = outcomes.of(stored.identity for stored in chunk)
        for stored in chunk:
            outcome = states[stored.identity]
            if outcome.state is not State.OPEN and not settled:
                continue
            if known := kept.get(stored.identity):
                known.copies += 1
                continue
            kept[stored.identity] = _listed(stored, outcome, prefix)
            if len(kept) > last:
                kept.popitem(last=False)
                older += 1
    letters = sorted(kept.values(), key=lambda one: one.stored_ms)
    return Listing(tuple(letters), older)


def _listed(stored: StoredLetter, outcome: Outcome, prefix: str) -> Listed:
    record = stored.letter.record
    reason = " ".join((outcome.reason or stored.letter.reason).split())
    return Listed(
        stored.place,
        stored.stored_ms,
        record.place,
        table_of(record.topic, prefix),
        shortened(reason, MAX_REASON),
        outcome.state,
    )


def table_of(topic: str, prefix: str) -> str:
    """`schema.table` of Debezium's `<prefix>.<schema>.<table>`."""
    return topic.removeprefix(f"{prefix}.")


def moment(ms: int) -> str:
    """Milliseconds since the epoch in ISO 8601, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
