"""Where a topic is read from: each form of --from, and never outside of what is kept."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.errors import ExitCode, WalflowError
from walflow.topics.start import AtOffset, AtPlace, AtTime, Edge, Start, offsets, parsed

TOPIC = "cdc.public.created_users"
NOW = datetime(2026, 11, 21, 18, 50, tzinfo=UTC)
NOW_MS = 1_795_287_000_000
BOUNDS = {0: (10, 20), 1: (0, 5)}


def no_time(ms: int) -> Mapping[int, int | None]:
    raise AssertionError("no time was asked for")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("earliest", Edge.EARLIEST),
        ("latest", Edge.LATEST),
        ("42", AtOffset(42)),
        ("-5", AtOffset(-5)),
        ("1@42", AtPlace(1, 42)),
        (f"{TOPIC}-1@42", AtPlace(1, 42)),
        ("2026-11-21T18:50:00", AtTime(NOW_MS)),
        ("2026-11-21T18:50:00Z", AtTime(NOW_MS)),
        ("2026-11-21T19:50:00+01:00", AtTime(NOW_MS)),
        ("10m", AtTime(NOW_MS - 600_000)),
        ("2h", AtTime(NOW_MS - 7_200_000)),
        ("1d", AtTime(NOW_MS - 86_400_000)),
        ("99999d", AtTime(0)),
    ],
)
def test_each_form_is_understood(text: str, expected: Start) -> None:
    assert parsed(text, TOPIC, NOW) == expected


@pytest.mark.parametrize("text", ["", "first", "other-1@42", "10 m", "1@", "2026-13-01", "@1", "-"])
def test_another_form_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(WalflowError, match="is none of: earliest, latest") as caught:
        parsed(text, TOPIC, NOW)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (Edge.EARLIEST, {0: 10, 1: 0}),
        (Edge.LATEST, {0: 20, 1: 5}),
        (AtOffset(3), {0: 10, 1: 3}),
        (AtOffset(15), {0: 15, 1: 5}),
        (AtOffset(-3), {0: 17, 1: 2}),
        (AtPlace(1, 3), {1: 3}),
    ],
)
def test_an_offset_is_kept_within_the_partition(start: Start, expected: dict[int, int]) -> None:
    assert offsets(start, BOUNDS, no_time) == expected


def test_a_time_behind_the_last_record_is_the_end() -> None:
    assert offsets(AtTime(7), BOUNDS, lambda ms: {0: ms + 5, 1: None}) == {0: 12, 1: 5}


def test_a_place_in_a_partition_that_is_not_read_is_refused() -> None:
    with pytest.raises(WalflowError, match="no partition 7"):
        offsets(AtPlace(7, 0), BOUNDS, no_time)


@given(st.integers(), st.integers(0, 100), st.integers(0, 100))
def test_whatever_offset_is_asked_for_nothing_outside_is_read(
    offset: int, first: int, count: int
) -> None:
    found = offsets(AtOffset(offset), {0: (first, first + count)}, no_time)
    assert first <= found[0] <= first + count
