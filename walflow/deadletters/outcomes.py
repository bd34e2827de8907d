"""What became of dead letters, kept in Cassandra."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from cassandra.cluster import Session

from walflow.deadletters.topic import Identity


class State(StrEnum):
    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state of a letter, and why it is in it."""

    state: State
    reason: str = ""
    """Why the last replay failed, for a letter that is open."""


NOT_TRIED = Outcome(State.OPEN)


class Outcomes:
    """Reads and writes walflow.dead_letter_outcomes."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._select = session.prepare(
            "SELECT offset, state, reason FROM walflow.dead_letter_outcomes"
            " WHERE topic_id = ? AND partition = ? AND offset >= ? AND offset <= ?"
        )
        self._insert = session.prepare(
            "INSERT INTO walflow.dead_letter_outcomes"
            " (topic_id, partition, offset, state, reason, at) VALUES (?, ?, ?, ?, ?, ?)"
        )

    def of(self, identities: Iterable[Identity]) -> dict[Identity, Outcome]:
        """The outcome of each; those of which nothing is noted are open."""
        found = dict.fromkeys(identities, NOT_TRIED)
        offsets: dict[tuple[UUID, int], list[int]] = defaultdict(list)
        for one in found:
            offsets[(one.topic_id, one.partition)].append(one.offset)
        for (topic_id, partition), places in offsets.items():
            bounds = (topic_id, partition, min(places), max(places))
            for row in self._session.execute(self._select, bounds):
                identity = Identity(topic_id, partition, row.offset)
                if identity in found:
                    found[identity] = Outcome(State(row.state), row.reason or "")
        return found

    def note(self, identity: Identity, outcome: Outcome) -> None:
        self._session.execute(
            self._insert,
            (
                identity.topic_id,
                identity.partition,
                identity.offset,
                outcome.state.value,
                outcome.reason,
                time.time_ns() // 1_000_000,
            ),
        )
