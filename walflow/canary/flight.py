"""One canary: a row inserted, updated and deleted, and the time at which each is seen at each hop."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

import kafka
import kafka.errors
from cassandra import DriverException, InvalidRequest
from cassandra.cluster import NoHostAvailable, Session
from cassandra.metadata import maybe_escape_name
from kafka import TopicPartition

from walflow.advice import ticked
from walflow.canary.table import NAME, SCHEMA, TABLE, rule_of
from walflow.capture.source import connected
from walflow.errors import WalflowError
from walflow.readings.reader import read
from walflow.readings.reading import CanaryRun, Hop
from walflow.settings import Settings
from walflow.stack.cassandra import cluster
from walflow.tables import topic_of
from walflow.topics.clients import consumer

SECONDS = 30.0
KAFKA_POLL_MS = 20
TARGET_POLL_SECONDS = 0.002
AGAIN_SECONDS = 0.2
"""After a failure: Cassandra may just be making the table."""
COMMIT, KAFKA, CASSANDRA = "commit", "kafka", "cassandra"
CHANGES = {
    "insert": f"INSERT INTO {TABLE} (id, step) VALUES (%(id)s, 'insert')",
    "update": f"UPDATE {TABLE} SET step = 'update', written_at = now() WHERE id = %(id)s",
    "delete": f"DELETE FROM {TABLE} WHERE id = %(id)s",
}
"""In their order; in Cassandra `step` tells which was applied last."""

Show = Callable[[Hop], None]


class _NotSeen(Exception):
    """A hop has not happened in time; the message names it."""


def fly(settings: Settings, show: Show = lambda _: None, seconds: float = SECONDS) -> CanaryRun:
    """Send a canary and see where it gets to; a server that is away is a canary that does not arrive.

    Args:
        show: called with each hop as it is seen.
        seconds: how long each change may take to each place.
    """
    began_ms, identifier, hops = time.time() * 1000, uuid4(), list[Hop]()

    def seen(hop: Hop) -> None:
        hops.append(hop)
        show(hop)

    try:
        _fly(settings, identifier, seen, seconds)
        reason = ""
    except _NotSeen as missing:
        reason = _why(settings, str(missing))
        _remove(settings, identifier)
    except (WalflowError, NoHostAvailable, DriverException, kafka.errors.KafkaError) as error:
        told = (
            error.sentence
            if isinstance(error, WalflowError)
            else f"{type(error).__name__}: {error}"
        )
        reason = _why(settings, told)
        _remove(settings, identifier)
    return CanaryRun(began_ms, str(identifier), not reason, tuple(hops), reason)


def _fly(settings: Settings, identifier: UUID, seen: Show, seconds: float) -> None:
    topic = topic_of(settings.topics.prefix, SCHEMA, NAME)
    with ExitStack() as stack:
        connection = stack.enter_context(connected(settings))
        cursor = stack.enter_context(connection.cursor())
        watched = stack.enter_context(_watched(settings, identifier, topic))
        for change, statement in CHANGES.items():
            watched.begin(change)
            cursor.execute(statement, {"id": str(identifier)})
            committed = time.monotonic()
            seen(Hop(change, COMMIT, 0.0))
            for place in watched.places(committed + seconds):
                seen(Hop(change, place, (watched.seen_at[place] - committed) * 1000))


@dataclass
class _Eye:
    """Looks at a place again and again, in a thread of its own."""

    place: str
    look: Callable[[str], bool]
    """Whether the effect of a change is there."""


class _Watched:
    """Kafka and Cassandra, looked at side by side."""

    def __init__(self, eyes: tuple[_Eye, ...]) -> None:
        self._eyes = eyes
        self._changed = threading.Condition()
        self._change = ""
        self._ended = False
        self._failures: dict[str, Exception] = {}
        self.seen_at: dict[str, float] = {}
        """Place → when the present change was seen there, on the monotonic clock."""
        self._threads = [threading.Thread(target=self._watch, args=(eye,)) for eye in eyes]

    def __enter__(self) -> "_Watched":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def begin(self, change: str) -> None:
        """Look for a change from now on."""
        with self._changed:
            self._change = change
            self.seen_at.clear()
            self._failures.clear()
            self._changed.notify_all()

    def places(self, give_up: float) -> Iterator[str]:
        """The places at which the change is seen, as it is.

        Raises:
            _NotSeen: not at all of them in time; the message names the first.
        """
        told: set[str] = set()
        while len(told) < len(self._eyes):
            with self._changed:
                self._changed.wait_for(
                    lambda: set(self.seen_at) - told, max(0.0, give_up - time.monotonic())
                )
                new = sorted(set(self.seen_at) - told, key=lambda place: self.seen_at[place])
                failures = dict(self._failures)
            yield from new
            told.update(new)
            missing = [eye.place for eye in self._eyes if eye.place not in told]
            if missing and not new:
                place = missing[0]
                error = failures.get(place)
                because = f"; the last failure there: {error}" if error is not None else ""
                raise _NotSeen(f"The {self._change} was not seen in {place.capitalize()}{because}.")

    def _watch(self, eye: _Eye) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._ended or (self._change and eye.place not in self.seen_at)
                )
                if self._ended:
                    return
                change = self._change
            try:
                is_seen = eye.look(change)
            except Exception as error:  # told if the hop is missed
                is_seen = False
                with self._changed:
                    self._failures[eye.place] = error
                    self._changed.wait_for(lambda: self._ended, AGAIN_SECONDS)
            if is_seen:
                with self._changed:
                    if self._change == change:
                        self.seen_at[eye.place] = time.monotonic()
                        self._changed.notify_all()


@contextmanager
def _watched(settings: Settings, identifier: UUID, topic: str) -> Iterator[_Watched]:
    with ExitStack() as stack:
        client = stack.enter_context(consumer(settings, fetch_max_wait_ms=KAFKA_POLL_MS))
        partitions = client.partitions_for_topic(topic)
        if not partitions:
            raise WalflowError(
                f"Kafka has no topic {topic}: {ticked(f'tables add {TABLE}')} makes it."
            )
        places = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        client.assign(places)
        for place, end in client.end_offsets(places).items():
            client.seek(place, end)
        session = stack.enter_context(cluster(settings, metadata=False)).connect()
        eyes = (
            _Eye(KAFKA, _Records(client, identifier).has),
            _Eye(CASSANDRA, _Rows(settings, session, identifier).has),
        )
        yield stack.enter_context(_Watched(eyes))


class _Records:
    """The canary's records. Each change makes one with a value, in the order of the changes."""

    def __init__(self, client: kafka.KafkaConsumer, identifier: UUID) -> None:
        self._client = client
        self._key = str(identifier).encode()
        self._count = 0

    def has(self, change: str) -> bool:
        for messages in self._client.poll(timeout_ms=KAFKA_POLL_MS).values():
            self._count += sum(
                message.value is not None and self._key in (message.key or b"")
                for message in messages
            )
        return self._count > list(CHANGES).index(change)


class _Rows:
    """The canary's row in Cassandra."""

    def __init__(self, settings: Settings, session: Session, identifier: UUID) -> None:
        rule = rule_of(settings)
        self._session = session
        self._identifier = identifier
        self._query = (
            f"SELECT step FROM {maybe_escape_name(rule.keyspace)}.{maybe_escape_name(rule.table)}"
            " WHERE id = %s"
        )

    def has(self, change: str) -> bool:
        time.sleep(TARGET_POLL_SECONDS)
        try:
            row = self._session.execute(self._query, (self._identifier,)).one()
        except InvalidRequest:  # the stream makes the table with its first record
            return False
        return row is None if change == "delete" else row is not None and row.step == change


def _why(settings: Settings, missing: str) -> str:
    """What is missing, and what the pipeline itself tells of a reason."""
    held_up_by = read(settings).held_up_by
    return missing if held_up_by is None else f"{missing} Held up by {held_up_by}"


def _remove(settings: Settings, identifier: UUID) -> None:
    """Delete what may be left of a canary that did not arrive."""
    with suppress(WalflowError), connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute(CHANGES["delete"], {"id": str(identifier)})
