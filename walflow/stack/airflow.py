"""Airflow: its API server, scheduler and DAG processor, which share one configuration file."""

import configparser
import json
import os
import secrets
import subprocess
from collections.abc import Callable
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from walflow.errors import WalflowError
from walflow.settings import HOME, Settings
from walflow.stack.http import get_json
from walflow.stack.postgres import create_database
from walflow.stack.service import NotReady, Readiness, Service

AIRFLOW = HOME / ".venv-airflow" / "bin" / "airflow"
DATABASE = "airflow"


def api_server(settings: Settings) -> Service:
    port = settings.ports.of("airflow")

    def prepare() -> None:
        _write_config(settings)
        _write_passwords(settings)
        _create_database(settings)
        _migrate(settings)

    return _service(
        settings,
        "airflow-api-server",
        ("api-server", "--host", "127.0.0.1", "--port", str(port)),
        needs=("postgres",),
        readiness=Readiness("answers its health page", lambda: _health(settings)),
        ports={"airflow": port},
        url=f"http://127.0.0.1:{port}",
        prepare=prepare,
    )


def scheduler(settings: Settings) -> Service:
    return _service(
        settings,
        "airflow-scheduler",
        ("scheduler",),
        needs=("airflow-api-server", "users-api"),
        readiness=Readiness("is healthy", lambda: _health(settings, "scheduler")),
        ports={"airflow_logs": settings.ports.of("airflow_logs")},
    )


def dag_processor(settings: Settings) -> Service:
    return _service(
        settings,
        "airflow-dag-processor",
        ("dag-processor",),
        needs=("airflow-api-server",),
        readiness=Readiness("is healthy", lambda: _health(settings, "dag_processor")),
    )


def _service(
    settings: Settings,
    name: str,
    command: tuple[str, ...],
    *,
    needs: tuple[str, ...],
    readiness: Readiness,
    ports: dict[str, int] | None = None,
    url: str = "",
    prepare: Callable[[], None] = lambda: None,
) -> Service:
    return Service(
        name=name,
        command=(str(AIRFLOW), *command),
        needs=needs,
        readiness=readiness,
        ports=ports or {},
        environment=environment(settings),
        url=url,
        prepare=prepare,
    )


def environment(settings: Settings) -> dict[str, str]:
    """Environment of every Airflow process: where its configuration is, and what the DAG reads."""
    home = settings.run_dir / "data" / "airflow"
    ingest = settings.ingest
    database = f"127.0.0.1:{settings.ports.of('postgres')}/{settings.postgres.database}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
        "AIRFLOW_CONN_USERS_DB": (
            f"postgresql://users_writer:{quote(settings.postgres.writer_password, safe='')}@{database}"
        ),
        "USERS_API": ingest.users_api,
        "USERS_API_BUNDLED_URL": f"http://{settings.address('users_api')}/api/",
        "USERS_API_CONCURRENCY": str(ingest.concurrency),
        "USERS_API_REQUESTS_PER_MINUTE": str(ingest.requests_per_minute),
        "USERS_PAGE_SIZE": str(ingest.page_size),
        "USERS_PER_RUN": str(ingest.users_per_run),
        "USERS_SCHEDULE": ingest.schedule,
    }


def _health(settings: Settings, component: str = "metadatabase") -> None:
    health = get_json(f"http://{settings.address('airflow')}/api/v2/monitor/health")
    status = (health.get(component) or {}).get("status")
    if status != "healthy":
        raise NotReady(f"{component} is {status}")


def _write_config(settings: Settings) -> None:
    """Complete airflow.cfg; secrets are drawn once and kept."""
    home = settings.run_dir / "data" / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    target = home / "airflow.cfg"
    before = configparser.ConfigParser(interpolation=None)
    before.read(target)
    config = configparser.ConfigParser(interpolation=None)
    config.read(HOME / "airflow" / "airflow.cfg")
    additions = {
        ("core", "dags_folder"): HOME / "airflow" / "dags",
        ("core", "plugins_folder"): HOME / "airflow" / "plugins",
        ("core", "simple_auth_manager_users"): f"{settings.airflow.username}:admin",
        ("core", "simple_auth_manager_passwords_file"): home / "passwords.json",
        ("core", "execution_api_server_url"): f"http://{settings.address('airflow')}/execution/",
        ("api", "base_url"): f"http://{settings.address('airflow')}",
        ("api", "secret_key"): _kept(before, "api", "secret_key"),
        ("api_auth", "jwt_secret"): _kept(before, "api_auth", "jwt_secret"),
        ("database", "sql_alchemy_conn"): _metadata_url(settings, "postgresql+psycopg2"),
        ("database", "sql_alchemy_conn_async"): _metadata_url(settings, "postgresql+asyncpg"),
        ("logging", "base_log_folder"): home / "logs",
        ("logging", "worker_log_server_port"): settings.ports.of("airflow_logs"),
    }
    for (section, key), value in additions.items():
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, key, str(value).replace("%", "%%"))
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        config.write(file)


def _kept(before: configparser.ConfigParser, section: str, key: str) -> str:
    return before.get(section, key, fallback=None) or secrets.token_hex(32)


def _metadata_url(settings: Settings, driver: str) -> str:
    password = quote(settings.airflow.database_password, safe="")
    return f"{driver}://{DATABASE}:{password}@{settings.address('postgres')}/{DATABASE}"


def _write_passwords(settings: Settings) -> None:
    file = settings.run_dir / "data" / "airflow" / "passwords.json"
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as passwords:
        json.dump({settings.airflow.username: settings.airflow.password}, passwords)


def _create_database(settings: Settings) -> None:
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
