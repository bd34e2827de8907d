"""The tutorial's job as the benchmark starts and stops it."""

import os
import shutil

from bench.peers.processes import Processes
from bench.peers.tutorial.install import FOLDER, HERE, JARS, install
from bench.rows import USERS
from bench.stack import Stack
from walflow.install.prerequisites import java_home
from walflow.stack.registry import confluent_url

NAME = "tutorial's job (Spark 3.5.7, connector 3.5.1)"
MEMORY = "1g"


class TutorialJob:
    """Spark in one process with two threads, as its documents start it; as much memory as ours has."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._processes = Processes(stack, "tutorial")
        self._checkpoint = stack.settings.run_dir / "data" / "checkpoint-tutorial"

    def start(self) -> None:
        install()
        shutil.rmtree(self._checkpoint, ignore_errors=True)
        settings = self._stack.settings
        jars = ",".join(str(path) for path in sorted(JARS.glob("*.jar")))
        command = (
            *(str(FOLDER / "bin" / "spark-submit"), "--master", "local[2]"),
            *("--driver-memory", MEMORY, "--jars", jars),
            *("--conf", "spark.ui.enabled=false"),
            *("--conf", f"spark.local.dir={settings.run_dir / 'data' / 'spark-tutorial'}"),
            str(HERE / "job.py"),
            *(settings.address("kafka"), confluent_url(settings), self._stack.topic()),
            *(settings.hosts.cassandra, str(settings.ports.of("cassandra"))),
            *(
                settings.cassandra.keyspace,
                USERS.name,
                f"file://{self._checkpoint}",
            ),
        )
        self._processes.start([command], self._environment())

    def stop(self) -> None:
        self._processes.stop()

    def require_alive(self) -> None:
        """Raises CannotMeasure: it has ended."""
        self._processes.require_alive()

    @staticmethod
    def _environment() -> dict[str, str]:
        python = str(FOLDER / "bin" / "python")
        bare = {name: "" for name in ("PYTHONPATH", "SPARK_CONF_DIR") if name in os.environ}
        return bare | {
            "JAVA_HOME": str(java_home()),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": python,
            "PYSPARK_DRIVER_PYTHON": python,
            "SPARK_HOME": str(FOLDER / "lib" / "python3.11" / "site-packages" / "pyspark"),
        }
