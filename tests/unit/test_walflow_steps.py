"""Commands of the installation that run side by side."""

import sys
import threading

import pytest

from walflow.errors import WalflowError
from walflow.install.steps import Steps

SECONDS = 60
"""What is not ended runs for so long."""


def command(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_parts_run_at_the_same_time_and_say_what_they_did(
    capsys: pytest.CaptureFixture[str],
) -> None:
    both_are_here = threading.Barrier(2, timeout=SECONDS)

    def part(steps: Steps) -> bool:
        both_are_here.wait()
        steps.run("a part", command("print('one')"), 1, lambda line: line == "one\n")
        return True

    assert Steps().side_by_side((part, part, lambda _: False)) == [True, True, False]
    assert capsys.readouterr().err.count("✔ a part: ") == 2


def test_a_part_that_fails_ends_the_others_and_tells_why() -> None:
    waiting = threading.Event()

    def waits(steps: Steps) -> bool:
        def begun(line: str) -> bool:
            waiting.set()
            return True

        code = f"import time; print('begun', flush=True); time.sleep({SECONDS})"
        steps.run("waits", command(code), 1, begun)
        return True

    def fails(steps: Steps) -> bool:
        assert waiting.wait(SECONDS)
        steps.run("the part", command("raise SystemExit('no space left')"), 1, lambda _: False)
        return True

    with pytest.raises(WalflowError, match=r"the part failed.*\n.*no space left\nMend the cause"):
        Steps().side_by_side((waits, fails))
