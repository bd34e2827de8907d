"""Cassandra: the target database."""

import string

from cassandra import DriverException
from cassandra.cluster import Cluster, NoHostAvailable
from cassandra.policies import ConstantReconnectionPolicy

from walflow.aggregates import aggregates_of
from walflow.install.jars import DEPS, class_path
from walflow.settings import HOME, Settings
from walflow.stack.config_files import read_options, write_yaml
from walflow.stack.jvm import java_with_metrics, metrics_port
from walflow.stack.ports import require_listening
from walflow.stack.service import NotReady, Readiness, Service


def cassandra(settings: Settings) -> Service:
    port = settings.ports.of("cassandra")
    storage_port = settings.ports.of("cassandra_storage")
    data = settings.run_dir / "data" / "cassandra"
    config = settings.run_dir / "config" / "cassandra.yaml"

    def prepare() -> None:
        data.mkdir(parents=True, exist_ok=True)
        additions = {
            "native_transport_port": port,
            "storage_port": storage_port,
            "data_file_directories": [str(data / "data")],
            "commitlog_directory": str(data / "commitlog"),
            "saved_caches_directory": str(data / "saved_caches"),
            "hints_directory": str(data / "hints"),
            "cdc_raw_directory": str(data / "cdc_raw"),
        }
        write_yaml(HOME / "cassandra" / "cassandra.yaml", additions, config)

    def check() -> None:
        require_listening(settings.address("cassandra"))
        try:
            with cluster(settings, metadata=False) as connected:
                connected.connect().execute("SELECT release_version FROM system.local").one()
        except (NoHostAvailable, DriverException) as error:
            raise NotReady(f"port {port} does not answer CQL") from error

    return Service(
        name="cassandra",
        command=(
            *("sh", str(HOME / "cassandra" / "with-late-timers.sh")),
            *java_with_metrics("cassandra", settings.heap_megabytes.cassandra, settings),
            *read_options(HOME / "cassandra" / "jvm.options"),
            f"-javaagent:{next((DEPS / 'cassandra').glob('jamm-*.jar'), DEPS)}",
            f"-Dcassandra.config=file://{config}",
            f"-Dcassandra.storagedir={data}",
            f"-Dlogback.configurationFile=file:{HOME / 'cassandra' / 'logback.xml'}",
            "-Dcassandra-foreground=yes",
            "-cp",
            class_path("cassandra"),
            "org.apache.cassandra.service.CassandraDaemon",
        ),
        readiness=Readiness("answers CQL", check),
        ports={
            "cassandra": port,
            "cassandra_storage": storage_port,
            **metrics_port("cassandra", settings),
        },
        url=f"127.0.0.1:{port}",
        prepare=prepare,
        after_ready=lambda: apply_schema(settings),
    )


def cluster(settings: Settings, *, metadata: bool = True) -> Cluster:
    """A driver for the stack's node; use it in a `with`.

    Args:
        metadata: whether it reads every table's definition and keeps them up to date, which costs a
            node that has just started more than any question that it is asked.
    """
    return Cluster(
        [settings.hosts.cassandra],
        port=settings.ports.of("cassandra"),
        connect_timeout=5,
        compression=False,
        schema_metadata_enabled=metadata,
        token_metadata_enabled=metadata,
        reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
    )


def apply_schema(settings: Settings) -> None:
    """Create keyspaces and tables where they are missing."""
    text = string.Template((HOME / "cassandra" / "schema.cql").read_text()).substitute(
        keyspace=settings.cassandra.keyspace,
        replication_factor=settings.cassandra.replication_factor,
    )
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    with cluster(settings, metadata=False) as connected:
        try:
            session = connected.connect()
        except NoHostAvailable as error:
            raise NotReady(str(error)) from error
        for statement in filter(None, (part.strip() for part in code.split(";"))):
            session.execute(statement, timeout=30)
        for aggregate in aggregates_of(settings):
            session.execute(aggregate.ddl, timeout=30)
