"""ZooKeeper: Kafka's metadata store."""

import socket

from walflow.install.jars import class_path
from walflow.settings import HOME, Settings
from walflow.stack.config_files import write_properties
from walflow.stack.jvm import LIGHT, java
from walflow.stack.service import NotReady, Readiness, Service


def zookeeper(settings: Settings) -> Service:
    port = settings.ports.of("zookeeper")
    data = settings.run_dir / "data" / "zookeeper"
    config = settings.run_dir / "config" / "zookeeper.properties"

    def prepare() -> None:
        data.mkdir(parents=True, exist_ok=True)
        additions = {"dataDir": data, "clientPort": port, "clientPortAddress": "127.0.0.1"}
        write_properties(HOME / "kafka" / "zookeeper.properties", additions, config)

    def check() -> None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                connection.sendall(b"ruok")
                answer = connection.recv(16)
        except OSError as error:
            raise NotReady(f"port {port}: {error}") from error
        if answer != b"imok":
            raise NotReady(f"answered {answer!r} to ruok")

    return Service(
        name="zookeeper",
        command=(
            *java("zookeeper", settings.heap_megabytes.zookeeper, *LIGHT),
            f"-Dlog4j.configuration=file:{HOME / 'kafka' / 'log4j.properties'}",
            "-cp",
            class_path("kafka"),
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            str(config),
        ),
        readiness=Readiness("answers ruok with imok", check),
        ports={"zookeeper": port},
        url=f"127.0.0.1:{port}",
        prepare=prepare,
    )
