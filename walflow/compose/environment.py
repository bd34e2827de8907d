"""What docker-compose.yml takes from pipeline.toml as variables, and `.env` with their defaults.

`.venv/bin/python -m walflow.compose.environment` writes `.env` anew.
"""

import tomllib
from collections.abc import Iterator

from walflow.settings import ENV_PREFIX, HOME, SETTINGS_FILE, Settings
from walflow.stack.spark import SLOTS_OF_COUNTS

ENV_FILE = HOME / ".env"
PROJECT = "COMPOSE_PROJECT_NAME"
PROFILES = "COMPOSE_PROFILES"
CONTROL_CENTER = "control-center"
MINIMAL = "minimal"
MONITORING = "monitoring"
TAKEN = {
    "ports": (
        *("kafka", "registry", "connect", "postgres", "cassandra", "spark_master_ui"),
        *("spark_worker_ui", "spark_ui", "airflow", "users_api", "monitor", "control_center"),
        *("prometheus", "grafana"),
    ),
    "heap_megabytes": ("zookeeper", "kafka", "registry", "connect", "cassandra"),
    "metrics": ("jmx",),
    "postgres": (
        *("database", "superuser", "superuser_password", "capture_password", "writer_password"),
        "max_slot_wal_keep_size_megabytes",
    ),
    "airflow": ("username", "password", "database_password"),
    "ingest": (
        *("users_api", "users_per_run", "schedule", "page_size", "concurrency"),
        "requests_per_minute",
    ),
}
"""Section → keys. What else pipeline.toml says, containers read from the file itself."""

SPARK_WORKER = f"{ENV_PREFIX}SPARK_WORKER_MEGABYTES"
"""Memory limit of the container of Spark's worker, its executor and the Python processes of that."""
SLOT_MEGABYTES = 96
"""For the Python process of a task: 74 MB of its own were measured with 26 of them."""
OUTSIDE_HEAPS_MEGABYTES = 320
"""For what two Java processes take beside their heaps."""

TITLES = {
    "ports": "Ports on this machine, 127.0.0.1 only.",
    "heap_megabytes": "Java heaps, MB; the stream's are read from pipeline.toml.",
    "metrics": "Whether Kafka, Connect and Cassandra show their MBeans to Prometheus.",
    "postgres": "PostgreSQL. The passwords are demo defaults.",
    "airflow": "Airflow's page and its metadata database. Demo defaults too.",
    "ingest": "What the DAG user_automation does.",
}
INTRODUCTION = f"""\
# Defaults of docker-compose.yml, with the names of walflow's overrides. Written from pipeline.toml by
# `.venv/bin/python -m walflow.compose.environment`; a test fails if it differs. The shell's variables
# come before these, and so does what `walflow --mode compose` passes on. Other secrets: in the shell, or
# in a file of your own, `docker compose --env-file FILE up`.

# Names of containers and volumes begin with this.
{PROJECT}=walflow
# {CONTROL_CENTER}: with Confluent's Control Center. {MINIMAL}: without.
# {MONITORING}: with Prometheus and Grafana too; several are separated by commas.
{PROFILES}={CONTROL_CENTER}
"""


def project(settings: Settings) -> str:
    """Name of the Compose project: one per run directory, as in local mode."""
    suffix = settings.run_dir.name.removeprefix(".run")
    kept = "".join(c for c in suffix.lower() if c.isalnum() or c in "-_")
    return f"walflow{kept}"


def variables(settings: Settings) -> dict[str, str]:
    """What Compose is given in its environment; ports with the offset."""
    found = {PROJECT: project(settings)}
    for section, keys in TAKEN.items():
        for key in keys:
            value = (
                settings.ports.of(key)
                if section == "ports"
                else getattr(getattr(settings, section), key)
            )
            found[variable(section, key)] = _text(value)
    heaps, slots = settings.heap_megabytes, settings.stream.slots
    limit = spark_worker_megabytes(heaps.spark_worker, heaps.spark_executor, slots)
    found[SPARK_WORKER] = str(limit)
    return found


def spark_worker_megabytes(worker_heap: int, executor_heap: int, slots: int) -> int:
    """The memory limit of Spark's worker; with less, its tasks are killed again and again.

    Args:
        worker_heap: of the worker, MB.
        executor_heap: of its executor, MB.
        slots: `stream.slots`.
    """
    processes = (slots + SLOTS_OF_COUNTS) * SLOT_MEGABYTES
    return worker_heap + executor_heap + OUTSIDE_HEAPS_MEGABYTES + processes


def variable(section: str, key: str) -> str:
    """The name of a setting's environment variable."""
    return f"{ENV_PREFIX}{section}__{key}".upper()


def env_file() -> str:
    """`.env` as it should be."""
    return INTRODUCTION + "".join(_sections())


def _sections() -> Iterator[str]:
    shipped = tomllib.loads(SETTINGS_FILE.read_text())
    for section, keys in TAKEN.items():
        yield f"\n# {TITLES[section]}\n"
        for key in keys:
            yield f"{variable(section, key)}={_text(shipped[section][key])}\n"
    heaps, slots = shipped["heap_megabytes"], shipped["stream"]["slots"]
    limit = spark_worker_megabytes(heaps["spark_worker"], heaps["spark_executor"], slots)
    yield (
        "\n# Memory limit of Spark's worker, MB: it follows from stream.slots and two of heap_megabytes."
        f" Each\n# slot more takes {SLOT_MEGABYTES}.\n{SPARK_WORKER}={limit}\n"
    )


def _text(value: object) -> str:
    """As pipeline.toml and the compose file write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    ENV_FILE.write_text(env_file())
    print(f"wrote {ENV_FILE.relative_to(HOME)}")
