"""The wait until Cassandra has everything that PostgreSQL had committed before a moment.

Each hop is asked where it stands: the replication slot, then the topic, then the stream.
"""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kafka
import kafka.errors
import psycopg2
from cassandra.cluster import Session

from change_stream.kafka_log import KafkaLog, LogStalled
from change_stream.record import Record
from walflow.advice import ticked
from walflow.deadletters.topic import DeadLetterTopic
from walflow.settings import Settings
from walflow.verify.plan import CannotTell
from walflow.verify.rows import values

SLOT = "walflow"
APPLIED = "walflow.stream_progress"
COUNTED = "walflow.aggregate_progress"
"""Tables of the offsets up to which rows are in Cassandra, and in the counts."""
POLL_SECONDS = 0.05
NUDGE_SECONDS = 5.0
LETTERS_SECONDS = 2.0
"""The applied offset is a second late; what is not applied after this may be a dead letter. Asked for
again after twice the time, and so on."""
MIN_STALLED_SECONDS = 1.0

# A signal that has the connector log a line (Debezium documentation, "Signal actions", log).
_NUDGE = "INSERT INTO walflow.signals (id, type, data) VALUES (%s, 'log', %s)"
_NUDGE_DATA = json.dumps({"message": "walflow waits until the slot is past {}"})
_NUDGED = "DELETE FROM walflow.signals WHERE id = %s"


class NotReached(CannotTell):
    """A hop did not get there in time; the sentence names it."""


class Barrier:
    """Waits for the changes of one topic, at most so many seconds each time."""

    def __init__(
        self,
        settings: Settings,
        session: Session,
        topic: str,
        seconds: float,
        progress: str = APPLIED,
    ) -> None:
        """
        Args:
            session: one whose rows are `RawRows`.
            progress: the table that tells how far each partition is.
        """
        self._settings = settings
        self._session = session
        self._topic = topic
        self._seconds = seconds
        self._done = "counted" if progress == COUNTED else "applied"
        self._progress = session.prepare(
            f"SELECT partition, applied_offset FROM {progress} WHERE topic = ?"
        )

    def wait(self, position: int) -> None:
        """Return when every change that was committed before a log position is in Cassandra.

        Args:
            position: of PostgreSQL's log, in bytes.

        Raises:
            NotReached: not within the time.
        """
        give_up = time.monotonic() + self._seconds
        self._wait_for_slot(position, give_up)
        try:
            partitions = self._partitions()
            with KafkaLog(self._settings.address("kafka"), self._topic) as log:
                for partition in partitions:
                    self._wait_for_stream(log, partition, give_up)
        except (kafka.errors.KafkaError, LogStalled) as error:
            raise NotReached(
                f"Kafka does not give the records of {self._topic}: {error!r}. See {ticked('status')}."
            ) from error

    def _wait_for_slot(self, position: int, give_up: float) -> None:
        nudge_at = 0.0
        with _writing(self._settings) as cursor:
            while (confirmed := _confirmed(cursor)) < position:
                if time.monotonic() > give_up:
                    raise NotReached(
                        f"The replication slot {SLOT} stands at {_lsn(confirmed)} after"
                        f" {self._seconds:g} s, before {_lsn(position)}: Kafka Connect has not taken"
                        f" over what PostgreSQL committed. See {ticked('connectors list')}."
                    )
                if time.monotonic() >= nudge_at:
                    _nudge(cursor)
                    nudge_at = time.monotonic() + NUDGE_SECONDS
                time.sleep(POLL_SECONDS)

    def _partitions(self) -> list[int]:
        """Those of the topic; none while the table had no change yet."""
        consumer = kafka.KafkaConsumer(bootstrap_servers=self._settings.address("kafka"))
        try:
            return sorted(consumer.partitions_for_topic(self._topic) or ())
        finally:
            consumer.close()

    def _wait_for_stream(self, log: KafkaLog, partition: int, give_up: float) -> None:
        """Until no record of a row lies between the applied offset and the present end.

        Markers of transactions, tombstones and dead letters take offsets that are never applied.
        """
        start, end = log.bounds(partition)
        letters: frozenset[int] = frozenset()
        patience = LETTERS_SECONDS
        letters_at = time.monotonic() + patience
        while True:
            applied = self._applied(log, partition)
            start = max(start, applied + 1)
            left = max(give_up - time.monotonic(), MIN_STALLED_SECONDS)
            record = _first_with_value(log, partition, start, end, left)
            if record is None:
                return
            if record.offset in letters:
                start = record.offset + 1
                continue
            if time.monotonic() > letters_at:
                letters = self._dead_letters(partition)
                patience *= 2
                letters_at = time.monotonic() + patience
                continue
            if time.monotonic() > give_up:
                raise NotReached(
                    f"The stream has not {self._done} {record.place} after {self._seconds:g} s; it"
                    f" stands at offset {applied}. See {ticked('status')} and {ticked('logs stream')}."
                )
            time.sleep(POLL_SECONDS)

    def _applied(self, log: KafkaLog, partition: int) -> int:
        """The newest applied offset, -1 for none; beyond the end it is that of an earlier topic.

        The end as it is now: while rows are written the stream soon stands behind any end of before.
        """
        (page,) = self._session.execute(self._progress, (self._topic,)).current_rows
        fields = [int.from_bytes(value or b"", "big") for value in values(page.data)]
        applied = dict(zip(fields[::2], fields[1::2], strict=True)).get(partition, -1)
        _, end = log.bounds(partition)
        return applied if applied < end else -1

    def _dead_letters(self, partition: int) -> frozenset[int]:
        """Offsets of the partition's records that became dead letters."""
        with DeadLetterTopic(self._settings) as topic:
            records = [stored.letter.record for chunk in topic.chunks() for stored in chunk]
        return frozenset(
            record.offset
            for record in records
            if (record.topic, record.partition) == (self._topic, partition)
        )


def _first_with_value(
    log: KafkaLog, partition: int, start: int, end: int, stalled_seconds: float
) -> Record | None:
    if start >= end:
        return None
    records = log.read(partition, start, end, stalled_seconds)
    return next((record for record in records if record.value is not None), None)


@contextmanager
def _writing(settings: Settings) -> Iterator[Any]:
    """A cursor that may write; each statement is a commit of its own."""
    connection = psycopg2.connect(settings.postgres_dsn())
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _nudge(cursor: Any) -> None:
    """Two commits that become records, so that the slot moves at once.

    On a quiet database it would move with the connector's next heartbeat only, and a change of a table
    that is not captured does not move it at all. A record carries the position of the last commit
    before its own: with the second one, the slot passes the first.
    """
    signal = f"walflow-position-{uuid.uuid4()}"
    cursor.execute(_NUDGE, (signal, _NUDGE_DATA))
    cursor.execute(_NUDGED, (signal,))


def _confirmed(cursor: Any) -> int:
    cursor.execute(
        "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)
    )
    row = cursor.fetchone()
    if row is None or row[0] is None:
        raise NotReached(
            f"PostgreSQL has no replication slot {SLOT}: nothing captures its changes. Create the"
            f" connector with {ticked('connectors apply')}."
        )
    return int(row[0])


def _lsn(position: int) -> str:
    """As PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
