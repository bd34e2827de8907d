"""Workload after workload, each with a seed of its own, for `SOAK_MINUTES`: no row ever differs.

Its name keeps `make test` from taking it for a test file; `make soak` names it.
"""

import time

import pytest

from tests.conftest import Stack
from tests.workload import asked
from tests.workload.generate import Mix, generate
from tests.workload.runs import differential

MIXES = (Mix(), Mix(toast_key_changes=True), Mix(truncates=True), Mix(sessions=16, keys=12))
"""They take turns; the last has many sessions on few keys."""


def test_no_row_differs_after_any_of_many_random_workloads(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    first, end = asked.seed(), time.monotonic() + asked.soak_minutes() * 60
    rounds = statements = 0
    while time.monotonic() < end:
        seed, mix = first + rounds, MIXES[rounds % len(MIXES)]
        outcome = differential(stack.settings, seed, generate(seed, mix), mix)
        rounds, statements = rounds + 1, statements + outcome.tally.statements
        with capsys.disabled():
            print(f"\n{outcome.text()}")
        assert outcome.differing == 0
        assert outcome.passed
    with capsys.disabled():
        print(f"\n{rounds} workloads, {statements} statements: 0 differing rows")
