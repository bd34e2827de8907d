"""Dead letters for the browser: listed, shown, replayed over connections that are kept for a while."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from change_stream.connections import Connections
from walflow.deadletters.connecting import connect, disconnect
from walflow.deadletters.description import description, hex_dump
from walflow.deadletters.listing import listing
from walflow.deadletters.outcomes import Outcome, Outcomes, State
from walflow.deadletters.replay import NotApplied, Replay
from walflow.deadletters.topic import DeadLetterTopic, StoredLetter, place_of
from walflow.settings import Settings

IDLE_SECONDS = 30.0
"""So long connections to Cassandra stay open behind the last question."""
MAX_LISTED = 500
MAX_DUMPED = 65_536
"""Bytes of a key or value that are shown."""


class Letters:
    """One question at a time; the first connects, and a pause ends the connection."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._connected: Connections | None = None
        self._used = 0.0

    def listed(self, settled: bool) -> dict[str, Any]:
        """The newest letters, the newest first.

        Raises:
            WalflowError: Kafka or Cassandra does not answer.
        """
        prefix = self._settings.topics.prefix
        with self._connection() as connected, DeadLetterTopic(self._settings) as topic:
            outcomes = Outcomes(connected.session)
            found = listing(topic.chunks(), outcomes, prefix, settled, MAX_LISTED)
        letters = [letter.as_dict() for letter in reversed(found.letters)]
        return {"topic": topic.name, "letters": letters, "older": found.older}

    def shown(self, place: str) -> dict[str, Any]:
        """Everything about the letter at a place.

        Raises:
            WalflowError: there is none, or a server does not answer.
        """
        with self._connection() as connected, DeadLetterTopic(self._settings) as topic:
            stored = topic.at(place_of(place, topic.name))
            outcome = Outcomes(connected.session).of([stored.identity])[stored.identity]
            foreseen = Replay(connected).foreseen(stored.letter)
            described = description(
                stored, outcome, foreseen, connected.registry, self._settings.topics.prefix
            )
        return described | {"dump": dump(stored)}

    def replayed(self, place: str) -> dict[str, Any]:
        """Apply a letter again, in the place of the order that it had.

        Raises:
            WalflowError: there is none, or a server does not answer.
        """
        # New ones know the tables as they are now; older ones may yet hear of a drop, and believe it of
        # the table that the replay has made.
        self.close()
        with self._connection() as connected, DeadLetterTopic(self._settings) as topic:
            stored = topic.at(place_of(place, topic.name))
            outcomes = Outcomes(connected.session)
            try:
                done = Replay(connected).apply(stored.letter)
            except NotApplied as problem:
                outcomes.note(stored.identity, Outcome(State.OPEN, str(problem)))
                return {"replayed": False, "said": f"It stays open: {problem}."}
            outcomes.note(stored.identity, Outcome(State.REPLAYED))
            return {"replayed": True, "said": f"Replayed: {done}."}

    def close_if_idle(self, now: float | None = None) -> None:
        """Let go of connections that nobody has used for a while."""
        moment = time.monotonic() if now is None else now
        if self._connected is None or moment - self._used < IDLE_SECONDS:
            return
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connected is not None:
            disconnect(self._connected)
            self._connected = None

    @contextmanager
    def _connection(self) -> Iterator[Connections]:
        with self._lock:
            if self._connected is None:
                self._connected = connect(self._settings)
            try:
                yield self._connected
            except Exception:
                self._close()  # whatever is wrong with them, the next question has new ones
                raise
            finally:
                self._used = time.monotonic()


def dump(stored: StoredLetter) -> dict[str, list[str]]:
    """The original bytes as lines of hexadecimal, also of what could be decoded."""
    record = stored.letter.record
    return {
        name: hex_dump(data[:MAX_DUMPED]) if data is not None else []
        for name, data in (("key", record.key), ("value", record.value))
    }
