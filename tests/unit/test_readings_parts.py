"""Several servers asked at once."""

import threading
import time
from typing import Any

from walflow.errors import WalflowError
from walflow.readings.parts import Parts
from walflow.readings.reading import Unreachable


class _Server:
    what = "A server"
    advice = "Start it."

    def __init__(self, answer: Any = "well", until: threading.Event | None = None) -> None:
        self._answer = answer
        self._until = until
        self.asked = 0
        self.forgotten = 0

    def read(self, *_: Any) -> Any:
        self.asked += 1
        if self._until is not None:
            self._until.wait()
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def forget(self) -> None:
        self.forgotten += 1


def test_a_failure_is_told_in_the_place_of_the_answer_and_the_connection_dropped() -> None:
    failing = _Server(WalflowError("Kafka does not answer."))
    parts = Parts({"one": _Server(), "two": failing})
    answers = parts.ask({"one": (), "two": ()}, 5)
    parts.close()
    assert answers["one"] == "well"
    assert isinstance(answers["two"], Unreachable)
    assert answers["two"].sentence == "A server cannot be read: Kafka does not answer. Start it."
    assert failing.forgotten >= 1


def test_a_server_that_does_not_answer_keeps_nobody_waiting_and_is_not_asked_twice() -> None:
    until = threading.Event()
    late = _Server(until=until)
    parts = Parts({"one": _Server(), "late": late})
    for _ in range(3):
        answers = parts.ask({"one": (), "late": ()}, 0.05)
        assert answers["one"] == "well"
        assert isinstance(answers["late"], Unreachable)
    assert late.asked == 1
    until.set()
    assert parts.ask({"late": ()}, 5)["late"] == "well"
    parts.close()


def test_servers_are_asked_at_the_same_time() -> None:
    barrier = threading.Barrier(2, timeout=5)

    class _Meeting(_Server):
        def read(self, *_: Any) -> Any:
            barrier.wait()
            return time.monotonic()

    parts = Parts({"one": _Meeting(), "two": _Meeting()})
    answers = parts.ask({"one": (), "two": ()}, 10)
    parts.close()
    assert not any(isinstance(answer, Unreachable) for answer in answers.values())
