"""The limit of the capture: Debezium → Kafka alone, as a read_committed consumer sees it."""

import threading
import time
from uuid import UUID

import kafka
from kafka import TopicPartition

from bench.failure import CannotMeasure
from bench.figure import HIGHER, Figure, Measured
from bench.items.latency import distribution, figures
from bench.measure import PATIENCE_SECONDS, SENDERS, Backlog, inserting, new_run
from bench.rows import USERS, key
from bench.schedule import Schedule
from bench.sender import BEGIN_IN_SECONDS, send_on_schedule
from bench.stack import Stack
from change_stream.schemas import SchemaRegistry
from walflow.stack.registry import confluent_url

NAME = "Debezium → Kafka alone"
POLL_SECONDS = 0.02
POLL_MS = 5


def throughput(stack: Stack, backlog: Backlog) -> Measured:
    """Resume the stopped connector in front of a backlog in PostgreSQL; over when Kafka lets all of it
    be read.
    """
    samples = _Samples(stack)
    began = time.monotonic()
    thread = threading.Thread(target=samples.run, daemon=True)
    thread.start()
    try:
        stack.resume_capture()
        stack.await_captured()
    finally:
        samples.ended.set()
        thread.join()
    first, last = samples.bounds()
    return Measured(
        [
            Figure(
                "limit.debezium",
                f"limit: {NAME}, {backlog.events} events in 100-row transactions, readable by"
                " read_committed",
                "events/s",
                (round(backlog.events / (last - first), 1),),
                HIGHER,
            )
        ],
        facts={"limit.debezium": {"seconds_to_first_event": round(first - began, 2)}},
    )


class _Samples:
    """How many offsets of the topic are readable, again and again; markers of transactions included."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._points: list[tuple[float, int]] = []
        self.ended = threading.Event()

    def run(self) -> None:
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=self._stack.settings.address("kafka"),
            isolation_level="read_committed",
        )
        partitions = consumer.partitions_for_topic(self._stack.topic()) or set()
        places = [TopicPartition(self._stack.topic(), p) for p in partitions]
        try:
            while not self.ended.wait(POLL_SECONDS):
                readable = sum(consumer.end_offsets(places).values())
                self._points.append((time.monotonic(), readable))
        finally:
            consumer.close()

    def bounds(self) -> tuple[float, float]:
        """When the number last stood where it began, and when it first stood where it ended.

        Raises:
            CannotMeasure: it did not rise.
        """
        least, most = self._points[0][1], self._points[-1][1]
        if least == most:
            raise CannotMeasure(f"{NAME}: no event became readable in Kafka.")
        first = max(at for at, readable in self._points if readable == least)
        return first, min(at for at, readable in self._points if readable == most)


def latency(stack: Stack, rate: int, seconds: int) -> Measured:
    """When each commit was due → handed out by a read_committed consumer. All commits count.

    Raises:
        CannotMeasure: not all came.
    """
    schedule = Schedule(rate, seconds)
    run = new_run("to-kafka")
    numbers = {key(run, n): n for n in range(schedule.count)}
    reading = _Reading(stack, numbers)
    thread = threading.Thread(target=reading.run, daemon=True)
    thread.start()
    reading.ready.wait()
    began = time.monotonic() + BEGIN_IN_SECONDS
    prepare, transaction = inserting(USERS, run, 1)
    send_on_schedule(stack.dsn, schedule, SENDERS, prepare, transaction, began)
    thread.join(PATIENCE_SECONDS)
    if thread.is_alive() or reading.failure:
        raise CannotMeasure(f"{NAME}: {len(reading.seen)} of {schedule.count} events were read.")
    latencies = [1000 * (at - began - schedule.due(n)) for n, at in reading.seen.items()]
    return Measured(figures(latencies, rate, NAME), [distribution(latencies, rate, NAME)])


class _Reading:
    """A consumer that notes when it was handed each row of a run."""

    def __init__(self, stack: Stack, numbers: dict[UUID, int]) -> None:
        self._stack = stack
        self._numbers = numbers
        self._registry = SchemaRegistry(confluent_url(stack.settings), 30.0)
        self.seen: dict[int, float] = {}
        self.ready = threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=self._stack.settings.address("kafka"),
            isolation_level="read_committed",
            group_id=None,
            fetch_max_wait_ms=POLL_MS,
        )
        try:
            ends = self._stack.readable()
            consumer.assign([TopicPartition(self._stack.topic(), p) for p in ends])
            for partition, end in ends.items():
                consumer.seek(TopicPartition(self._stack.topic(), partition), end)
            self.ready.set()
            while len(self.seen) < len(self._numbers):
                handed = consumer.poll(timeout_ms=1000)
                at = time.monotonic()
                for records in handed.values():
                    for record in records:
                        identifier = UUID(self._registry.decode(record.key)[1]["id"])
                        if (number := self._numbers.get(identifier)) is not None:
                            self.seen[number] = at
        except Exception as error:  # told by the thread that waits
            self.failure = error
        finally:
            self.ready.set()
            consumer.close()
