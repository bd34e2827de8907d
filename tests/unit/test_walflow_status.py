"""What `walflow status` says of a connector."""

import time

import pytest

from walflow.connect_api import ConnectorState
from walflow.recovery import Loss
from walflow.settings import load
from walflow.stack.status import _health

RUNNING = ConnectorState("users", "RUNNING", ("RUNNING",), "")
FAILED = ConnectorState("users", "RUNNING", ("FAILED",), "wrong password")
STOPPED = ConnectorState("users", "STOPPED", (), "")
LOSS = Loss("users", "The slot is lost.")


@pytest.mark.parametrize(
    ("state", "failures", "loss", "expected", "has_failed"),
    [
        (RUNNING, 0, None, "connector users: running", False),
        (RUNNING, 2, None, "connector users: running, restarted 2 times", False),
        (STOPPED, 0, None, "connector users: stopped", False),
        (
            RUNNING,
            0,
            LOSS,
            "connector users: slot lost: The slot is lost. Run: walflow recover",
            True,
        ),
        (
            FAILED,
            1,
            None,
            "connector users: failed, restarted once: wrong password. See `walflow logs connect`.",
            True,
        ),
        (
            FAILED,
            0,
            LOSS,
            "connector users: failed: wrong password. The slot is lost. Run: walflow recover",
            True,
        ),
        (RUNNING, 0, Loss("another", "Lost."), "connector users: running", False),
    ],
)
def test_a_connector_is_told_with_what_to_do(
    state: ConnectorState, failures: int, loss: Loss | None, expected: str, has_failed: bool
) -> None:
    health = _health(load(), state, [time.time()] * failures, loss)
    assert (health.sentence, health.has_failed) == (expected, has_failed)


def test_a_connector_that_failed_too_often_is_told_as_given_up() -> None:
    failures = [time.time()] * load().supervision.max_restarts
    assert _health(load(), FAILED, failures, None).state == "gave up"
