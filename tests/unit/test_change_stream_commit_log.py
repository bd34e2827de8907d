"""What Cassandra acknowledged before it was on disk: how long that takes, and when it is lost."""

import time
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import InvalidRequest

from change_stream.commit_log import CommitLog, NodeRestarted, sync_lag_seconds

PERIODIC = {"commitlog_sync": "periodic", "commitlog_sync_period": "20ms"}
Setting = namedtuple("Setting", "name value")


class Node:
    """A cluster's session whose first node has started `run` times; notes when it was written to."""

    def __init__(self, settings: dict[str, str] | None, nodes: int = 1) -> None:
        self.settings = settings
        self.run = 1
        self.writes: list[float] = []
        metadata = SimpleNamespace(all_hosts=lambda: [object()] * nodes)
        self.cluster = SimpleNamespace(metadata=metadata)

    def execute(self, statement: str) -> Any:
        if "gossip_generation" in statement:
            return SimpleNamespace(one=lambda: (self.run,))
        if "system_views.settings" in statement:
            if self.settings is None:
                raise InvalidRequest("keyspace system_views does not exist")
            return [Setting(*setting) for setting in self.settings.items()]
        self.writes.append(time.monotonic())
        return []


def begun(node: Node) -> CommitLog:
    log = CommitLog(node)
    log.begin()
    return log


def test_the_proof_is_a_write_sent_later_than_the_log_may_lag() -> None:
    node = Node(PERIODIC)
    log = begun(node)
    acknowledged = time.monotonic()
    log.prove()
    (written,) = node.writes
    assert written - acknowledged >= 0.03


def test_a_node_that_started_anew_since_the_batch_began_proves_nothing() -> None:
    node = Node(PERIODIC)
    log = begun(node)
    assert not log.may_have_lost()
    node.run += 1
    assert log.may_have_lost()
    with pytest.raises(NodeRestarted, match="is written again"):
        log.prove()
    log.begin()
    log.prove()


@pytest.mark.parametrize(
    "node",
    [
        Node({"commitlog_sync": "batch"}),
        Node({"commitlog_sync": "group", "commitlog_sync_period": "10000ms"}),
        Node(PERIODIC, nodes=3),
        Node(None),
    ],
    ids=["batch", "group", "with copies", "no settings told"],
)
def test_where_an_acknowledged_write_is_kept_nothing_is_waited_for_and_nothing_lost(
    node: Node,
) -> None:
    log = begun(node)
    node.run += 1
    assert not log.may_have_lost()
    log.prove()
    assert node.writes == []


def test_a_log_that_lags_for_long_is_not_waited_for_but_its_loss_is_seen() -> None:
    node = Node({"commitlog_sync": "periodic"})
    log = begun(node)
    log.prove()
    assert node.writes == []
    node.run += 1
    with pytest.raises(NodeRestarted):
        log.prove()


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({}, 0),
        ({"commitlog_sync": "batch", "commitlog_sync_period": "10ms"}, 0),
        ({"commitlog_sync": "periodic", "commitlog_sync_period": "10ms"}, 0.015),
        ({"commitlog_sync": "periodic", "commitlog_sync_period": "2s"}, 3),
        ({"commitlog_sync": "periodic"}, 15),
        (PERIODIC | {"periodic_commitlog_sync_lag_block": "1m"}, 60),
    ],
)
def test_the_lag_is_what_cassandra_allows_it(settings: dict[str, str], seconds: float) -> None:
    assert sync_lag_seconds(settings) == pytest.approx(seconds)


def test_a_duration_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="'soon' is not a duration"):
        sync_lag_seconds({"commitlog_sync": "periodic", "commitlog_sync_period": "soon"})
