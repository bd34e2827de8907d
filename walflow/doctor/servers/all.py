"""All servers asked at the same time; one that is away is told by name."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from walflow.capture.listing import CapturedTable, captured_tables
from walflow.doctor.servers.cassandra import CassandraCluster, read_cassandra
from walflow.doctor.servers.connect import ConnectCluster, ConnectorConfig, read_connect
from walflow.doctor.servers.kafka import KafkaCluster, Sample, read_kafka, read_samples
from walflow.doctor.servers.postgres import (
    SourceDatabase,
    SourceServer,
    read_source,
    sources,
)
from walflow.doctor.servers.registry import RegistryServer, read_registry
from walflow.doctor.servers.spark import SparkStream, read_spark
from walflow.errors import WalflowError
from walflow.settings import Settings

AT_ONCE = 12
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Away:
    """A server that does not answer, or not as it should."""

    server: str
    """As in `walflow status`, or the address of a source database."""
    sentence: str


@dataclass(frozen=True)
class Servers:
    """What the servers told; None or empty for one that is away."""

    settings: Settings
    connect: ConnectCluster | None = None
    sources: tuple[SourceServer, ...] = ()
    hidden: tuple[ConnectorConfig, ...] = ()
    """Connectors whose database only a worker of Connect can reach."""
    tables: tuple[CapturedTable, ...] = ()
    """Captured by this pipeline."""
    kafka: KafkaCluster | None = None
    samples: tuple[Sample, ...] = ()
    registry: RegistryServer | None = None
    cassandra: CassandraCluster | None = None
    spark: SparkStream | None = None
    away: tuple[Away, ...] = ()

    @property
    def connectors(self) -> tuple[ConnectorConfig, ...]:
        return self.connect.connectors if self.connect else ()

    @property
    def postgres_connectors(self) -> list[ConnectorConfig]:
        return [connector for connector in self.connectors if connector.is_postgres]


class _Answers:
    """Answers that are under way, and the servers that gave none."""

    def __init__(self) -> None:
        self.away: dict[str, str] = {}

    def of(self, server: str, future: "Future[T]") -> T | None:
        try:
            return future.result()
        except WalflowError as error:
            self.away.setdefault(server, error.sentence)
        except (ValueError, LookupError, TypeError) as error:
            # Somebody answers, and not as this server does.
            self.away.setdefault(
                server, f"{server} gives an answer that cannot be read: {error!r}."
            )
        return None


def read_all(settings: Settings) -> Servers:
    """Ask every server; raises nothing of what they answer or do not."""
    answers = _Answers()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked: Mapping[str, Future[Any]] = {
            name: pool.submit(read, settings) for name, read in _READERS.items()
        }
        tables = pool.submit(captured_tables, settings)
        samples = pool.submit(read_samples, settings)
        connect: ConnectCluster | None = answers.of("connect", asked["connect"])
        databases, hidden = sources(settings, connect.postgres if connect else ())
        read = [(_name(d), pool.submit(read_source, d)) for d in databases]
        found = [answers.of(name, future) for name, future in read]
        given = {name: answers.of(name, future) for name, future in asked.items()}
    # Those that ask two servers: which one is away has been told by then.
    either = _Answers()
    own, newest = either.of("tables", tables), either.of("samples", samples)
    return Servers(
        settings,
        connect,
        tuple(source for source in found if source is not None),
        tuple(hidden),
        tuple(own or ()),
        given["kafka"],
        tuple(newest or ()),
        given["registry"],
        given["cassandra"],
        given["stream"],
        tuple(Away(server, sentence) for server, sentence in answers.away.items()),
    )


_READERS: Mapping[str, Callable[[Settings], Any]] = {
    "connect": read_connect,
    "kafka": read_kafka,
    "registry": read_registry,
    "cassandra": read_cassandra,
    "stream": read_spark,
}


def _name(database: SourceDatabase) -> str:
    return "postgres" if database.is_ours else database.at


SERVERS: Sequence[str] = ("postgres", *_READERS)
