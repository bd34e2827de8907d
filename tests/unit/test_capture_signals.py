"""The request for a snapshot, as Debezium reads it."""

import json
import re

import pytest

from walflow.snapshots.reading import _has_question_mark
from walflow.snapshots.signals import Signal, _signal, data_of

SIGNAL = Signal("walflow-1", 'sales.Order "x"', 1000, 5.0)


def test_a_request_names_its_table_by_an_expression_for_it_alone() -> None:
    content = json.loads(data_of(SIGNAL, None))
    (pattern,) = content["data-collections"]
    assert re.fullmatch(pattern, SIGNAL.table)
    assert not re.fullmatch(pattern, SIGNAL.table.replace(".", "_"))
    assert content["type"] == "incremental"
    assert "additional-conditions" not in content


def test_a_condition_is_put_in_parentheses_for_debezium_joins_it_with_and() -> None:
    content = json.loads(data_of(SIGNAL, "a = 1 OR b = 2"))
    (condition,) = content["additional-conditions"]
    assert condition["filter"] == "(a = 1 OR b = 2)"
    assert condition["data-collection"] == content["data-collections"][0]


def test_a_request_is_read_back() -> None:
    assert _signal("walflow-1", data_of(SIGNAL, "true")) == SIGNAL


@pytest.mark.parametrize("data", ["", "{}", '{"walflow": 1}', '{"data-collections": ["a.b"]}'])
def test_a_request_of_another_program_is_passed_over(data: str) -> None:
    assert _signal("by hand", data) is None


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("id = 1", False),
        ("name = 'why?'", False),
        ("name = 'it''s?'", False),
        ('"what?" = 1', False),
        ("document ? 'key'", True),
        ("name = '?' AND document ? 'key'", True),
    ],
)
def test_a_question_mark_counts_outside_quotes(where: str, expected: bool) -> None:
    assert _has_question_mark(where) is expected
