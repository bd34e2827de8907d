"""Percentiles are measured values, and none is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.percentiles import percentile, spread

VALUES = st.lists(st.floats(0, 1e9), min_size=1, max_size=300)


def test_nearest_rank_of_a_hundred_values() -> None:
    values = list(range(1, 101))

    assert [percentile(values, p) for p in (0, 1, 50, 90, 99, 100)] == [1, 1, 50, 90, 99, 100]


def test_the_slowest_of_a_thousand_is_the_maximum_and_no_less() -> None:
    values = [1.0] * 999 + [5000.0]

    assert percentile(values, 100) == 5000.0
    assert percentile(values, 99.9) == 1.0


@given(VALUES, st.integers(0, 100))
def test_so_many_percent_are_not_above_it(values: list[float], percent: int) -> None:
    found = percentile(values, percent)

    assert found in values
    assert sum(v <= found for v in values) * 100 >= percent * len(values)
    assert sum(v < found for v in values) * 100 < percent * len(values) or found == min(values)


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], -1), ([1.0], 101)])
def test_what_cannot_be_answered_is_refused(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match=r"no values|no percentage"):
        percentile(values, percent)


@given(VALUES)
def test_spread_has_every_run(values: list[float]) -> None:
    found = spread(values)

    assert (found.low, found.high, found.runs) == (min(values), max(values), len(values))
    assert found.low <= found.median <= found.high


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert spread([1.0, 10.0, 2.0, 4.0]).median == 3.0


def test_no_runs_have_no_spread() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])
