"""Apicurio Registry: Avro schemas behind Confluent's API, kept in a Kafka topic."""

from walflow.install.jars import class_path
from walflow.settings import HOME, Settings
from walflow.stack.http import get_json
from walflow.stack.jvm import LIGHT, java
from walflow.stack.service import Readiness, Service

CONFLUENT_API = "/apis/ccompat/v7"
NATIVE_API = "/apis/registry/v2"


def confluent_url(settings: Settings) -> str:
    """Base of Confluent's API: Confluent's own registry, in compose, has it at the root."""
    path = "" if settings.mode == "compose" else CONFLUENT_API
    return f"http://{settings.address('registry')}{path}"


def registry(settings: Settings) -> Service:
    port = settings.ports.of("registry")
    url = f"http://127.0.0.1:{port}"

    def check() -> None:
        get_json(f"{url}{CONFLUENT_API}/subjects")

    return Service(
        name="registry",
        command=(
            *java("registry", settings.heap_megabytes.registry, *LIGHT),
            "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
            f"-Dquarkus.config.locations={HOME / 'registry' / 'application.properties'}",
            "-cp",
            class_path("registry", "registry/lib"),
            "io.quarkus.runner.GeneratedMain",
        ),
        needs=("kafka",),
        readiness=Readiness("lists its subjects", check),
        ports={"registry": port},
        environment={
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": str(port),
            "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": settings.address("kafka"),
        },
        url=confluent_url(settings),
    )
