"""Airflow: its API server, scheduler and DAG processor, which share one configuration file."""

import configparser
import json
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from walflow.errors import WalflowError
from walflow.settings import HOME, Settings
from walflow.stack.http import get_json
from walflow.stack.postgres import create_database
from walflow.stack.service import YIELDING, NotReady, Readiness, Service

AIRFLOW = HOME / ".venv-airflow" / "bin" / "airflow"
DATABASE = "airflow"
_PREPARING = threading.Lock()
CONNECTION = "users_db"
"""Airflow's name for the DAG's target."""


@dataclass(frozen=True)
class Folders:
    """Where Airflow's processes find things; `home` is where walflow writes the configuration."""

    home: Path
    dags: Path
    plugins: Path
    logs: Path


def folders(settings: Settings) -> Folders:
    """Those of local mode."""
    home = settings.run_dir / "data" / "airflow"
    return Folders(home, HOME / "airflow" / "dags", HOME / "airflow" / "plugins", home / "logs")


def api_server(settings: Settings) -> Service:
    port = settings.ports.of("airflow")
    return _service(
        settings,
        "airflow-api-server",
        ("api-server", "--host", "127.0.0.1", "--port", str(port)),
        needs=("postgres",),
        readiness=Readiness("answers its health page", lambda: health(settings)),
        ports={"airflow": port},
        url=f"http://127.0.0.1:{port}",
    )


def scheduler(settings: Settings) -> Service:
    return _service(
        settings,
        "airflow-scheduler",
        ("scheduler",),
        needs=("postgres", "users-api"),
        beside=("airflow-api-server",),
        readiness=Readiness("is healthy", lambda: health(settings, "scheduler")),
        ports={"airflow_logs": settings.ports.of("airflow_logs")},
    )


def dag_processor(settings: Settings) -> Service:
    return _service(
        settings,
        "airflow-dag-processor",
        ("dag-processor",),
        needs=("postgres",),
        beside=("airflow-api-server",),
        readiness=Readiness("is healthy", lambda: health(settings, "dag_processor")),
    )


def _service(
    settings: Settings,
    name: str,
    command: tuple[str, ...],
    *,
    needs: tuple[str, ...],
    beside: tuple[str, ...] = (),
    readiness: Readiness,
    ports: dict[str, int] | None = None,
    url: str = "",
) -> Service:
    return Service(
        name=name,
        # It computes for seconds at its start and for every run.
        command=(*YIELDING, str(AIRFLOW), *command),
        needs=needs,
        beside=beside,
        readiness=readiness,
        ports=ports or {},
        environment=environment(settings),
        url=url,
        prepare=lambda: _prepare(settings),
    )


def _prepare(settings: Settings) -> None:
    """What the three processes share: their configuration and the metadata database."""
    with _PREPARING:
        write_config(settings, folders(settings))
        create_metadata_database(settings)
        _migrate(settings)


def environment(settings: Settings) -> dict[str, str]:
    """Environment of every Airflow process: where its configuration is, and what the DAG reads."""
    home = folders(settings).home
    ingest = settings.ingest
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
        f"AIRFLOW_CONN_{CONNECTION.upper()}": users_connection(settings),
        "USERS_API": ingest.users_api,
        "USERS_API_BUNDLED_URL": f"http://{settings.address('users_api')}/api/",
        "USERS_API_CONCURRENCY": str(ingest.concurrency),
        "USERS_API_REQUESTS_PER_MINUTE": str(ingest.requests_per_minute),
        "USERS_PAGE_SIZE": str(ingest.page_size),
        "USERS_PER_RUN": str(ingest.users_per_run),
        "USERS_SCHEDULE": ingest.schedule,
    }


def users_connection(settings: Settings) -> str:
    """Airflow's connection `users_db`, as a URL."""
    password = quote(settings.postgres.writer_password, safe="")
    address = settings.address("postgres")
    return f"postgresql://users_writer:{password}@{address}/{settings.postgres.database}"


def health(settings: Settings, component: str = "metadatabase") -> None:
    """Raises NotReady: a component is not healthy by Airflow's own word."""
    told = get_json(f"http://{settings.address('airflow')}/api/v2/monitor/health")
    status = (told.get(component) or {}).get("status")
    if status != "healthy":
        raise NotReady(f"{component} is {status}")


def write_config(settings: Settings, places: Folders) -> None:
    """Complete airflow.cfg, and write the passwords beside it; secrets are drawn once and kept."""
    places.home.mkdir(parents=True, exist_ok=True)
    target, passwords = places.home / "airflow.cfg", places.home / "passwords.json"
    before = configparser.ConfigParser(interpolation=None)
    before.read(target)
    config = configparser.ConfigParser(interpolation=None)
    config.read(HOME / "airflow" / "airflow.cfg")
    additions = {
        ("core", "dags_folder"): places.dags,
        ("core", "plugins_folder"): places.plugins,
        ("core", "simple_auth_manager_users"): f"{settings.airflow.username}:admin",
        ("core", "simple_auth_manager_passwords_file"): passwords,
        ("core", "execution_api_server_url"): f"http://{settings.address('airflow')}/execution/",
        ("api", "base_url"): f"http://{settings.address('airflow')}",
        ("api", "secret_key"): _kept(before, "api", "secret_key"),
        ("api_auth", "jwt_secret"): _kept(before, "api_auth", "jwt_secret"),
        ("database", "sql_alchemy_conn"): _metadata_url(settings, "postgresql+psycopg2"),
        ("database", "sql_alchemy_conn_async"): _metadata_url(settings, "postgresql+asyncpg"),
        ("logging", "base_log_folder"): places.logs,
        ("logging", "worker_log_server_port"): settings.ports.of("airflow_logs"),
    }
    for (section, key), value in additions.items():
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, key, str(value).replace("%", "%%"))
    with _private(target) as file:
        config.write(file)
    with _private(passwords) as file:
        json.dump({settings.airflow.username: settings.airflow.password}, file)


def write_connections(settings: Settings, places: Folders) -> None:
    """A file of connections, for Airflow's LocalFilesystemBackend."""
    with _private(places.home / "connections.json") as file:
        json.dump({CONNECTION: users_connection(settings)}, file)


@contextmanager
def _private(path: Path) -> Iterator[IO[str]]:
    """A file that its owner alone may read, and that nobody sees half written."""
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        yield file
    new.replace(path)


def _kept(before: configparser.ConfigParser, section: str, key: str) -> str:
    return before.get(section, key, fallback=None) or secrets.token_hex(32)


def _metadata_url(settings: Settings, driver: str) -> str:
    password = quote(settings.airflow.database_password, safe="")
    return f"{driver}://{DATABASE}:{password}@{settings.address('postgres')}/{DATABASE}"


def create_metadata_database(settings: Settings) -> None:
    """Make the role and the database of Airflow's metadata where they are missing."""
    connection = psycopg2.connect(settings.postgres_dsn("postgres"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (DATABASE,))
            verb = "CREATE" if cursor.fetchone() is None else "ALTER"
            cursor.execute(
                sql.SQL(f"{verb} ROLE {{}} LOGIN PASSWORD {{}}").format(
                    sql.Identifier(DATABASE), sql.Literal(settings.airflow.database_password)
                )
            )
    finally:
        connection.close()
    create_database(settings, DATABASE, owner=DATABASE)


def _migrate(settings: Settings) -> None:
    """Bring the metadata database to Airflow's version; skipped where it has been done."""
    mark = settings.run_dir / "data" / "airflow" / "migrated"
    lock = (HOME / "requirements" / "airflow.txt").read_text()
    version = next(line for line in lock.splitlines() if line.startswith("apache-airflow=="))
    if mark.exists() and mark.read_text() == version:
        return
    result = subprocess.run(
        [AIRFLOW, "db", "migrate"],
        env=os.environ | environment(settings),
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise WalflowError(f"`airflow db migrate` failed:\n{tail}")
    mark.write_text(version)
