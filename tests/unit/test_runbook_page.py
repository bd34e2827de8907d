"""The runbook is read as commands with outputs, and what is not printed is told."""

import pytest

from tests.e2e.runbook_page import PAGE, Step, steps

SYMPTOMS = (
    "Lag grows",
    "Slot grows",
    "Connector FAILED",
    "Dead letters",
    "Differences found",
    "Service down",
    "Disk full",
)


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_each_symptom_has_commands_with_what_they_print(symptom: str) -> None:
    found = steps(symptom)
    assert found
    assert all(step.output and step.arguments for step in found)


def test_each_console_block_of_the_page_is_of_a_symptom_that_is_tested() -> None:
    blocks = PAGE.read_text().count("```console\n")
    assert sum(len(steps(symptom)) for symptom in SYMPTOMS) == blocks


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("NAME  STATE", "NAME     STATE"),
        ("users … ok", "users   5   ok"),
        ("it keeps … of WAL", "it keeps 12.3 MiB of WAL"),
        ("  Where: …:5432", "  Where: PostgreSQL at 127.0.0.1:5432"),
        ("…role is refused", "users: FATAL: role is refused"),
    ],
)
def test_an_ellipsis_stands_for_anything_and_spaces_for_spaces(line: str, printed: str) -> None:
    assert Step("walflow x", (line,)).missing_from(f"before\n{printed}\nafter") == []


def test_a_line_that_was_not_printed_is_told_and_so_is_another_order() -> None:
    step = Step("walflow x", ("one", "two"))
    assert step.missing_from("one\nthree") == ["two"]
    assert step.missing_from("two\none") == ["two"]
    assert step.missing_from("one (more)\ntwo") == ["one", "two"]


def test_names_of_the_page_stand_for_what_is_there() -> None:
    step = Step("walflow deadletters show 0@17", ("0@17 is open",))
    real = step.with_names({"0@17": "0@3"})
    assert real.arguments == ["deadletters", "show", "0@3"]
    assert real.missing_from("0@3 is open") == []
