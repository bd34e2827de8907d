"""What a task asks of Cassandra beside its writes, while the connection has no room."""

import pytest
from cassandra import InvalidRequest
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionBusy

from change_stream.patience import patiently

FULL = NoHostAvailable("Unable to complete", {"host": ConnectionBusy("is overloaded")})


class Cassandra:
    """Answers once it has refused with each of these."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)

    def __call__(self) -> str:
        if self.refusals:
            raise self.refusals.pop(0)
        return "answer"


def test_it_is_asked_again_until_there_is_room() -> None:
    assert patiently(Cassandra(FULL, FULL, FULL), 60) == "answer"


def test_it_gives_up_in_time_with_what_cassandra_said() -> None:
    with pytest.raises(NoHostAvailable, match="Unable to complete"):
        patiently(Cassandra(*[FULL] * 100), 0)


def test_what_does_not_pass_by_itself_is_raised_at_once() -> None:
    asked = Cassandra(FULL, InvalidRequest("no such column"), FULL)
    with pytest.raises(InvalidRequest):
        patiently(asked, 60)
    assert asked.refusals == [FULL]
