"""Services are stopped side by side, each behind those that need it."""

import threading
from typing import Any, cast

import pytest

from walflow.errors import WalflowError
from walflow.stack.lifecycle import stop
from walflow.stack.service import Readiness, Service

READY = Readiness("answers", lambda: None)
SERVICES = [
    Service("postgres", ("true",), READY),
    Service("zookeeper", ("true",), READY),
    Service("kafka", ("true",), READY, needs=("zookeeper",)),
    Service("cassandra", ("true",), READY),
    Service("stream", ("true",), READY, needs=("kafka",), beside=("cassandra",)),
]


class Recorder:
    """Takes the place of the supervisor: notes the order, and can refuse."""

    def __init__(self, refused: str = "") -> None:
        self.stopped: list[str] = []
        self._refused = refused
        self._lock = threading.Lock()

    def stop(self, name: str) -> None:
        with self._lock:
            self.stopped.append(name)
        if name == self._refused:
            raise WalflowError(f"supervisord could not stop {name}")


def test_what_needs_another_is_stopped_before_it() -> None:
    recorder = Recorder()
    told: list[str] = []

    stop(cast(Any, recorder), SERVICES, told.append)

    order = recorder.stopped
    assert sorted(order) == sorted(told) == sorted(service.name for service in SERVICES)
    assert order.index("stream") < order.index("kafka") < order.index("zookeeper")
    assert order.index("stream") < order.index("cassandra")


def test_one_that_cannot_be_stopped_does_not_keep_the_others() -> None:
    recorder = Recorder(refused="kafka")

    with pytest.raises(WalflowError, match="could not stop kafka"):
        stop(cast(Any, recorder), SERVICES, lambda _: None)

    assert len(recorder.stopped) == len(SERVICES)


def test_nothing_to_stop_is_no_error() -> None:
    stop(cast(Any, Recorder()), [], lambda _: None)
