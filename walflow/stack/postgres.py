"""PostgreSQL: the source database, and Airflow's metadata beside it."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import psycopg2

from walflow.errors import WalflowError
from walflow.install.jars import DEPS
from walflow.settings import HOME, Settings
from walflow.stack.service import NotReady, Readiness, Service
from walflow.stack.unprivileged import Account, account


def postgres(settings: Settings) -> Service:
    port = settings.ports.of("postgres")
    run_as = account(settings)
    programs = run_as.home / "dist"
    data = run_as.home / "data"
    wal_limit = settings.postgres.max_slot_wal_keep_size_megabytes

    def prepare() -> None:
        _lay_out(run_as, programs)
        if not (data / "PG_VERSION").exists():
            _initialise(settings, run_as, programs, data)
        shutil.copyfile(HOME / "postgres" / "postgresql.conf", data / "postgresql.conf")
        os.chown(data / "postgresql.conf", run_as.uid, run_as.gid)

    def check() -> None:
        try:
            connection = psycopg2.connect(settings.postgres_dsn("postgres"))
        except psycopg2.OperationalError as error:
            raise NotReady(str(error).strip()) from error
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW wal_level")
                level = cursor.fetchone()
        finally:
            connection.close()
        if level != ("logical",):
            raise NotReady(f"wal_level is {level}, not logical")

    return Service(
        name="postgres",
        command=(
            *(str(programs / "bin" / "postgres"), "-D", str(data)),
            *("-c", f"port={port}"),
            *("-c", "listen_addresses=127.0.0.1"),
            *("-c", f"max_slot_wal_keep_size={wal_limit}MB"),
        ),
        readiness=Readiness("answers SQL with wal_level = logical", check),
        ports={"postgres": port},
        user=run_as.user,
        # SIGINT is PostgreSQL's fast shutdown: open sessions are ended, nothing is lost.
        stop_signal="INT",
        url=f"postgresql://{settings.postgres.superuser}@127.0.0.1:{port}/{settings.postgres.database}",
        prepare=prepare,
        after_ready=lambda: apply_schema(settings),
    )


def apply_schema(settings: Settings) -> None:
    """Create database, tables, roles and publication where they are missing.

    Raises:
        WalflowError: PostgreSQL refused a statement of postgres/*.sql.
    """
    secrets = settings.postgres
    options = (
        f"-c walflow.capture_password={_escaped(secrets.capture_password)}"
        f" -c walflow.writer_password={_escaped(secrets.writer_password)}"
    )
    create_database(settings, secrets.database)
    connection = psycopg2.connect(settings.postgres_dsn(), options=options)
    try:
        for file in ("schema.sql", "roles.sql"):
            with connection, connection.cursor() as cursor:
                cursor.execute((HOME / "postgres" / file).read_text())
    except psycopg2.Error as error:
        raise WalflowError(f"PostgreSQL refused {HOME / 'postgres' / file}: {error}") from error
    finally:
        connection.close()


def create_database(settings: Settings, name: str, owner: str | None = None) -> None:
    """Create a database unless it is there; CREATE DATABASE knows no IF NOT EXISTS."""
    connection = psycopg2.connect(settings.postgres_dsn("postgres"))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                owned = f' OWNER "{owner}"' if owner else ""
                cursor.execute(f'CREATE DATABASE "{name}"{owned}')
    finally:
        connection.close()


def _escaped(value: str) -> str:
    """A value within libpq's `options`, where a space separates and a backslash escapes."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _lay_out(run_as: Account, programs: Path) -> None:
    """Unpack the programs where the account can run them."""
    run_as.home.mkdir(parents=True, exist_ok=True)
    os.chown(run_as.home, run_as.uid, run_as.gid)
    archive = DEPS / "postgres" / "postgres-linux-x86_64.txz"
    mark = programs / ".unpacked"
    wanted = f"{archive.stat().st_size} {archive.stat().st_mtime_ns}"
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(programs, ignore_errors=True)
    with tarfile.open(archive) as content:
        # Filters came with Python 3.11.4, and Debian has 3.11.2 (tarfile, "Supporting older Python").
        content.extraction_filter = getattr(tarfile, "tar_filter", lambda member, _path: member)
        content.extractall(programs)
    mark.write_text(wanted)


def _initialise(settings: Settings, run_as: Account, programs: Path, data: Path) -> None:
    """Make a data directory under another name first: an interruption leaves none half-made."""
    unfinished = data.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=run_as.home) as password_file:
        password_file.write(settings.postgres.superuser_password)
        password_file.flush()
        os.chown(password_file.name, run_as.uid, run_as.gid)
        command = [
            *(programs / "bin" / "initdb", "--pgdata", unfinished, "--encoding=UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *("--auth=scram-sha-256", f"--username={settings.postgres.superuser}"),
            f"--pwfile={password_file.name}",
        ]
        identity = {} if run_as.user is None else {"user": run_as.uid, "group": run_as.gid}
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=run_as.home,
            **identity,  # type: ignore[call-overload]
        )
    if result.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise WalflowError(f"initdb could not make {data}: {result.stderr.strip()}")
    unfinished.rename(data)
