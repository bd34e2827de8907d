"""All services of local mode, in the order in which a person reads the pipeline."""

from collections.abc import Iterable, Mapping

from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack import (
    airflow,
    cassandra,
    connect,
    kafka,
    monitor,
    postgres,
    registry,
    spark,
    users_api,
)
from walflow.stack.service import Service
from walflow.stack.zookeeper import zookeeper


def services(settings: Settings) -> dict[str, Service]:
    """Name → service; a service comes after those that it needs."""
    ordered = (
        users_api.users_api(settings),
        postgres.postgres(settings),
        airflow.api_server(settings),
        airflow.scheduler(settings),
        airflow.dag_processor(settings),
        zookeeper(settings),
        kafka.broker(settings),
        registry.registry(settings),
        connect.connect(settings),
        cassandra.cassandra(settings),
        spark.master(settings),
        spark.worker(settings),
        spark.stream(settings),
        monitor.monitor(settings),
    )
    return {service.name: service for service in ordered}


def with_needs(known: Mapping[str, Service], names: Iterable[str]) -> list[Service]:
    """The named services and all that they need, in start order; all of them for no names.

    Raises:
        WalflowError: a name is unknown.
    """
    wanted: set[str] = set()

    def add(name: str) -> None:
        if name not in known:
            raise WalflowError(
                f"There is no service {name}. The services are: {', '.join(known)}.",
                ExitCode.USAGE,
            )
        wanted.add(name)
        for need in (*known[name].needs, *known[name].beside):
            add(need)

    for name in names:
        add(name)
    return [service for name, service in known.items() if not wanted or name in wanted]
