"""Kafka Connect, with Debezium and the Avro converter on its plugin path."""

from walflow.connectors.kinds import DEBEZIUM, PROMPT
from walflow.install.jars import PLUGINS, class_path
from walflow.settings import HOME, Settings
from walflow.stack.config_files import write_properties
from walflow.stack.http import get_json
from walflow.stack.jvm import BROKER, java_with_metrics, metrics_port
from walflow.stack.registry import NATIVE_API
from walflow.stack.service import NotReady, Readiness, Service


def connect(settings: Settings) -> Service:
    port = settings.ports.of("connect")
    url = f"http://127.0.0.1:{port}"
    config = settings.run_dir / "config" / "worker.properties"

    def prepare() -> None:
        additions = {
            "bootstrap.servers": settings.address("kafka"),
            "listeners": url,
            "rest.advertised.host.name": "127.0.0.1",
            "plugin.path": PLUGINS,
            **_converter("key", settings),
            **_converter("value", settings),
        }
        write_properties(HOME / "connect" / "worker.properties", additions, config)

    def check() -> None:
        get_json(f"{url}/connectors")
        plugins = [plugin["class"] for plugin in get_json(f"{url}/connector-plugins")]
        for wanted in (DEBEZIUM, PROMPT):
            if wanted not in plugins:
                raise NotReady(f"its plugin path holds no {wanted}")

    return Service(
        name="connect",
        command=(
            *java_with_metrics(
                "connect",
                settings.heap_megabytes.connect,
                settings,
                *BROKER,
            ),
            f"-Dlog4j.configuration=file:{HOME / 'connect' / 'log4j.properties'}",
            "-cp",
            class_path("kafka"),
            "org.apache.kafka.connect.cli.ConnectDistributed",
            str(config),
        ),
        # Its tasks start with it and fail if they cannot register a schema.
        needs=("kafka", "registry"),
        readiness=Readiness("answers REST and has the Debezium plugin", check),
        ports={"connect": port, **metrics_port("connect", settings)},
        environment={
            "SOURCE_HOST": "127.0.0.1",
            "SOURCE_PORT": str(settings.ports.of("postgres")),
            "SOURCE_DATABASE": settings.postgres.database,
            "SOURCE_USER": "walflow_capture",
            "SOURCE_PASSWORD": settings.postgres.capture_password,
        },
        url=url,
        prepare=prepare,
    )


def _converter(side: str, settings: Settings) -> dict[str, str]:
    """Avro in Confluent's wire format: a zero byte and the schema's id in four, then the datum."""
    apicurio = f"{side}.converter.apicurio.registry"
    return {
        f"{side}.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        f"{apicurio}.url": f"http://{settings.address('registry')}{NATIVE_API}",
        f"{apicurio}.as-confluent": "true",
        f"{apicurio}.headers.enabled": "false",
        f"{apicurio}.auto-register": "true",
        f"{apicurio}.schema-resolver": "walflow.RememberingResolver",
    }
