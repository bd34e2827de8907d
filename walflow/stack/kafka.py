"""The Kafka broker, and the topics that must exist before anything reads or writes them."""

import contextlib

import kafka
import kafka.errors
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

from walflow.install.jars import class_path
from walflow.settings import HOME, Settings
from walflow.stack.config_files import write_properties
from walflow.stack.jvm import BROKER, java_with_metrics, metrics_port
from walflow.stack.ports import require_listening
from walflow.stack.service import NotReady, Readiness, Service
from walflow.topics.clients import new_admin

NOTIFICATIONS = "walflow.notifications"
"""Where Debezium tells how far a snapshot is: `notification.sink.topic.name` of the connector."""
DEAD_LETTERS = {
    # With the segment's day, a letter is kept for 8 days at the most: less than the 10 for which
    # Cassandra remembers deletes (docs/exactness.md).
    "retention.ms": str(7 * 86_400_000),
    "segment.ms": str(86_400_000),
    # A letter is a record of any topic and a few headers more.
    "max.message.bytes": str(64 * 2**20),
}
SCHEMAS = "walflow.schemas"
"""Where the registry of local mode keeps the schemas: `apicurio.kafkasql.topic`."""
KEPT_FOR_EVER = {
    # The registry reads its journal from the beginning at each start. It makes the topic itself if
    # there is none, but by the broker's settings: then schemas are gone a week after they were made.
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
}


def broker(settings: Settings) -> Service:
    port = settings.ports.of("kafka")
    data = settings.run_dir / "data" / "kafka"
    config = settings.run_dir / "config" / "server.properties"

    def prepare() -> None:
        data.mkdir(parents=True, exist_ok=True)
        additions = {
            "listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "log.dirs": data,
            "zookeeper.connect": settings.address("zookeeper"),
        }
        write_properties(HOME / "kafka" / "server.properties", additions, config)

    def check() -> None:
        require_listening(settings.address("kafka"))
        admin = _admin(settings)
        try:
            if admin.describe_cluster().get("controller_id", -1) < 0:
                raise NotReady("no controller yet")
        except kafka.errors.KafkaError as error:
            raise NotReady(str(error)) from error
        finally:
            admin.close()

    return Service(
        name="kafka",
        command=(
            *java_with_metrics(
                "kafka",
                settings.heap_megabytes.kafka,
                settings,
                *BROKER,
            ),
            f"-Dlog4j.configuration=file:{HOME / 'kafka' / 'log4j.properties'}",
            "-cp",
            class_path("kafka"),
            "kafka.Kafka",
            str(config),
        ),
        needs=("zookeeper",),
        readiness=Readiness("is registered and has a controller", check),
        ports={"kafka": port, **metrics_port("kafka", settings)},
        url=f"127.0.0.1:{port}",
        prepare=prepare,
        after_ready=lambda: create_topics(settings),
    )


def create_topics(settings: Settings) -> None:
    """Create the pipeline's topics where they are missing.

    The stream subscribes by pattern and would see a topic that Connect makes only at its next batch.
    """
    wanted = {
        settings.source_topic: settings.topics.partitions,
        settings.topics.dead_letters: 1,
        NOTIFICATIONS: 1,
    }
    configs = {settings.topics.dead_letters: DEAD_LETTERS}
    if settings.mode == "local":
        wanted[SCHEMAS] = 1
        configs[SCHEMAS] = KEPT_FOR_EVER
    admin = _admin(settings)
    try:
        present = admin.list_topics()
        for name, partitions in wanted.items():
            if name not in present:
                topic = NewTopic(name, partitions, settings.topics.replication)
                # A broker that has just started may not list what it has.
                with contextlib.suppress(kafka.errors.TopicAlreadyExistsError):
                    admin.create_topics([topic])
        for name, config in configs.items():
            _configure(admin, name, config)
    except kafka.errors.KafkaError as error:
        raise NotReady(f"topics cannot be made yet: {error}") from error
    finally:
        admin.close()


def _configure(admin: kafka.KafkaAdminClient, topic: str, config: dict[str, str]) -> None:
    """Raises NotReady: a broker that has just started does not know the topic yet."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, config)
    # Not checked by the client first: a broker that has just started describes a topic that it does not
    # list yet as one without settings, and the client would call ours unrecognized.
    outcome = admin.alter_configs([resource], raise_on_unknown=False)["topic"][topic]
    if outcome != "OK":
        raise NotReady(f"topic {topic} cannot be configured yet: {outcome}")


def _admin(settings: Settings) -> kafka.KafkaAdminClient:
    try:
        return new_admin(settings, request_ms=5000, bootstrap_ms=1500)
    except (kafka.errors.KafkaError, ValueError) as error:
        raise NotReady(f"{settings.address('kafka')}: {error}") from error
