"""Kills are planned from a seed, spread over the time, and every kind of process has its turn."""

from hypothesis import given
from hypothesis import strategies as st

from tests.workload.kills import Victim, plan_kills


@given(st.integers(), st.integers(1, 60), st.floats(10, 10_000))
def test_kills_are_spread_over_the_time_in_order(seed: int, count: int, seconds: float) -> None:
    plan = plan_kills(seed, count, seconds)
    times = [kill.at for kill in plan]
    assert len(plan) == count
    assert times == sorted(times)
    assert times[0] >= 0 and times[-1] <= seconds


@given(st.integers())
def test_the_same_seed_plans_the_same_kills(seed: int) -> None:
    assert plan_kills(seed, 20, 600) == plan_kills(seed, 20, 600)


@given(st.integers())
def test_no_victim_comes_twice_before_each_had_its_turn(seed: int) -> None:
    victims = [kill.victim for kill in plan_kills(seed, 2 * len(Victim), 600)]
    assert set(victims[: len(Victim)]) == set(Victim) == set(victims[len(Victim) :])


def test_victims_can_be_chosen() -> None:
    plan = plan_kills(1, 4, 60, (Victim.KAFKA, Victim.CASSANDRA))
    assert {kill.victim for kill in plan} == {Victim.KAFKA, Victim.CASSANDRA}
