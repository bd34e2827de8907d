"""The main job, step by step, each step believed only when it is seen in Cassandra."""

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from rich.console import Console

from walflow.advice import program, ticked
from walflow.aggregates import aggregates_of
from walflow.airflow_api import AirflowApi
from walflow.capture.connector import require_agreement, with_added_tables
from walflow.connect_api import USERS_CONNECTOR, ConnectApi, read_connector
from walflow.errors import WalflowError
from walflow.settings import Settings
from walflow.stack.registry import confluent_url
from walflow.users_table import Row, UsersTable, users_table

SEEN_SECONDS = 120
INGEST_SECONDS_PER_USER = 0.01
INGEST_SECONDS = 300
POLL_SECONDS = 0.002
COUNTS_POLL_SECONDS = 0.2
GROUPS_SHOWN = 4


def run(settings: Settings, users: int, console: Console) -> None:
    """Take users through the pipeline, then an update and a delete.

    Raises:
        WalflowError: names the first step whose effect was not seen in Cassandra.
    """
    show = _Steps(console)
    _connector(settings, show)
    with users_table(settings) as table:
        _ingest(settings, users, table, show)
        user = table.a_user()
        _update(table, user, show)
        _delete(table, user, show)
        _counts(settings, table, show)


class _Steps:
    def __init__(self, console: Console) -> None:
        self._console = console

    def title(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/bold]", highlight=False)

    def seen(self, text: str) -> None:
        self._console.print(f"[green]✔[/green] {text}", highlight=False)

    def row(self, label: str, row: Row | None) -> None:
        shown = "(no row)" if row is None else ", ".join(f"{k}={v}" for k, v in row.items())
        self._console.print(f"  {label}: {shown}", style="dim", highlight=False, markup=False)


def _connector(settings: Settings, show: _Steps) -> None:
    show.title("Debezium captures created_users")
    api = ConnectApi(f"http://{settings.address('connect')}")
    connector = with_added_tables(api, read_connector(USERS_CONNECTOR))
    require_agreement(settings, connector, str(USERS_CONNECTOR))
    outcome = api.apply(connector, str(USERS_CONNECTOR))
    show.seen(f"connector users {outcome}, RUNNING")


def _ingest(settings: Settings, users: int, table: UsersTable, show: _Steps) -> None:
    show.title("Airflow's DAG user_automation writes users into PostgreSQL")
    limit = INGEST_SECONDS + users * INGEST_SECONDS_PER_USER
    run = AirflowApi(settings).run(users, limit)
    show.seen(f"users API: {run.source} ({run.source_reason})")
    show.seen(
        f"{run.fetched} users fetched: {run.inserted} inserted, {run.updated} updated,"
        f" {run.unchanged} unchanged, {run.set_aside} set aside"
    )
    show.seen(
        f"{table.source_count()} users in PostgreSQL, those of earlier and scheduled runs included"
    )
    seconds = _until("all users of PostgreSQL are in Cassandra", lambda: _counts_agree(table))
    show.seen(f"{table.target_count()} users in Cassandra, {seconds * 1000:.0f} ms later")


def _counts_agree(table: UsersTable) -> bool:
    """The DAG's schedule may add users meanwhile: both sides are counted anew each time."""
    return table.target_count() == table.source_count()


def _update(table: UsersTable, user: UUID, show: _Steps) -> None:
    show.title(f"UPDATE of user {user} in PostgreSQL")
    show.row("before", table.target_row(user))
    phone = f"changed {time.strftime('%H:%M:%S')}"
    table.update_phone(user, phone)

    def is_new() -> bool:
        row = table.target_row(user)
        return row is not None and row["phone"] == phone

    seconds = _until(f"the new phone of user {user} is in Cassandra", is_new)
    show.row("after ", table.target_row(user))
    show.seen(f"the new phone is in Cassandra, {seconds * 1000:.0f} ms after the commit")


def _delete(table: UsersTable, user: UUID, show: _Steps) -> None:
    show.title(f"DELETE of user {user} in PostgreSQL")
    table.delete(user)
    seconds = _until(f"user {user} is gone from Cassandra", lambda: table.target_row(user) is None)
    show.row("after ", table.target_row(user))
    show.seen(f"gone from Cassandra, {seconds * 1000:.0f} ms after the commit")


def _counts(settings: Settings, table: UsersTable, show: _Steps) -> None:
    """The live counts of users, if pipeline.toml declares any."""
    for aggregate in aggregates_of(settings):
        if aggregate.source != "public.created_users":
            continue
        show.title(f"Spark counts users in {aggregate.target}")
        _until(
            "the counts add up to the users of PostgreSQL",
            lambda name=aggregate.name: sum(table.counts(name).values()) == table.source_count(),  # type: ignore[misc]
            COUNTS_POLL_SECONDS,
        )
        largest = sorted(table.counts(aggregate.name).items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{' '.join(group)} {count}" for group, count in largest[:GROUPS_SHOWN])
        show.seen(f"{len(largest)} groups, the largest: {shown}")


def commands(settings: Settings) -> tuple[str, ...]:
    """What to type next, where walflow is installed: look around, then stop and clean."""
    postgres = settings.postgres
    psql = (
        f"psql postgresql://{postgres.superuser}:{postgres.superuser_password}"
        f"@{settings.address('postgres')}/{postgres.database}"
    )
    cqlsh = f".venv/bin/cqlsh 127.0.0.1 {settings.ports.of('cassandra')}"
    walflow = f".venv/bin/{program()}"
    return (
        f"  {psql}",
        f'  {cqlsh} -e "SELECT * FROM {settings.cassandra.keyspace}.created_users LIMIT 3"',
        f"  {walflow} status",
        f"Stop:   {walflow} down          (data stays for the next `up`)",
        f"Clean:  {walflow} down --wipe",
    )


def banner(settings: Settings, next_commands: Sequence[str]) -> tuple[str, ...]:
    """Where to look, what to try, how to stop."""
    airflow, spark = settings.airflow, settings.address("spark_ui")
    control_center = (
        (f"  Control Center   http://{settings.address('control_center')}  (but for `minimal`)",)
        if settings.mode == "compose"
        else ()
    )
    return (
        "",
        "The pipeline is running:",
        f"  Monitor          http://{settings.address('monitor')}"
        f"  ({ticked('monitor')} prints the link that allows changes)",
        f"  Airflow          http://{settings.address('airflow')}"
        f"  ({airflow.username}/{airflow.password})",
        f"  Kafka Connect    http://{settings.address('connect')}/connectors?expand=status",
        f"  Schema Registry  {confluent_url(settings)}/subjects",
        f"  Spark            master http://{settings.address('spark_master_ui')}"
        f"  worker http://{settings.address('spark_worker_ui')}  stream http://{spark}",
        *control_center,
        f"  Kafka            {settings.address('kafka')}",
        f"  PostgreSQL       {settings.address('postgres')}",
        f"  Cassandra        {settings.address('cassandra')}",
        "",
        "Look around:",
        *next_commands,
    )


def _until(what: str, is_so: Callable[[], bool], poll_seconds: float = POLL_SECONDS) -> float:
    """Seconds until a condition holds."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > SEEN_SECONDS:
            raise WalflowError(
                f"Not seen within {SEEN_SECONDS} s: {what}. {ticked('status')} and"
                f" {ticked('logs stream')} tell where it stopped."
            )
        time.sleep(poll_seconds)
    return time.monotonic() - began
