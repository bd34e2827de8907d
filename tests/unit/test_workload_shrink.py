"""Shrinking keeps what makes a workload fail, and little else."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.workload.generate import Mix, generate
from tests.workload.plan import Workload
from tests.workload.shrink import ddmin, shrink

MIX = Mix(sessions=4, transactions=6)


def script_of(workload: Workload) -> list[str]:
    return [s.sql for session in workload.sessions for t in session for s in t.statements]


@given(st.sets(st.integers(0, 60), min_size=1, max_size=5))
def test_ddmin_finds_exactly_the_items_that_are_needed(needed: set[int]) -> None:
    def fails(items: Sequence[int]) -> bool:
        return needed <= set(items)

    assert set(ddmin(range(61), fails)) == needed


@given(st.integers(0, 1000), st.data())
def test_a_failure_that_takes_a_few_statements_shrinks_to_those(
    seed: int, data: st.DataObject
) -> None:
    workload = generate(seed, MIX)
    every = sorted(set(script_of(workload)))
    needed = data.draw(st.sets(st.sampled_from(every), min_size=1, max_size=3))

    smallest = shrink(workload, lambda w: needed <= set(script_of(w)), runs=5000)

    assert set(script_of(smallest)) == needed
    assert len(script_of(smallest)) == len(needed)


def test_what_is_left_keeps_its_order_its_ends_and_its_isolation() -> None:
    workload = generate(3, MIX)
    places = list(workload.places())[::7]

    smaller = workload.only(places)

    steps = [step for session in workload.sessions for t in session for step in t.steps()[1:]]
    left = [step for session in smaller.sessions for t in session for step in t.steps()[1:]]
    remaining = iter(steps)
    assert all(step in remaining for step in left)


def test_the_number_of_runs_is_bounded_and_the_smallest_so_far_is_given() -> None:
    runs = 0

    def fails(_: Workload) -> bool:
        nonlocal runs
        runs += 1
        return True

    workload = generate(5, MIX)
    smallest = shrink(workload, fails, runs=4)

    assert runs == 4
    assert 0 < len(script_of(smallest)) < len(script_of(workload))


def test_a_workload_that_only_fails_as_a_whole_stays_whole() -> None:
    workload = generate(6, Mix(sessions=2, transactions=2))
    assert shrink(workload, lambda w: w == workload) == workload
