"""A connector's class is found under each of the names that Connect takes for it."""

import pytest

from walflow.connectors.plugins import Plugin

BEATS = Plugin("org.apache.kafka.connect.mirror.MirrorHeartbeatConnector", "source", "3.9.2")


@pytest.mark.parametrize("name", [BEATS.name, "MirrorHeartbeatConnector", "MirrorHeartbeat"])
def test_a_plugin_is_known_by_its_class_and_its_short_names(name: str) -> None:
    assert BEATS.is_called(name)


@pytest.mark.parametrize("name", ["MirrorHeart", "mirror.MirrorHeartbeatConnector", ""])
def test_it_is_not_known_by_another_name(name: str) -> None:
    assert not BEATS.is_called(name)
