"""What a task fails of, as the driver is told."""

import pytest

from change_stream.deadletters import Halted
from change_stream.task_failures import halts, reason_of
from change_stream.writer import WriteFailed


def refused_by_cassandra() -> WriteFailed:
    """A record that Cassandra refuses under the policy halt, as the writer raises it."""
    failed = WriteFailed("cdc.public.t-0@7 cannot be applied")
    failed.__cause__ = Halted("cdc.public.t-0@7 cannot be applied")
    return failed


@pytest.mark.parametrize(
    ("error", "stops"),
    [
        (Halted("here"), True),
        (refused_by_cassandra(), True),
        (WriteFailed("Cassandra is away"), False),
        (KeyError("id"), False),
    ],
    ids=["undecodable", "refused", "away", "a bug"],
)
def test_only_a_record_at_which_the_stream_is_to_stop_halts_it(
    error: Exception, stops: bool
) -> None:
    assert halts(error) is stops


def test_a_reason_is_the_streams_own_sentence_or_names_the_kind_of_error() -> None:
    assert reason_of(Halted("t-0@7 cannot be applied.")) == "t-0@7 cannot be applied."
    assert reason_of(KeyError("id")) == "KeyError: 'id'"
