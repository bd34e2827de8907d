"""Spark master and worker, and the stream submitted to them."""

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC
from importlib.util import find_spec
from pathlib import Path

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable

from walflow.errors import ExitCode, WalflowError
from walflow.install.jars import class_path
from walflow.install.prerequisites import java_home
from walflow.settings import ENV_PREFIX, HOME, LOOPBACK, Settings
from walflow.stack.cassandra import cluster
from walflow.stack.http import get_json
from walflow.stack.jvm import ASIDE, LIGHT, class_archive
from walflow.stack.registry import confluent_url
from walflow.stack.service import NotReady, Readiness, Service
from walflow.stack.unix_sockets import fitting


def _home() -> Path:
    """PySpark's folder, found without an import, which takes 0.2 s."""
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise WalflowError(
            "PySpark is missing. Install what is missing with: make install", ExitCode.NOT_READY
        )
    return Path(found.origin).parent


SPARK_HOME = _home()
_LOGGING = f"-Dlog4j2.configurationFile=file:{HOME / 'spark' / 'log4j2.properties'}"
SPARK_CLASS = str(SPARK_HOME / "bin" / "spark-class")
EXECUTOR = "executor"
"""Under which name the log of the stream's tasks is asked for."""
LOCAL = {"SPARK_LOCAL_IP": LOOPBACK}
"""Environment variable by which Spark's processes listen on this machine only."""
READ_BY_STREAM = (
    "aggregates",
    "cassandra",
    "logs",
    "masking",
    "stream",
    "supervision",
    "tables",
    "topics",
)
"""Sections of pipeline.toml."""
SLOTS_OF_COUNTS = 2
BYTES_OF_SOCKET = len("/.00000000-0000-0000-0000-000000000000.sock")
RECOVERY_SECONDS = 10
OFFERED = 8
"""How many executors the worker has room for by its own account. It has one, as the application takes no
more (spark.cores.max); but the master may count one for ever that is gone, and the next application
needs room beside that (spark/change_stream/executor_watch.py)."""


@dataclass(frozen=True)
class Place:
    """Hosts of Spark's processes: by which they find each other, and on which the driver listens."""

    master: str = LOOPBACK
    worker: str = LOOPBACK
    driver: str = LOOPBACK
    bind: str = LOOPBACK


HERE = Place()


def master_command(settings: Settings, place: Place = HERE) -> tuple[str, ...]:
    port, ui = settings.ports.of("spark_master"), settings.ports.of("spark_master_ui")
    return (
        *(SPARK_CLASS, "org.apache.spark.deploy.master.Master"),
        *("--host", place.master, "--port", str(port), "--webui-port", str(ui)),
    )


def worker_command(settings: Settings, place: Place = HERE) -> tuple[str, ...]:
    return (
        *(SPARK_CLASS, "org.apache.spark.deploy.worker.Worker"),
        *("--host", place.worker, "--webui-port", str(settings.ports.of("spark_worker_ui"))),
        # More slots than cores: a real-time task keeps its slot and mostly waits.
        *("--cores", str(OFFERED * _slots(settings))),
        *("--memory", f"{OFFERED * (settings.heap_megabytes.spark_executor + 256)}m"),
        *("--work-dir", str(_work(settings))),
        _master_url(settings, place),
    )


def stream_command(settings: Settings, place: Place = HERE) -> tuple[str, ...]:
    heaps, jars = settings.heap_megabytes, class_path("spark")
    options = {
        "spark.ui.port": settings.ports.of("spark_ui"),
        "spark.driver.host": place.driver,
        "spark.driver.bindAddress": place.bind,
        "spark.driver.memory": f"{heaps.spark_driver}m",
        "spark.executor.memory": f"{heaps.spark_executor}m",
        "spark.cores.max": _slots(settings),
        "spark.executor.cores": _slots(settings),
        "spark.pyspark.python": sys.executable,
        "spark.python.unix.domain.socket.dir": _sockets(settings),
        "spark.sql.warehouse.dir": settings.run_dir / "data" / "spark-warehouse",
        "spark.executor.extraJavaOptions": " ".join(
            (_LOGGING, *ASIDE, *class_archive("spark-executor"))
        ),
        "spark.executor.extraClassPath": jars,
        "spark.executorEnv.PYTHONPATH": f"{HOME / 'spark'}:{HOME}",
    }
    return (
        str(SPARK_HOME / "bin" / "spark-submit"),
        *("--master", _master_url(settings, place)),
        *("--properties-file", str(HOME / "spark" / "spark-defaults.conf")),
        *("--driver-java-options", " ".join((_LOGGING, *LIGHT, *class_archive("stream")))),
        *("--driver-class-path", jars),
        *(part for key, value in options.items() for part in ("--conf", f"{key}={value}")),
        str(HOME / "spark" / "stream.py"),
    )


def master_environment(settings: Settings) -> dict[str, str]:
    """A master that is started again takes up the stream and its executor from its folder.

    A driver registers once: to a master that has forgotten it, it stays without executors for good, and
    the master ends the executors that it does not know. What is no more itself is given up after ten
    seconds, in which nothing is started (org.apache.spark.deploy.master.Master, completeRecovery).
    """
    options = {
        "recoveryMode": "FILESYSTEM",
        "recoveryDirectory": _known(settings),
        "recoveryTimeout": f"{RECOVERY_SECONDS}s",
    }
    return _environment(settings, settings.heap_megabytes.spark_master, "spark-master") | {
        "SPARK_MASTER_OPTS": " ".join(f"-Dspark.deploy.{k}={v}" for k, v in options.items())
    }


def worker_environment(settings: Settings) -> dict[str, str]:
    return _environment(settings, settings.heap_megabytes.spark_worker, "spark-worker") | {
        "SPARK_WORKER_OPTS": "-Dspark.worker.cleanup.enabled=true"
        " -Dspark.worker.cleanup.interval=600 -Dspark.worker.cleanup.appDataTtl=3600"
    }


def stream_environment(settings: Settings) -> dict[str, str]:
    return _environment(settings, settings.heap_megabytes.spark_driver, "stream") | {
        "PYTHONPATH": f"{HOME / 'spark'}:{HOME}",
        **addresses(settings),
        **_overrides(),
        "CHECKPOINT_LOCATION": f"file://{_checkpoint(settings)}",
    }


def prepare_master(settings: Settings) -> None:
    _known(settings).mkdir(parents=True, exist_ok=True)


def prepare_worker(settings: Settings) -> None:
    _work(settings).mkdir(parents=True, exist_ok=True)


def prepare_stream(settings: Settings) -> None:
    _checkpoint(settings).mkdir(parents=True, exist_ok=True)
    # A driver that was killed leaves its socket.
    shutil.rmtree(_sockets(settings), ignore_errors=True)
    _sockets(settings).mkdir(parents=True)


def master(settings: Settings) -> Service:
    port, ui = settings.ports.of("spark_master"), settings.ports.of("spark_master_ui")

    def check() -> None:
        status = get_json(f"http://127.0.0.1:{ui}/json/")["status"]
        if status != "ALIVE":
            raise NotReady(f"the master is {status}")

    return Service(
        name="spark-master",
        command=master_command(settings),
        readiness=Readiness("is ALIVE", check),
        ports={"spark_master": port, "spark_master_ui": ui},
        environment=master_environment(settings) | LOCAL,
        url=f"http://127.0.0.1:{ui}",
        prepare=lambda: prepare_master(settings),
    )


def worker(settings: Settings) -> Service:
    master_ui, ui = settings.ports.of("spark_master_ui"), settings.ports.of("spark_worker_ui")

    def check() -> None:
        if get_json(f"http://127.0.0.1:{master_ui}/json/")["aliveworkers"] < 1:
            raise NotReady("the master knows no living worker")

    return Service(
        name="spark-worker",
        command=worker_command(settings),
        needs=("spark-master",),
        readiness=Readiness("is registered with the master", check),
        ports={"spark_worker_ui": ui},
        environment=worker_environment(settings) | LOCAL,
        url=f"http://127.0.0.1:{ui}",
        prepare=lambda: prepare_worker(settings),
    )


def stream(settings: Settings) -> Service:
    ui = settings.ports.of("spark_ui")
    return Service(
        name="stream",
        command=stream_command(settings),
        needs=("spark-worker", "kafka"),
        beside=("cassandra",),  # Spark's own start takes as long as Cassandra's
        readiness=Readiness(
            "takes records on every partition", lambda: require_stream_ready(settings)
        ),
        # The first time it writes its archive of classes, the largest of all, which takes 10 to 20 s.
        # From then on it ends in 0.3 s.
        stop_seconds=45,
        ports={"spark_ui": ui},
        environment=stream_environment(settings) | LOCAL,
        url=f"http://127.0.0.1:{ui}",
        prepare=lambda: prepare_stream(settings),
    )


def executor_log(settings: Settings) -> Path | None:
    """What the newest executor, and the Python workers within, write to stderr; None: there was none."""
    found = _work(settings).glob("app-*/*/stderr")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def require_stream_ready(settings: Settings) -> None:
    """Raises NotReady: the stream does not take records on every partition yet."""
    started_ms = _application_start(f"http://{settings.address('spark_ui')}/api/v1/applications")
    if settings.stream.trigger == "micro-batch":
        return  # without records, no task runs
    running, wanted = _connected_tasks(settings, started_ms), settings.topics.partitions
    if running < wanted:
        raise NotReady(f"{running} of {wanted} tasks are connected")


def addresses(settings: Settings) -> dict[str, str]:
    """Where the stream finds its servers, as environment variables."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.address("kafka"),
        "SCHEMA_REGISTRY_URL": confluent_url(settings),
        "CASSANDRA_HOSTS": settings.hosts.cassandra,
        "CASSANDRA_PORT": str(settings.ports.of("cassandra")),
    }


def _overrides() -> dict[str, str]:
    """This command's overrides of pipeline.toml that the stream is to read.

    Of the environment it would only see what supervisord was once started with.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(ENV_PREFIX)
        and name.removeprefix(ENV_PREFIX).partition("__")[0].lower() in READ_BY_STREAM
    }


def _application_start(applications_url: str) -> int:
    """When the application began, in milliseconds since the epoch, once it has an executor."""
    applications = get_json(applications_url)
    if not applications:
        raise NotReady("no application is registered")
    application = applications[0]
    executors = get_json(f"{applications_url}/{application['id']}/executors")
    if all(e["id"] == "driver" for e in executors):
        raise NotReady("no executor is registered")
    return int(application["attempts"][0]["startTimeEpoch"])


def _connected_tasks(settings: Settings, since_ms: int) -> int:
    """How many tasks have said in Cassandra that they take records."""
    try:
        with cluster(settings, metadata=False) as connected:
            rows = connected.connect().execute("SELECT started_at FROM walflow.stream_tasks")
            started = [row.started_at.replace(tzinfo=UTC).timestamp() * 1000 for row in rows]
    except (NoHostAvailable, DriverException) as error:
        raise NotReady("Cassandra does not answer") from error
    return sum(ms >= since_ms for ms in started)


def _environment(settings: Settings, heap_megabytes: int, name: str) -> dict[str, str]:
    return {
        "JAVA_HOME": str(java_home()),
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_NO_DAEMONIZE": "1",
        # Java cannot archive classes behind a class path with a folder of files in it.
        "SPARK_CONF_DIR": str(settings.run_dir / "config" / "none"),
        "SPARK_DAEMON_MEMORY": f"{heap_megabytes}m",
        "SPARK_DAEMON_JAVA_OPTS": " ".join((_LOGGING, *LIGHT, *class_archive(name))),
        "SPARK_LOCAL_DIRS": str(settings.run_dir / "data" / "spark-local"),
        "PYSPARK_PYTHON": sys.executable,
    }


def _slots(settings: Settings) -> int:
    """Those of the rows' tasks, which keep them all the time, and beside them those of the counts'."""
    return settings.stream.slots + SLOTS_OF_COUNTS


def _master_url(settings: Settings, place: Place) -> str:
    return f"spark://{place.master}:{settings.ports.of('spark_master')}"


def _known(settings: Settings) -> Path:
    return settings.run_dir / "data" / "spark-master"


def _work(settings: Settings) -> Path:
    return settings.run_dir / "data" / "spark-work"


def _sockets(settings: Settings) -> Path:
    """Of the driver and its Python; workers have theirs where they run (worker_daemon.py)."""
    return fitting(settings.run_dir, "data/spark-sockets", BYTES_OF_SOCKET)


def _checkpoint(settings: Settings) -> Path:
    return settings.run_dir / "data" / "checkpoint"
