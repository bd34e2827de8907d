"""A random workload from a seed, on the real servers: afterwards no row differs.

`make soak` runs the same for long; docs/soak.md tells how a failure is replayed and made smaller.
"""

import pytest

from tests.conftest import Stack
from tests.workload import asked
from tests.workload.generate import Mix, generate
from tests.workload.runs import differential

MIXES = {
    "key changes, TOASTed values, nulls, savepoints, rollbacks, added columns": Mix(),
    "key changes that leave TOASTed values untouched": Mix(toast_key_changes=True),
    # Each TRUNCATE starts the stream's query again.
    "truncates": Mix(sessions=4, transactions=12, truncates=True),
}


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES.keys())
def test_no_row_differs_after_a_random_workload(
    stack: Stack, capsys: pytest.CaptureFixture[str], mix: Mix
) -> None:
    seed = asked.seed()

    outcome = differential(stack.settings, seed, generate(seed, mix), mix)

    with capsys.disabled():
        print(f"\n{outcome.text()}")
    assert outcome.differing == 0
    assert outcome.passed
