"""A failed run says which rows differ and how to run it again."""

from dataclasses import fields
from typing import Any

import pytest

from tests.workload import asked
from tests.workload.__main__ import parser
from tests.workload.compare import Comparison, Difference
from tests.workload.generate import Mix
from tests.workload.kills import Kill, Victim
from tests.workload.outcome import Outcome, command
from tests.workload.schedule import Tally

EQUAL = Comparison(8, ())
DIFFERENT = Comparison(8, (Difference("soak_accounts", (5,), (("owner", "a", "b"),)),))


def outcome(comparison: Comparison = EQUAL, **more: Any) -> Outcome:
    parts: Any = {"caught_up": True, "seconds": 3, "replay": "again", **more}
    return Outcome(7, Tally(), comparison, **parts)


def test_no_differing_row_is_a_pass_and_the_count_is_told() -> None:
    assert outcome().passed
    assert "seed 7: 0 differing rows of 8" in outcome().text()


def test_a_differing_row_is_told_with_both_values_the_seed_and_the_replay() -> None:
    failed = outcome(DIFFERENT)
    assert not failed.passed
    assert "seed 7: 1 differing rows of 8" in failed.text()
    assert "soak_accounts 5: owner: 'a' in PostgreSQL, 'b' in Cassandra" in failed.text()
    assert "replay: again" in failed.text()


@pytest.mark.parametrize(
    "wrong", [{"caught_up": False}, {"left_stopped": ("kafka",)}, {"failure": "no executor"}]
)
def test_equal_rows_alone_are_no_pass(wrong: Any) -> None:
    assert not outcome(**wrong).passed


def test_kills_are_told_with_time_and_process() -> None:
    text = outcome(kills=(Kill(12.34, Victim.EXECUTOR, 99),)).text()
    assert "1 kills:" in text
    assert "12.3 s  executor (pid 99)" in text


@pytest.mark.parametrize(
    "mix",
    [
        Mix(),
        Mix(truncates=True, added_columns=False, sessions=16, savepoints=0.5),
        Mix(toast_key_changes=True, default_identity=True),
    ],
)
def test_the_replay_command_means_the_same_seed_and_mix(mix: Mix) -> None:
    words = command(41, mix, "--shrink").split()
    assert words[:3] == [".venv/bin/python", "-m", "tests.workload"]
    read = parser().parse_args(words[3:])
    assert read.seed == 41
    names = [part.name for part in fields(Mix) if part.name != "weights"]
    assert {n: getattr(read, n) for n in names} == {n: getattr(mix, n) for n in names}


def test_a_seed_can_be_asked_for_and_is_random_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(asked.SEED, raising=False)
    assert len({asked.seed() for _ in range(20)}) > 10
    monkeypatch.setenv(asked.SEED, "123")
    assert asked.seed() == 123
