"""Which items run on which stack, how often, and what is kept of each run."""

import traceback
from collections.abc import Callable
from functools import partial
from typing import Protocol

import psycopg2
from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from kafka.errors import KafkaError
from rich.console import Console

from bench.bytes_moved import cassandra_bytes
from bench.figure import Failure, Figure, Measured, merged
from bench.items import backlog, growth, ingestion, latency, sustained
from bench.measure import Backlog, drain, fill, warm_up
from bench.peers import cassandra_alone, plain_consumer, slot, to_kafka
from bench.peers.tutorial import peer as tutorial
from bench.ratios import PEER_RATE
from bench.sizes import Sizes
from bench.stack import SOURCE_SIDE, STREAM_SIDE, Shape, Stack, stack
from walflow.errors import WalflowError

REFUSALS = (psycopg2.Error, DriverException, NoHostAvailable, KafkaError, OSError)
"""What a server that is away or overloaded raises: a failed item, no fault of the benchmark."""
WITHOUT_STREAM = (*SOURCE_SIDE, *(name for name in STREAM_SIDE if name != "stream"))
MICRO = "micro-batch trigger"


class Consumer(Protocol):
    """What takes the topic's records to Cassandra, from the first one on."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def require_alive(self) -> None:
        """Raises CannotMeasure: it has died."""


class _Stream:
    """The stream of the stack, restarted by its supervisor where it dies."""

    def __init__(self, running: Stack) -> None:
        self._running = running

    def start(self) -> None:
        self._running.up(["stream"])

    def stop(self) -> None:
        self._running.stop("stream")

    def require_alive(self) -> None:
        return


class Suite:
    """Runs groups of items, each group on a stack of its own, and keeps going when one fails."""

    def __init__(self, sizes: Sizes, runs: int, console: Console) -> None:
        self._sizes = sizes
        self._runs = runs
        self._console = console
        self.measured = Measured()
        self.failures: list[Failure] = []
        self.tried: set[str] = set()
        """Groups and items, by the names under which they fail."""

    def run_group(self, name: str) -> None:
        self._console.print(f"\n[bold]{name}[/bold]")
        self._attempt(name, lambda: GROUPS[name](self))

    def item(self, name: str, step: Callable[[], Measured], runs: int | None = None) -> None:
        """Run an item as often as it is to be and keep all its runs' figures."""

        def measure() -> None:
            done = [step() for _ in range(runs or self._runs)]
            figures = merged([each.figures for each in done])
            for figure in figures:
                self._console.print(
                    f"✔ {figure.what}: {figure.spread.median:,.1f} {figure.unit}", highlight=False
                )
            self.measured.figures += figures
            for each in done:
                self.measured.series += each.series
                self.measured.facts |= each.facts

        self._attempt(name, measure)

    def _attempt(self, name: str, step: Callable[[], None]) -> None:
        self.tried.add(name)
        try:
            step()
        except WalflowError as error:
            self._fail(name, error.sentence)
        except REFUSALS as error:
            self._fail(name, f"{type(error).__name__}: {str(error).strip()}")
        except (
            Exception
        ) as error:  # a fault of the benchmark: its row fails, the others still count
            self._console.print(traceback.format_exc(), style="dim", markup=False)
            self._fail(name, f"{type(error).__name__}: {error}")

    def _fail(self, name: str, sentence: str) -> None:
        self._console.print(f"✘ {name}: {sentence}", style="red", markup=False)
        self.failures.append(Failure(name, sentence))

    # Groups, each on a stack of its own or, for growth, on several.

    def snapshot(self) -> None:
        """Rows that were there before the connector."""
        with stack(Shape()) as running:
            self._snapshot(running)

    def latency(self) -> None:
        """Commit → visible, at each rate, once Java has compiled what it compiles."""
        with stack(Shape()) as running:
            running.connect()
            warm_up(running, self._sizes.warm_up_seconds)
            self._latency(running)

    def main(self) -> None:
        """The pipeline as it ships, its limits, and its peers on the same data, one after another."""
        with stack(Shape()) as running:
            self.measured.figures.append(_start_up(running))
            self.measured.facts["start-up seconds"] = running.start_seconds
            self._pipeline(running)
            running.stop("stream")
            waiting = self._limits(running)
            self._consumer(
                running, waiting, "drain", "this pipeline", _Stream(running), *backlog.DRAIN_GOALS
            )
            plain = plain_consumer.PlainConsumer(running)
            self._consumer(running, waiting, "drain.plain", plain_consumer.NAME, plain)
            if self._sizes.whole:
                self._rest(running, waiting)

    def _rest(self, running: Stack, waiting: Backlog) -> None:
        """What takes long to start or needs a backlog of some size."""
        self._cassandra_bytes(running, waiting)
        with running.micro_batches():
            self._consumer(running, waiting, "drain.micro-batch", MICRO, _Stream(running))
        self._consumer(
            running, waiting, "drain.tutorial", tutorial.NAME, tutorial.TutorialJob(running)
        )
        self._rows(running)

    def _pipeline(self, running: Stack) -> None:
        """Snapshot, latency and sustained loads."""
        sizes, seconds = self._sizes, self._sizes.sustained_seconds
        self._snapshot(running)
        warm_up(running, sizes.warm_up_seconds)
        self._latency(running)
        self.item("sustained.100-row", lambda: sustained.hundred(running, seconds))
        self.item("sustained.single-row", lambda: sustained.single(running, seconds))
        self.item("sustained.mixed", lambda: sustained.mixed(running, seconds))
        if sizes.whole:
            again = partial(backlog.snapshot_again, running, sizes.snapshot_rows)
            self.item("snapshot.again", again, runs=1)

    def _snapshot(self, running: Stack) -> None:
        snapshot = partial(backlog.snapshot, running, self._sizes.snapshot_rows)
        self.item("snapshot", snapshot, runs=1)  # there is one first time

    def _latency(self, running: Stack) -> None:
        for rate in self._sizes.rates:
            measure = partial(latency.measure, running, rate, self._sizes.latency_seconds)
            self.item(f"latency.{rate}", measure)

    def _limits(self, running: Stack) -> Backlog:
        """Each station by itself; leaves a backlog in Kafka."""
        sizes = self._sizes
        kafka_alone = partial(to_kafka.latency, running, PEER_RATE, sizes.peer_latency_seconds)
        self.item("latency of Kafka", kafka_alone)
        self.item("limit.cassandra", lambda: cassandra_alone.measure(running, sizes.peer_events))
        running.start_over()
        running.pause_capture()
        with slot.slot(running):
            waiting = fill(running, sizes.backlog_events)
            self.item("limit.slot", lambda: slot.measure(running, waiting.events), runs=1)
        self.item("limit.debezium", lambda: to_kafka.throughput(running, waiting), runs=1)
        running.await_captured()
        return waiting

    def _consumer(
        self,
        running: Stack,
        waiting: Backlog,
        key: str,
        name: str,
        consumer: Consumer,
        goal: float | None = None,
        stretch: float | None = None,
    ) -> None:
        """What applies changes: a drain of the backlog, once, and, for a peer, latency behind it."""

        def measure() -> Measured:
            running.empty_target()
            what = f"{name}: drain of {waiting.events} events from Kafka"
            try:
                drained = drain(running, waiting, consumer.start, check=consumer.require_alive)
                measured = backlog.of(drained, key, what, goal, stretch)
                if goal is None:
                    seconds = self._sizes.peer_latency_seconds
                    measured.add(latency.measure(running, PEER_RATE, seconds, name))
            finally:
                consumer.stop()
            return measured

        self.item(key, measure, runs=1)

    def _rows(self, running: Stack) -> None:
        """Rows of 50 columns and of 20 KB."""
        seconds = self._sizes.sustained_seconds
        running.capture(sustained.TABLES)
        running.up(["stream"])
        warm_up(running, seconds)
        self.item("sustained.wide", lambda: sustained.wide_rows(running, seconds))
        self.item("sustained.large", lambda: sustained.large_rows(running, seconds))

    def ingestion(self) -> None:
        """The users API into PostgreSQL, by the DAG's code: a user a request, and larger pages."""
        with stack(Shape(), ("postgres",)) as running:
            for page_size, requests in (
                (1, self._sizes.requests),
                (100, self._sizes.requests // 10),
            ):
                self.item(
                    f"ingestion.{page_size}",
                    partial(ingestion.measure, running, requests, page_size),
                )

    def growth(self) -> None:
        """Time and memory over partitions, tables, row width and backlog."""
        sizes = self._sizes
        once = partial(self.item, runs=1)
        tables = growth.width_tables(sizes.widths)
        with stack(Shape(slots=2 + 2 * len(tables), tables=tables), WITHOUT_STREAM) as running:
            running.connect()
            running.await_captured()
            once("growth by backlog", lambda: growth.by_backlog(running, sizes.backlogs))
            once(
                "growth by row width",
                lambda: growth.by_width(running, tables, sizes.growth_events),
            )
        once(
            "growth by partitions",
            lambda: growth.by_partitions(sizes.partitions, sizes.growth_events),
        )
        once("growth by tables", lambda: growth.by_tables(sizes.tables, sizes.growth_events))

    def _cassandra_bytes(self, running: Stack, waiting: Backlog) -> None:
        """Stop Cassandra, which writes its memory to files, look, and start it again."""

        def measure() -> Measured:
            running.stop("cassandra")
            size = cassandra_bytes(running)
            running.up(["cassandra"])
            per_event = round(size / waiting.events, 1)
            return Measured(
                [
                    Figure(
                        "bytes.cassandra", "Cassandra's files per row (lz4)", "bytes", (per_event,)
                    )
                ]
            )

        self.item("bytes.cassandra", measure, runs=1)


def _start_up(running: Stack) -> Figure:
    return Figure(
        "start-up",
        "the stack without Airflow, from nothing to ready",
        "s",
        (round(running.up_seconds, 1),),
    )


GROUPS: dict[str, Callable[[Suite], None]] = {
    "ingestion": Suite.ingestion,
    "main": Suite.main,
    "growth": Suite.growth,
    "latency": Suite.latency,
    "snapshot": Suite.snapshot,
}
WHOLE = ("ingestion", "main", "growth")
"""What has each item once."""
WITHIN_FIVE_MINUTES = ("ingestion", "main")
"""Growth takes a stack for each shape, so that --quick runs it only where it is named."""
