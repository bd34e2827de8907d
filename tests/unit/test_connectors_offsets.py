"""What a reset of offsets means is said for each kind of connector before it is done."""

import pytest

from walflow.connect_api import USERS_CONNECTOR, read_connector
from walflow.connectors.offsets import meaning_of_reset

USERS = read_connector(USERS_CONNECTOR).config


def test_the_captured_connector_takes_a_snapshot_and_recover_removes_the_orphans() -> None:
    told = meaning_of_reset("users", "source", USERS, is_captured=True)
    assert "a new snapshot (snapshot.mode = initial)" in told
    assert "orphans" in told and "`walflow recover`" in told


def test_of_another_debezium_connector_recover_is_not_promised() -> None:
    told = meaning_of_reset("other", "source", USERS, is_captured=False)
    assert "orphans" in told and "recover" not in told


def test_without_a_snapshot_what_was_committed_meanwhile_is_told_as_lost() -> None:
    config = USERS | {"snapshot.mode": "no_data"}
    told = meaning_of_reset("other", "source", config, is_captured=False)
    assert "never captured" in told


def test_another_source_may_send_records_twice() -> None:
    config = {"connector.class": "FileStreamSource"}
    assert "a second time" in meaning_of_reset("file", "source", config, is_captured=False)


@pytest.mark.parametrize(
    ("config", "policy"),
    [({}, "earliest"), ({"consumer.override.auto.offset.reset": "latest"}, "latest")],
)
def test_a_sink_reads_its_topics_again(config: dict[str, str], policy: str) -> None:
    told = meaning_of_reset("file", "sink", config, is_captured=False)
    assert f"from the {policy} record on" in told
