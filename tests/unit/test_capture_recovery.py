"""What counts as lost, and what as an unfinished recovery."""

from typing import Any

import pytest

from walflow.connect_api import ConnectorState
from walflow.recovery import Slot, loss_of

RUNNING = ConnectorState("users", "RUNNING", ("RUNNING",), "")
FAILED = ConnectorState(
    "users",
    "RUNNING",
    ("FAILED",),
    "io.debezium.DebeziumException: The connector is trying to read change stream starting at …, but"
    " this is no longer available on the server. Reconfigure the connector",
)
HEALTHY = Slot("reserved", None)
POSITION: list[dict[str, Any]] = [{"lsn": 5}]
READING: list[dict[str, Any]] = [{"lsn": 5, "snapshot": "INITIAL"}]


@pytest.mark.parametrize(
    ("slot", "offsets", "state", "expected"),
    [
        (Slot("lost", "wal_removed"), POSITION, FAILED, "(wal_removed)"),
        (Slot("unreserved", "idle_timeout"), POSITION, RUNNING, "(idle_timeout)"),
        (None, POSITION, FAILED, "is gone"),
        (HEALTHY, POSITION, FAILED, "made anew"),
    ],
)
def test_a_loss_is_told_as_what_happened_to_the_slot(
    slot: Slot | None, offsets: list[dict[str, Any]], state: ConnectorState, expected: str
) -> None:
    loss = loss_of(slot, offsets, state, None)
    assert loss is not None and expected in loss.sentence
    assert not loss.is_read


@pytest.mark.parametrize(
    ("slot", "offsets", "state"),
    [
        (HEALTHY, POSITION, RUNNING),
        (Slot("extended", None), POSITION, RUNNING),
        (None, [], RUNNING),
        (HEALTHY, POSITION, ConnectorState("users", "RUNNING", ("FAILED",), "wrong password")),
        (HEALTHY, POSITION, ConnectorState("users", "STOPPED", (), "")),
    ],
    ids=["well", "behind", "not begun", "failed otherwise", "stopped"],
)
def test_nothing_is_lost_where_the_slot_reaches_back(
    slot: Slot | None, offsets: list[dict[str, Any]], state: ConnectorState
) -> None:
    assert loss_of(slot, offsets, state, None) is None


@pytest.mark.parametrize(
    ("slot", "offsets", "state", "is_read"),
    [
        (HEALTHY, POSITION, RUNNING, True),
        (HEALTHY, READING, RUNNING, False),
        (HEALTHY, [], RUNNING, False),
        (None, [], ConnectorState("users", "STOPPED", (), ""), False),
    ],
)
def test_an_unfinished_recovery_goes_on_behind_its_snapshot_or_begins_again(
    slot: Slot | None, offsets: list[dict[str, Any]], state: ConnectorState, is_read: bool
) -> None:
    loss = loss_of(slot, offsets, state, "the slot was lost")
    assert loss is not None and loss.sentence.endswith("It began because: the slot was lost")
    assert loss.is_read is is_read
