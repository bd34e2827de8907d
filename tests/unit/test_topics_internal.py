"""What Kafka, Connect and the registry keep for themselves is no topic of the pipeline."""

import re

import pytest

from walflow.settings import HOME, Settings
from walflow.stack.kafka import NOTIFICATIONS
from walflow.topics.internal import is_internal


def test_topics_of_the_stations_own_settings_are_internal() -> None:
    named = [
        name
        for file in ("connect/worker.properties", "registry/application.properties")
        for name in re.findall(r"\.topic=(\S+)$", (HOME / file).read_text(), re.MULTILINE)
    ]

    assert len(named) == 4
    assert all(is_internal(name, False) for name in named)


@pytest.mark.parametrize(
    "name",
    [
        "__transaction_state",
        "kafkasql-snapshots",
        "registry-events",
        "_schemas",
        "_schema_encoders",
        "_confluent-metrics",
    ],
)
def test_topics_that_servers_make_by_themselves_are_internal(name: str) -> None:
    assert is_internal(name, False)


def test_topics_of_the_pipeline_and_of_others_are_not() -> None:
    settings = Settings()  # type: ignore[call-arg]  # the fields come from the sources
    pipeline = (settings.source_topic, settings.topics.dead_letters, NOTIFICATIONS)

    for name in (*pipeline, "orders", "_orders", "registry-events-of-ours", "walflow.schemas.v2"):
        assert not is_internal(name, False), name
    assert is_internal("orders", True)
