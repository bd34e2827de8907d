"""What a change does to a row: what is known is written, what is unknown is left alone."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.change import Change, Op
from change_stream.columns import UNAVAILABLE, Unmappable, columns_of
from change_stream.mutation import UNKNOWN, Delete, Target, Upsert, mutation_of

DATE = {"type": "int", "connect.name": "io.debezium.time.Date"}
UUID = {"type": "string", "connect.name": "io.debezium.data.Uuid"}
KEY = columns_of({"fields": [{"name": "id", "type": "int"}, {"name": "day", "type": DATE}]})
COLUMNS = columns_of(
    {
        "fields": [
            {"name": "id", "type": "int"},
            {"name": "day", "type": DATE},
            {"name": "note", "type": ["null", "string"]},
            {"name": "ref", "type": ["null", UUID]},
        ]
    }
)
TARGET = Target("ks", "users", KEY, COLUMNS)
STAMP = 1_700_000_000_000_042


def change(op: Op, after: dict[str, Any] | None) -> Change:
    return Change(op, "public", "users", after, 0)


@pytest.mark.parametrize("op", [Op.CREATE, Op.UPDATE, Op.READ])
def test_a_row_is_written_whole_and_converted(op: Op) -> None:
    row = {"id": 1, "day": 0, "note": "n", "ref": None}

    mutation = mutation_of(change(op, row), {}, TARGET, STAMP)

    assert mutation == Upsert(TARGET, (1, 2**31, "n", None), STAMP)


def test_update_to_null_clears_the_cell() -> None:
    row = {"id": 1, "day": 0, "note": None, "ref": None}

    mutation = mutation_of(change(Op.UPDATE, row), {}, TARGET, STAMP)

    assert isinstance(mutation, Upsert)
    assert mutation.values[2:] == (None, None)


def test_an_untouched_toast_value_leaves_the_cell_alone() -> None:
    row = {"id": 1, "day": 0, "note": UNAVAILABLE, "ref": None}

    mutation = mutation_of(change(Op.UPDATE, row), {}, TARGET, STAMP)

    assert isinstance(mutation, Upsert)
    assert mutation.values[2:] == (UNKNOWN, None)


@given(st.one_of(st.none(), st.just(UNAVAILABLE), st.text()))
def test_a_cell_is_unknown_only_for_the_placeholder_and_null_only_for_a_null(
    note: str | None,
) -> None:
    row = {"id": 1, "day": 0, "note": note, "ref": None}

    mutation = mutation_of(change(Op.UPDATE, row), {}, TARGET, STAMP)

    assert isinstance(mutation, Upsert)
    assert (mutation.values[2] is UNKNOWN) == (note == UNAVAILABLE)
    assert (mutation.values[2] is None) == (note is None)


def test_a_delete_uses_the_converted_key_and_nothing_else() -> None:
    mutation = mutation_of(change(Op.DELETE, None), {"day": 1, "id": 7}, TARGET, STAMP)

    assert mutation == Delete(TARGET, (7, 2**31 + 1), STAMP)


def test_a_value_that_does_not_fit_is_unmappable_and_names_its_column() -> None:
    row = {"id": 1, "day": 0, "note": None, "ref": "no uuid"}

    with pytest.raises(Unmappable, match=re.escape("column ref: 'no uuid' does not fit uuid")):
        mutation_of(change(Op.CREATE, row), {}, TARGET, STAMP)


def test_a_null_within_an_array_is_unmappable_and_names_its_column() -> None:
    tags = columns_of(
        {"fields": [{"name": "tags", "type": {"type": "array", "items": ["null", "string"]}}]}
    )
    target = Target("ks", "users", (), tags)

    with pytest.raises(Unmappable, match=r"column tags: .* hold no nulls"):
        mutation_of(change(Op.CREATE, {"tags": ["a", None]}), {}, target, STAMP)


@pytest.mark.parametrize("op", [Op.TRUNCATE, Op.MESSAGE])
def test_an_operation_on_no_single_row_is_unmappable(op: Op) -> None:
    with pytest.raises(Unmappable, match=f"op={op} is not a change of one row"):
        mutation_of(change(op, None), {}, TARGET, STAMP)
