"""Which items run on which stack, how often, and what is kept of each run."""

import traceback
from collections.abc import Callable
from functools import partial

import psycopg2
from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from kafka.errors import KafkaError
from rich.console import Console

from bench.bytes_moved import cassandra_bytes
from bench.figure import Failure, Figure, Measured, merged
from bench.items import backlog, growth, ingestion, latency, sustained
from bench.measure import Backlog, fill, settle, warm_up
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


class Suite:
    """Runs groups of items, each group on a stack of its own, and keeps going when one fails."""

    def __init__(self, sizes: Sizes, runs: int, console: Console) -> None:
        self._sizes = sizes
        self._runs = runs
        self._console = console
        self.measured = Measured()
        self.failures: list[Failure] = []

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

    # Groups, each of one stack or one stack a size.

    def pipeline(self) -> None:
        """Snapshot, latency and sustained loads of the pipeline as it ships."""
        sizes = self._sizes
        with stack(Shape()) as running:
            self.measured.figures.append(_start_up(running))
            self.measured.facts["start-up seconds"] = running.start_seconds
            once = partial(self.item, runs=1)  # a table is there for the first time once
            once("snapshot", lambda: backlog.snapshot(running, sizes.snapshot_rows))
            warm_up(running, sizes.warm_up_seconds)
            for rate in sizes.rates:
                self.item(
                    f"latency.{rate}",
                    partial(latency.measure, running, rate, sizes.latency_seconds),
                )
            seconds = sizes.sustained_seconds
            self.item("sustained.100-row", lambda: sustained.hundred(running, seconds))
            self.item("sustained.single-row", lambda: sustained.single(running, seconds))
            self.item("sustained.mixed", lambda: sustained.mixed(running, seconds))

    def rows(self) -> None:
        """Rows of 50 columns and of 20 KB."""
        seconds = self._sizes.sustained_seconds
        with stack(Shape(tables=sustained.TABLES)) as running:
            running.connect()
            warm_up(running, self._sizes.warm_up_seconds)
            self.item("sustained.wide", lambda: sustained.wide_rows(running, seconds))
            self.item("sustained.large", lambda: sustained.large_rows(running, seconds))

    def drains(self) -> None:
        """Limits, and one backlog in Kafka applied by the pipeline and by each of its peers."""
        sizes = self._sizes
        once = partial(
            self.item, runs=1
        )  # a slot is drained once, and what is captured is captured
        with stack(Shape(), WITHOUT_STREAM) as running:
            running.connect()
            running.await_captured()
            running.pause_capture()
            with slot.slot(running):
                waiting = fill(running, sizes.backlog_events)
                once("limit.slot", lambda: slot.measure(running, sizes.backlog_events))
            once("limit.debezium", lambda: to_kafka.throughput(running, waiting))
            running.await_captured()
            self.item(
                "limit.cassandra", lambda: cassandra_alone.measure(running, sizes.peer_events)
            )
            self._drain_by_stream(running, waiting, "drain", "this pipeline", 15_000.0, 25_000.0)
            self._cassandra_bytes(running, waiting)
            self._drain_by_peers(running, waiting)
        with stack(Shape(trigger="micro-batch"), WITHOUT_STREAM) as running:
            running.connect()
            waiting = backlog.load_into_kafka(running, sizes.peer_events)
            self._drain_by_stream(running, waiting, "drain.micro-batch", MICRO)

    def peers(self) -> None:
        """Latency of what else could stand between PostgreSQL and Cassandra."""
        seconds = self._sizes.latency_seconds
        with stack(Shape(), WITHOUT_STREAM) as running:
            running.connect()
            running.await_captured()
            self.item("latency of Kafka", lambda: to_kafka.latency(running, PEER_RATE, seconds))
            plain = plain_consumer.PlainConsumer(running)
            self._latency_of(running, plain.start, plain.stop, plain_consumer.NAME)
            self._latency_of_tutorial(running)
        with stack(Shape(trigger="micro-batch")) as running:
            running.connect()
            warm_up(running, self._sizes.warm_up_seconds)
            self.item(
                f"latency of {MICRO}",
                partial(latency.measure, running, PEER_RATE, seconds, MICRO),
            )

    def ingestion(self) -> None:
        """The users API into PostgreSQL, by the DAG's code: a user a request, and larger pages."""
        with stack(Shape(), ("postgres",)) as running:
            for page_size in (1, 100):
                self.item(
                    f"ingestion.{page_size}",
                    partial(ingestion.measure, running, self._sizes.requests, page_size),
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
        if sizes.partitions:
            once(
                "growth by partitions",
                lambda: growth.by_partitions(sizes.partitions, sizes.growth_events),
            )
        if sizes.tables:
            once("growth by tables", lambda: growth.by_tables(sizes.tables, sizes.growth_events))

    def _drain_by_stream(
        self,
        running: Stack,
        waiting: Backlog,
        name: str,
        who: str,
        goal: float | None = None,
        stretch: float | None = None,
    ) -> None:
        self.item(
            name,
            lambda: backlog.measure(
                running,
                waiting,
                name,
                f"{who}: drain of {waiting.events} events from Kafka",
                lambda: running.up(["stream"]),
                lambda: running.stop("stream"),
                goal,
                stretch,
            ),
        )

    def _drain_by_peers(self, running: Stack, waiting: Backlog) -> None:
        plain = plain_consumer.PlainConsumer(running)
        self.item(
            "drain.plain",
            lambda: backlog.measure(
                running,
                waiting,
                "drain.plain",
                f"{plain_consumer.NAME}: the same drain",
                plain.start,
                plain.stop,
            ),
        )

        def by_tutorial() -> Measured:
            job = tutorial.TutorialJob(running)
            return backlog.measure(
                running,
                waiting,
                "drain.tutorial",
                f"{tutorial.NAME}: the same drain",
                job.start,
                job.stop,
            )

        self.item("drain.tutorial", by_tutorial)

    def _latency_of(
        self, running: Stack, start: Callable[[], object], stop: Callable[[], object], name: str
    ) -> None:
        def measure() -> Measured:
            start()
            try:
                settle(running)
                return latency.measure(running, PEER_RATE, self._sizes.latency_seconds, name)
            finally:
                stop()

        self.item(f"latency of {name}", measure)

    def _latency_of_tutorial(self, running: Stack) -> None:
        def measure() -> Measured:
            job = tutorial.TutorialJob(running)
            job.start()
            try:
                settle(running)
                return latency.measure(
                    running, PEER_RATE, self._sizes.latency_seconds, tutorial.NAME
                )
            finally:
                job.stop()

        self.item(f"latency of {tutorial.NAME}", measure)

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
    "pipeline": Suite.pipeline,
    "rows": Suite.rows,
    "drains": Suite.drains,
    "peers": Suite.peers,
    "ingestion": Suite.ingestion,
    "growth": Suite.growth,
}
