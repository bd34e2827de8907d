"""The stack that is measured: the benchmark's own, on ports and in a folder of its own."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import kafka
import psycopg2
from cassandra.cluster import Session
from kafka import TopicPartition
from kafka.admin import NewTopic

from bench.failure import CannotMeasure
from bench.rows import USERS, Table
from bench.watcher import Place
from walflow.capture import include_list
from walflow.connect_api import USERS_CONNECTOR, ConnectApi, Connector, read_connector
from walflow.settings import Settings
from walflow.stack import lifecycle
from walflow.stack.cassandra import cluster
from walflow.stack.catalogue import services, with_needs
from walflow.stack.lifecycle import Events
from walflow.stack.service import Service
from walflow.stack.supervision import Supervisor
from walflow.verify.target import Arc

OWN = {
    "WALFLOW_INGEST__USERS_API": "bundled",
    "WALFLOW_INGEST__SCHEDULE": "none",
    # The rows' way alone: counting takes its part of the processor beside it (docs/aggregation.md).
    "WALFLOW_STREAM__KEEP_COUNTS": "false",
}
"""What differs from pipeline.toml."""
PORTS_OFFSET = "22000"
"""Unless the environment has another."""
SOURCE_SIDE = ("postgres", "zookeeper", "kafka", "registry", "connect")
STREAM_SIDE = ("cassandra", "spark-master", "spark-worker", "stream")
BEAT = (
    "INSERT INTO walflow.heartbeat VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET beat_at = now()"
)
"""The connector's own action query: a change that moves the slot."""
SETTLE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Shape:
    """What a stack must have for an item; items of the same shape share one."""

    partitions: int = 2
    slots: int = 8
    trigger: str = "real-time"
    tables: tuple[Table, ...] = ()
    """Captured beside created_users from the beginning."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "WALFLOW_TOPICS__PARTITIONS": str(self.partitions),
            "WALFLOW_STREAM__SLOTS": str(self.slots),
            "WALFLOW_STREAM__TRIGGER": self.trigger,
        }


@dataclass
class Stack:
    """A running stack of a shape."""

    shape: Shape
    settings: Settings
    tables: list[Table] = field(default_factory=list)
    """Captured beside created_users."""
    start_seconds: dict[str, float] = field(default_factory=dict)
    """Service → seconds from its start to ready, as far as this benchmark started it."""
    up_seconds: float = 0.0

    @property
    def dsn(self) -> str:
        return self.settings.postgres_dsn()

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.settings)

    def topic(self, table: Table = USERS) -> str:
        return f"{self.settings.topics.prefix}.public.{table.name}"

    def place(self, table: Table = USERS) -> Place:
        settings = self.settings
        return Place(
            settings.hosts.cassandra,
            settings.ports.of("cassandra"),
            settings.cassandra.keyspace,
            table.name,
        )

    def up(self, names: Iterable[str]) -> None:
        """Start services, with what they need, and note how long each took."""
        began = time.monotonic()

        def ready(service: Service, seconds: float, was_up: bool) -> None:
            if not was_up:
                self.start_seconds[service.name] = round(seconds, 1)

        lifecycle.up(self.settings, with_needs(services(self.settings), names), Events(ready=ready))
        self.up_seconds = time.monotonic() - began

    def stop(self, name: str) -> None:
        self.supervisor.stop(name)

    @contextmanager
    def cassandra(self) -> Iterator[Session]:
        with cluster(self.settings) as connected:
            yield connected.connect(self.settings.cassandra.keyspace)

    def sql(self, *statements: str) -> None:
        """Statements in PostgreSQL, each a transaction of its own."""
        connection = psycopg2.connect(self.dsn)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def value(self, query: str) -> int:
        """The one number that a query on PostgreSQL gives."""
        connection = psycopg2.connect(self.dsn)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                row = cursor.fetchone()
        finally:
            connection.close()
        assert row is not None
        return int(row[0] or 0)

    def create(self, tables: Iterable[Table]) -> None:
        """Make tables in PostgreSQL and their topics in Kafka, before anything captures them."""
        for table in tables:
            self.sql(
                table.create,
                f"GRANT SELECT ON {table.name} TO walflow_capture",
                f"ALTER PUBLICATION walflow ADD TABLE {table.name}",
            )
            self.make_topic(table, self.settings.topics.partitions)
            self.tables.append(table)

    def create_targets(self, tables: Iterable[Table]) -> None:
        """Make their tables in Cassandra, for those who look for rows before the first has come.

        Only with their key: the stream adds the columns.
        """
        if not tables:
            return
        with self.cassandra() as session:
            for table in tables:
                session.execute(f'CREATE TABLE "{table.name}" (id uuid PRIMARY KEY)', timeout=60)

    def make_topic(self, table: Table, partitions: int) -> None:
        admin = kafka.KafkaAdminClient(bootstrap_servers=self.settings.address("kafka"))
        try:
            admin.create_topics([NewTopic(self.topic(table), partitions, 1)])
        finally:
            admin.close()

    def capture(self, tables: Iterable[Table]) -> None:
        """Begin to capture further tables, which are empty. The stream must not run."""
        wanted = list(tables)
        self.create(wanted)
        self.create_targets(wanted)
        self.connect()

    def connect(self) -> None:
        """Create the connector, or give it further tables; returns once it and its task run."""
        connector = read_connector(USERS_CONNECTOR)
        config: Mapping[str, str] = connector.config | {
            "topic.creation.default.partitions": str(self.settings.topics.partitions)
        }
        for table in self.tables:
            config = include_list.with_table(config, f"public.{table.name}")
        self.connect_api.apply(Connector(connector.name, dict(config)), str(USERS_CONNECTOR))

    @property
    def connect_api(self) -> ConnectApi:
        return ConnectApi(f"http://{self.settings.address('connect')}")

    def pause_capture(self) -> None:
        self.connect_api.stop("users")

    def resume_capture(self) -> None:
        self.connect_api.resume("users")

    def forget_capture(self) -> None:
        """The connector, which is stopped, begins with a snapshot when it is resumed."""
        self.connect_api.delete_offsets("users")
        self.sql("SELECT pg_drop_replication_slot('walflow')")

    def readable(self, table: Table = USERS) -> dict[int, int]:
        """Partition → the offset up to which a read_committed consumer may read (exclusive)."""
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=self.settings.address("kafka"), isolation_level="read_committed"
        )
        try:
            topic = self.topic(table)
            partitions = consumer.partitions_for_topic(topic) or set()
            ends = consumer.end_offsets([TopicPartition(topic, p) for p in partitions])
        finally:
            consumer.close()
        return {place.partition: int(end) for place, end in ends.items()}

    def await_captured(self) -> None:
        """Wait until Kafka has what PostgreSQL has committed so far.

        Raises:
            CannotMeasure: the slot does not get there.
        """
        target = self.value("SELECT pg_current_wal_insert_lsn() - '0/0'")
        # A change of a captured table moves the slot's confirmed position at the next poll.
        give_up = time.monotonic() + SETTLE_SECONDS
        while True:
            self.sql(BEAT)
            confirmed = self.value(
                "SELECT coalesce(max(confirmed_flush_lsn - '0/0'), 0) FROM pg_replication_slots"
                " WHERE slot_name = 'walflow'"
            )
            if confirmed >= target:
                return
            if time.monotonic() > give_up:
                raise CannotMeasure(
                    "Debezium did not take over what PostgreSQL had committed within"
                    f" {SETTLE_SECONDS} s."
                )
            time.sleep(0.2)

    @contextmanager
    def micro_batches(self) -> Iterator[None]:
        """The stream, when it is started next, has the micro-batch trigger. It must not run."""
        before = self.settings
        with _environment({"WALFLOW_STREAM__TRIGGER": "micro-batch"}):
            self.settings = Settings()  # type: ignore[call-arg]  # the fields come from the sources
            try:
                yield
            finally:
                self.settings = before

    def start_over(self) -> None:
        """Take created_users' rows and records away on every station. The stream must not run."""
        self.sql("TRUNCATE created_users")
        self.await_captured()
        ends = {TopicPartition(self.topic(), p): end for p, end in self.readable().items()}
        admin = kafka.KafkaAdminClient(bootstrap_servers=self.settings.address("kafka"))
        try:
            admin.delete_records(ends)
        finally:
            admin.close()
        self.empty_target()

    def empty_target(self, table: Table = USERS) -> None:
        """Forget what was applied: the rows, and where the stream's query stands. It must not run."""
        with self.cassandra() as session:
            keyspace = session.cluster.metadata.keyspaces[self.settings.cassandra.keyspace]
            if table.name in keyspace.tables:
                session.execute(f'TRUNCATE "{table.name}"', timeout=60)
            session.execute("TRUNCATE walflow.stream_progress", timeout=60)
        shutil.rmtree(self.settings.run_dir / "data" / "checkpoint", ignore_errors=True)

    def rows_in_target(self, table: Table = USERS) -> int:
        """All rows of the table in Cassandra, counted by a read of each.

        Range by range: a count of a million rows at once takes longer than Cassandra allows a read.
        """
        with self.cassandra() as session:
            count = session.prepare(
                f'SELECT count(*) FROM "{table.name}" WHERE token(id) > ? AND token(id) <= ?'
            )
            return sum(
                int(session.execute(count, bounds, timeout=60).one()[0])
                for bounds in Arc().ranges()
            )


@contextmanager
def stack(shape: Shape, wanted: Iterable[str] = (*SOURCE_SIDE, *STREAM_SIDE)) -> Iterator[Stack]:
    """A fresh stack of a shape, without Airflow; stopped and wiped at the end whatever happens.

    Args:
        wanted: services to start at once; a benchmark may start others later.
    """
    with _environment(OWN | _place() | shape.environment):
        settings = Settings()  # type: ignore[call-arg]  # the fields come from the sources
        lifecycle.down(settings)
        lifecycle.wipe(settings)
        running = Stack(shape, settings)
        try:
            first = [name for name in wanted if name in ("postgres", "kafka")]
            began = time.monotonic()
            if shape.tables:
                running.up(first)
                running.create(shape.tables)
            running.up(wanted)
            running.create_targets(shape.tables)
            running.up_seconds = time.monotonic() - began
            yield running
        finally:
            lifecycle.down(settings)
            lifecycle.wipe(settings)


def _place() -> dict[str, str]:
    """Ports and folder. The folder is never that of another stack, since it is wiped."""
    run = os.environ.get("WALFLOW_PATHS__RUN", ".run")
    return {
        "WALFLOW_PORTS__OFFSET": os.environ.get("WALFLOW_PORTS__OFFSET", PORTS_OFFSET),
        "WALFLOW_PATHS__RUN": f"{run}-bench",
    }


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables for this process and what it starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
