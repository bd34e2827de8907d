"""An open loop: due times do not depend on what became of earlier transactions."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.schedule import MAX_WATCHED_PER_SECOND, Schedule, stride

SCHEDULES = st.builds(Schedule, st.integers(1, 5000), st.integers(1, 20))


def test_due_times_are_evenly_spaced() -> None:
    schedule = Schedule(rate=100, seconds=2)

    assert schedule.count == 200
    assert [schedule.due(n) for n in (0, 1, 199)] == [0.0, 0.01, 1.99]


@given(SCHEDULES, st.integers(1, 16))
def test_senders_share_every_transaction_once(schedule: Schedule, senders: int) -> None:
    taken = [n for sender in range(senders) for n in schedule.of_sender(sender, senders)]

    assert sorted(taken) == list(range(schedule.count))


@given(SCHEDULES)
def test_watched_transactions_are_evenly_spread_and_bounded(schedule: Schedule) -> None:
    watched = list(schedule.watched())

    assert watched[0] == 0
    assert {b - a for a, b in itertools.pairwise(watched)} <= {schedule.stride}
    assert schedule.rate / schedule.stride <= MAX_WATCHED_PER_SECOND


def test_all_are_watched_at_low_rates() -> None:
    assert stride(MAX_WATCHED_PER_SECOND) == 1
    assert stride(MAX_WATCHED_PER_SECOND + 1) == 2


def test_no_load_is_refused() -> None:
    with pytest.raises(ValueError, match="no load"):
        stride(0)
