"""`pipeline.toml` with its environment overrides, as one frozen, validated object."""

import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from walflow.errors import ExitCode, WalflowError

HOME = Path(__file__).resolve().parent.parent
SETTINGS_FILE = HOME / "pipeline.toml"
ENV_PREFIX = "WALFLOW_"

Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[int, Field(ge=1)]
Host = Annotated[str, Field(min_length=1)]
LOOPBACK = "127.0.0.1"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ports(Section):
    offset: Annotated[int, Field(ge=0, le=30000)]
    zookeeper: Port
    kafka: Port
    registry: Port
    connect: Port
    postgres: Port
    cassandra: Port
    cassandra_storage: Port
    spark_master: Port
    spark_master_ui: Port
    spark_worker_ui: Port
    spark_ui: Port
    airflow: Port
    airflow_logs: Port
    users_api: Port
    monitor: Port
    kafka_metrics: Port
    connect_metrics: Port
    cassandra_metrics: Port
    control_center: Port
    prometheus: Port
    grafana: Port

    def of(self, name: str) -> int:
        """The port that the service `name` really listens on: its setting plus the offset."""
        port: int = getattr(self, name)
        return port + self.offset


class Hosts(Section):
    """Where commands and the stream look for each server; local mode has all on 127.0.0.1."""

    kafka: Host
    registry: Host
    connect: Host
    postgres: Host
    cassandra: Host
    airflow: Host
    users_api: Host


class Paths(Section):
    run: str


class Supervision(Section):
    max_restarts: Annotated[int, Field(ge=0, le=40)]
    restart_window_seconds: Positive
    start_timeout_seconds: Positive
    log_max_megabytes: Positive
    log_backups: Annotated[int, Field(ge=0)]
    min_free_disk_gigabytes: Annotated[int, Field(ge=0)]


class HeapMegabytes(Section):
    zookeeper: Positive
    kafka: Positive
    registry: Positive
    connect: Positive
    cassandra: Positive
    spark_master: Positive
    spark_worker: Positive
    spark_driver: Positive
    spark_executor: Positive


class Metrics(Section):
    jmx: bool


class Logs(Section):
    format: Literal["logfmt", "json"]


class Postgres(Section):
    database: str
    superuser: str
    superuser_password: str
    capture_password: str
    writer_password: str
    max_slot_wal_keep_size_megabytes: Positive


class Airflow(Section):
    username: str
    password: str
    database_password: str


class Ingest(Section):
    users_api: Annotated[str, Field(pattern=r"^(auto|bundled|https?://.+)$")]
    users_per_run: Annotated[int, Field(ge=1, le=1_000_000)]
    schedule: str
    page_size: Annotated[int, Field(ge=1, le=5000)]
    concurrency: Annotated[int, Field(ge=1, le=1024)]
    requests_per_minute: Annotated[int, Field(ge=0)]


class Topics(Section):
    prefix: str
    partitions: Positive
    replication: Positive
    dead_letters: str


class Cassandra(Section):
    keyspace: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    replication_factor: Positive
    consistency: Literal["LOCAL_ONE", "ONE", "LOCAL_QUORUM", "QUORUM", "ALL"]


class TableSettings(Section):
    """What differs from the default for one table; columns by their names in PostgreSQL."""

    target: Annotated[str, Field(pattern=r"^([^.]+\.)?[^.]*$")] = ""
    """`keyspace.table` or `table` in Cassandra."""
    partition_key: tuple[str, ...] = ()
    clustering_key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    """Only these; empty: all."""
    exclude: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    timestamps: Literal["millis", "micros"] = "millis"
    """millis: CQL timestamp. micros: bigint, microseconds since 1970, which loses nothing."""
    mask: dict[str, Annotated[str, Field(pattern=r"^(hash|redact|truncate:[1-9]\d*)$")]] = {}


class AggregateSettings(Section):
    """Live counts of a captured table's rows by groups."""

    table: Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$")]
    """`schema.table` in PostgreSQL."""
    group_by: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")],
            Annotated[
                str,
                Field(pattern=r"^([^(),]+|last_part\([^(),]+\)|first\([^(),]+, *[1-9]\d{0,2}\))$"),
            ],
        ],
        Field(min_length=1),
    ]
    """Column of the counts → a column of the table, or a part of one; in the order of the key."""


class Masking(Section):
    key: Annotated[str, Field(min_length=1)]


class Stream(Section):
    trigger: Literal["real-time", "micro-batch"]
    batch_seconds: Annotated[int, Field(ge=5)]
    max_offsets_per_trigger: Positive
    slots: Positive
    keep_counts: bool
    aggregate_seconds: Positive
    group_rows: Positive
    group_kilobytes: Annotated[int, Field(ge=1, le=50)]
    groups_in_flight: Positive
    pending_rows: Positive
    write_retry_seconds: Positive
    schema_confirm_seconds: Annotated[int, Field(ge=0, le=300)]
    dead_letter_policy: Literal["topic", "halt"]


class Settings(BaseSettings):
    """Every setting of the pipeline. Field names are those of `pipeline.toml`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
    )

    mode: Literal["local", "compose"]
    hosts: Hosts
    ports: Ports
    paths: Paths
    supervision: Supervision
    heap_megabytes: HeapMegabytes
    metrics: Metrics
    logs: Logs
    postgres: Postgres
    airflow: Airflow
    ingest: Ingest
    topics: Topics
    cassandra: Cassandra
    masking: Masking
    stream: Stream
    tables: dict[Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$")], TableSettings] = {}
    """`schema.table` in PostgreSQL → what differs from the default."""
    aggregates: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")], AggregateSettings
    ] = {}
    """Table of `cassandra.keyspace` → what it counts."""

    @property
    def kept_aggregates(self) -> dict[str, AggregateSettings]:
        """Those that are kept: none where stream.keep_counts is off."""
        return self.aggregates if self.stream.keep_counts else {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, TomlConfigSettingsSource(settings_cls, SETTINGS_FILE)

    @property
    def run_dir(self) -> Path:
        """Absolute path of the directory for data, logs and rendered configuration."""
        return (HOME / self.paths.run).resolve()

    @property
    def source_topic(self) -> str:
        """Topic of `public.created_users`, by Debezium's `<prefix>.<schema>.<table>` rule."""
        return f"{self.topics.prefix}.public.created_users"

    def address(self, port_name: str) -> str:
        """`<host>:<port>` of the service that `port_name` belongs to."""
        return f"{getattr(self.hosts, port_name, LOOPBACK)}:{self.ports.of(port_name)}"

    def postgres_dsn(self, database: str | None = None) -> str:
        """libpq connection string of the superuser."""
        return (
            f"host={self.hosts.postgres} port={self.ports.of('postgres')}"
            f" dbname={database or self.postgres.database}"
            f" user={self.postgres.superuser} password={self.postgres.superuser_password}"
            " connect_timeout=5"
        )


@cache
def load() -> Settings:
    """Read `pipeline.toml` and the environment.

    Raises:
        WalflowError: naming file, line and key of each setting that is wrong.
    """
    if not SETTINGS_FILE.is_file():
        raise WalflowError(f"{SETTINGS_FILE} is missing.", ExitCode.USAGE)
    _reject_unknown_overrides()
    try:
        return Settings()  # type: ignore[call-arg]  # the fields come from the sources
    except tomllib.TOMLDecodeError as error:
        where = f"{SETTINGS_FILE}:{_line_of_syntax_error(error)}"
        raise WalflowError(f"{where}: this is not TOML: {error}.", ExitCode.USAGE) from error
    except SettingsError as error:  # WALFLOW_<SECTION>, without a key, would have to hold JSON
        raise WalflowError(
            f"Environment variable {ENV_PREFIX}…: {error}.", ExitCode.USAGE
        ) from error
    except ValidationError as error:
        sentences = [_sentence(e["loc"], e["msg"], e.get("input")) for e in error.errors()]
        raise WalflowError("\n".join(sentences), ExitCode.USAGE) from error


def _reject_unknown_overrides() -> None:
    """A mistyped section would otherwise be passed over in silence."""
    for name in os.environ:
        if name.startswith(ENV_PREFIX) and "__" in name:
            section = name.removeprefix(ENV_PREFIX).split("__")[0].lower()
            if section not in Settings.model_fields:
                known = ", ".join(Settings.model_fields)
                raise WalflowError(
                    f"The environment variable {name} names no section of pipeline.toml;"
                    f" the sections are {known}.",
                    ExitCode.USAGE,
                )


def place_of(*location: int | str) -> str:
    """Where a setting comes from: the environment variable that overrides it, or file and line."""
    variable = ENV_PREFIX + "__".join(str(part).upper() for part in location)
    if variable in os.environ:
        return f"environment variable {variable}"
    return f"{SETTINGS_FILE}:{_line_of(location)}"


def _sentence(location: tuple[int | str, ...], message: str, value: Any) -> str:
    key = ".".join(str(part) for part in location)
    shown = "" if isinstance(value, dict) else f" (it is {value!r})"
    return f"{place_of(*location)}: {key}: {message}{shown}."


def _line_of_syntax_error(error: tomllib.TOMLDecodeError) -> int:
    """Python 3.11 tells the line within the message only, and none for the end of the file."""
    line = re.search(r"at line (\d+)", str(error))
    return int(line[1]) if line else len(SETTINGS_FILE.read_text().splitlines())


def _line_of(location: tuple[int | str, ...]) -> int:
    """Line number of a key, or of its section where the key itself is missing."""
    section, line_of_section = "", 1
    for number, line in enumerate(SETTINGS_FILE.read_text().splitlines(), start=1):
        text = line.strip()
        if text.startswith("["):
            section = text.lstrip("[").split("]")[0].strip()
            if section == location[0]:
                line_of_section = number
        elif section == location[0] and text.split("=")[0].strip() == str(location[-1]):
            return number
    return line_of_section
