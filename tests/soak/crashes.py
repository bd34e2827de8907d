"""At least 20 processes killed while workloads run for `SOAK_MINUTES`: afterwards no row differs.

Its name keeps `make test` from taking it for a test file; `make soak` names it.
"""

import pytest

from tests.conftest import Stack
from tests.workload import asked
from tests.workload.generate import Mix
from tests.workload.kills import plan_kills
from tests.workload.runs import KILL_RATE, under_kills


def test_no_row_differs_after_many_kills_at_random_moments(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, kills, seconds = asked.seed(), asked.soak_kills(), asked.soak_minutes() * 60
    plan = plan_kills(seed, kills, seconds)

    outcome = under_kills(stack.settings, seed, Mix(), seconds, plan, KILL_RATE)

    with capsys.disabled():
        print(f"\n{outcome.text()}")
    assert len(outcome.kills) == kills
    assert outcome.differing == 0
    assert outcome.passed
