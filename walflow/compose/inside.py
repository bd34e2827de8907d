"""`python -m walflow.compose.inside`: what walflow does within containers.

setup                 topics, tables, roles and keyspaces, and Airflow's configuration; then it ends
spark-master, spark-worker, stream
                      become that process of Spark
restart-connectors    restart what has failed of connectors, within bounds
demo                  the demo, once all is ready
"""

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from walflow import demo
from walflow.cli.output import messages
from walflow.compose import connector_failures
from walflow.compose.health import LAST_ROUND
from walflow.connect_api import ConnectApi
from walflow.errors import ExitCode, WalflowError
from walflow.logs import configure, fields
from walflow.settings import HOME, LOOPBACK, Settings, load
from walflow.stack import airflow, cassandra, kafka, postgres, spark
from walflow.stack.connector_restarts import TIMEOUT, restart_failed
from walflow.stack.http import get_json
from walflow.stack.service import NotReady, Service

log = logging.getLogger("connector-restarts")
AIRFLOW = airflow.Folders(
    home=Path("/opt/walflow-airflow"),
    dags=Path("/opt/airflow/dags"),
    plugins=Path("/opt/airflow/plugins"),
    logs=Path("/opt/airflow/logs"),
)
"""Paths in Airflow's official image, but for `home`, a volume."""
SPARK = spark.Place(master="spark-master", worker="spark-worker", driver="stream", bind="0.0.0.0")
"""Names of services in docker-compose.yml."""
POLL_SECONDS = 0.5
TICK_SECONDS = 5.0


def setup(settings: Settings) -> None:
    """Bring topics, tables, roles and keyspaces about, by the very code of local mode."""
    for service in (kafka.broker, postgres.postgres, cassandra.cassandra):
        _until_ready(settings, service(settings))
    airflow.create_metadata_database(settings)
    airflow.write_config(settings, AIRFLOW)
    airflow.write_connections(settings, AIRFLOW)


def spark_master(settings: Settings) -> None:
    spark.prepare_master(settings)
    _become(spark.master_command(settings, SPARK), spark.master_environment(settings))


def spark_worker(settings: Settings) -> None:
    spark.prepare_worker(settings)
    _become(spark.worker_command(settings, SPARK), spark.worker_environment(settings))


def stream(settings: Settings) -> None:
    spark.prepare_stream(settings)
    unless_halted = (sys.executable, "-m", "walflow.compose.unless_halted")
    command = (*unless_halted, *spark.stream_command(settings, SPARK))
    _become(command, spark.stream_environment(settings))


def restart_connectors(settings: Settings) -> None:
    """What supervisord's listener does in local mode."""
    api = ConnectApi(f"http://{settings.address('connect')}", TIMEOUT, rebalance_seconds=0)
    bounds = settings.supervision
    configure(log, settings.logs.format)
    failures = connector_failures.file(settings)
    failures.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            for name in restart_failed(
                api, failures, bounds.max_restarts, bounds.restart_window_seconds
            ):
                log.warning("connector restarted", extra=fields(connector=name))
        except WalflowError:
            pass  # Connect is down or busy; the next round asks again
        LAST_ROUND.touch()
        time.sleep(TICK_SECONDS)


def run_demo(settings: Settings) -> None:
    """The stream is waited for by the demo itself, since its effects are."""
    conditions = {
        "connect": lambda: get_json(f"http://{settings.address('connect')}/connectors"),
        "airflow-scheduler": lambda: airflow.health(settings, "scheduler"),
        "airflow-dag-processor": lambda: airflow.health(settings, "dag_processor"),
    }
    for name, condition in conditions.items():
        _until(settings, name, condition)
    demo.run(settings, settings.ingest.users_per_run, messages)
    for line in demo.banner(_outside(settings), _commands(settings)):
        messages.print(line, highlight=False, markup=False)


def _outside(settings: Settings) -> Settings:
    """Addresses as they are on the machine; docker-compose.yml says which ports are published."""
    published = dict(pair.split("=") for pair in os.environ["PUBLISHED_PORTS"].split())
    ports = settings.ports.model_copy(update={name: int(p) for name, p in published.items()})
    hosts = settings.hosts.model_copy(
        update=dict.fromkeys(type(settings.hosts).model_fields, LOOPBACK)
    )
    return settings.model_copy(update={"ports": ports, "hosts": hosts})


def _commands(settings: Settings) -> tuple[str, ...]:
    """What to type next with nothing but Docker."""
    postgres, keyspace = settings.postgres, settings.cassandra.keyspace
    return (
        f"  docker compose exec postgres psql -U {postgres.superuser} {postgres.database}",
        f'  docker compose exec cassandra cqlsh -e "SELECT * FROM {keyspace}.created_users LIMIT 3"',
        "  docker compose ps",
        "Stop:   docker compose down            (data stays for the next `up`)",
        "Clean:  docker compose down --volumes",
    )


COMMANDS: dict[str, Callable[[Settings], None]] = {
    "setup": setup,
    "spark-master": spark_master,
    "spark-worker": spark_worker,
    "stream": stream,
    "restart-connectors": restart_connectors,
    "demo": run_demo,
}


def main(arguments: list[str]) -> int:
    try:
        if len(arguments) != 1 or arguments[0] not in COMMANDS:
            raise WalflowError(f"Say one of: {', '.join(COMMANDS)}.", ExitCode.USAGE)
        COMMANDS[arguments[0]](load())
    except WalflowError as error:
        print(f"✘ {error.sentence}", file=sys.stderr)
        return error.exit_code
    return 0


def _until_ready(settings: Settings, service: Service) -> None:
    """Wait for a server's readiness condition, then do what comes after it."""

    def look() -> None:
        service.readiness.check()
        service.after_ready()

    _until(settings, service.name, look)
    print(f"✔ {service.name} {service.readiness.condition}", flush=True)


def _until(settings: Settings, name: str, look: Callable[[], object]) -> None:
    """Repeat until it raises no `NotReady`."""
    limit = settings.supervision.start_timeout_seconds
    began = time.monotonic()
    while True:
        try:
            look()
            return
        except NotReady as reason:
            if time.monotonic() - began > limit:
                raise WalflowError(
                    f"{name} was not ready within {limit} s: {reason}", ExitCode.NOT_READY
                ) from reason
        time.sleep(POLL_SECONDS)


def _become(command: tuple[str, ...], environment: dict[str, str]) -> None:
    os.chdir(HOME)
    os.execve(command[0], command, os.environ | environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
