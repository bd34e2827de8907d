"""What Kafka, Connect and the registry keep for themselves is no topic of the pipeline."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from walflow.readings.broker import BrokerPart
from walflow.settings import HOME, Settings
from walflow.stack.kafka import NOTIFICATIONS
from walflow.topics import catalogue
from walflow.topics.internal import is_internal

OWN = (
    "__consumer_offsets",
    "walflow.connect.offsets",
    "walflow.schemas",
    "registry-events",
    "_schemas",
)
SHOWN = "cdc.public.created_users"


class Admin:
    """Kafka with a topic of the pipeline and those that servers keep for themselves."""

    def describe_topics(self) -> list[dict[str, Any]]:
        partition = {"partition_index": 0, "leader_id": 0, "replica_nodes": [0], "isr_nodes": [0]}
        return [
            {
                "name": name,
                "topic_id": name,
                "is_internal": name.startswith("__"),
                "partitions": [partition],
            }
            for name in (*OWN, SHOWN)
        ]

    def list_partition_offsets(self, wanted: dict[Any, Any]) -> dict[Any, Any]:
        return {place: SimpleNamespace(offset=0, timestamp=-1) for place in wanted}

    def describe_log_dirs(self) -> list[dict[str, Any]]:
        return []

    def assign(self, places: list[Any]) -> None:
        """As a consumer."""


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


def test_the_list_of_topics_and_a_reading_leave_the_same_ones_out() -> None:
    admin: Any = Admin()
    part = BrokerPart(Settings())  # type: ignore[call-arg]  # the fields come from the sources

    part._list(admin, admin)
    listed = catalogue._read(admin, admin.describe_topics())

    assert set(part._ids) == {SHOWN}
    assert [topic.name for topic in listed if not topic.is_internal] == [SHOWN]
    assert {topic.name for topic in listed if topic.is_internal} == set(OWN)
