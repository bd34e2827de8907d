"""Processes are killed while a random workload runs: afterwards no row differs.

`make soak` kills more of them, for longer (docs/soak.md).
"""

import pytest

from tests.conftest import Stack
from tests.workload import asked
from tests.workload.generate import Mix
from tests.workload.kills import plan_kills
from tests.workload.runs import KILL_RATE, under_kills

pytestmark = pytest.mark.only("local", "executors and Python workers are killed by process id")

KILLS = 3
SECONDS = 75


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_row_differs_although_processes_were_killed_at_random_moments(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = asked.seed()
    plan = plan_kills(seed, KILLS, SECONDS)

    outcome = under_kills(stack.settings, seed, Mix(), SECONDS, plan, KILL_RATE)

    with capsys.disabled():
        print(f"\n{outcome.text()}")
    assert len(outcome.kills) == KILLS
    assert outcome.differing == 0
    assert outcome.passed
