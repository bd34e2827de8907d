"""What a change does to a row: what is known is written, what is unknown is left alone."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.change import Change, Op
from change_stream.columns import UNAVAILABLE, Unmappable, columns_of
from change_stream.mutation import (
    UNKNOWN,
    Cell,
    Delete,
    Mutation,
    Target,
    Upsert,
    mutations_of,
    unknown_of_new_row,
)

DATE = {"type": "int", "connect.name": "io.debezium.time.Date"}
UUID = {"type": "string", "connect.name": "io.debezium.data.Uuid"}
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
CELLS = tuple(Cell(column.name, column) for column in COLUMNS)
TARGET = Target("ks", "users", CELLS[:1], CELLS[1:2], CELLS, frozenset(("id", "day")))
STAMP = 1_700_000_000_000_042


def change(op: Op, after: dict[str, Any] | None, before: dict[str, Any] | None = None) -> Change:
    return Change(op, "public", "users", before, after, 0, 0)


def one_mutation_of(change: Change, key: dict[str, Any], target: Target, stamp: int) -> Mutation:
    (mutation,) = mutations_of(change, key, target, stamp)
    return mutation


@pytest.mark.parametrize("op", [Op.CREATE, Op.UPDATE, Op.READ])
def test_a_row_is_written_whole_and_converted(op: Op) -> None:
    row = {"id": 1, "day": 0, "note": "n", "ref": None}

    mutation = one_mutation_of(change(op, row), {}, TARGET, STAMP)

    assert mutation == Upsert(TARGET, (1, 2**31, "n", None), STAMP)


def test_update_to_null_clears_the_cell() -> None:
    row = {"id": 1, "day": 0, "note": None, "ref": None}

    mutation = one_mutation_of(change(Op.UPDATE, row), {}, TARGET, STAMP)

    assert isinstance(mutation, Upsert)
    assert mutation.values[2:] == (None, None)


def test_an_untouched_toast_value_leaves_the_cell_alone() -> None:
    row = {"id": 1, "day": 0, "note": UNAVAILABLE, "ref": None}

    mutation = one_mutation_of(change(Op.UPDATE, row), {}, TARGET, STAMP)

    assert isinstance(mutation, Upsert)
    assert mutation.values[2:] == (UNKNOWN, None)


@given(st.one_of(st.none(), st.just(UNAVAILABLE), st.text()))
def test_a_cell_is_unknown_only_for_the_placeholder_and_null_only_for_a_null(
    note: str | None,
) -> None:
    row = {"id": 1, "day": 0, "note": note, "ref": None}

    mutation = one_mutation_of(change(Op.UPDATE, row), {}, TARGET, STAMP)

    assert isinstance(mutation, Upsert)
    assert (mutation.values[2] is UNKNOWN) == (note == UNAVAILABLE)
    assert (mutation.values[2] is None) == (note is None)


def test_a_delete_uses_the_converted_key_and_nothing_else() -> None:
    mutation = one_mutation_of(change(Op.DELETE, None), {"day": 1, "id": 7}, TARGET, STAMP)

    assert mutation == Delete(TARGET, (7, 2**31 + 1), STAMP)


def test_a_value_that_does_not_fit_is_unmappable_and_names_its_column() -> None:
    row = {"id": 1, "day": 0, "note": None, "ref": "no uuid"}

    with pytest.raises(Unmappable, match=re.escape("column ref: 'no uuid' does not fit uuid")):
        one_mutation_of(change(Op.CREATE, row), {}, TARGET, STAMP)


def test_a_null_within_an_array_is_unmappable_and_names_its_column() -> None:
    tags = columns_of(
        {"fields": [{"name": "tags", "type": {"type": "array", "items": ["null", "string"]}}]}
    )
    target = Target("ks", "users", (), (), (Cell("tags", tags[0]),), frozenset())

    with pytest.raises(Unmappable, match=r"column tags: .* hold no nulls"):
        one_mutation_of(change(Op.CREATE, {"tags": ["a", None]}), {}, target, STAMP)


@pytest.mark.parametrize("op", [Op.TRUNCATE, Op.MESSAGE])
def test_an_operation_on_no_single_row_is_unmappable(op: Op) -> None:
    with pytest.raises(Unmappable, match=f"op={op} is not a change of one row"):
        one_mutation_of(change(op, None), {}, TARGET, STAMP)


# A table whose rows lie by `note`, which is no part of PostgreSQL's key.
MOVING = Target("ks", "users", CELLS[2:3], CELLS[:2], CELLS, frozenset(("id", "day")))


def moving(op: Op, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Any:
    row: dict[str, Any] = {"id": 1, "day": 0, "note": "n", "ref": None}
    return mutations_of(
        change(
            op,
            None if after is None else row | after,
            None if before is None else row | before,
        ),
        {"id": 1, "day": 0},
        MOVING,
        STAMP,
    )


def test_an_update_of_a_partition_column_deletes_the_row_where_it_was() -> None:
    assert moving(Op.UPDATE, {"note": "old"}, {"note": "new"}) == (
        Delete(MOVING, ("old", 1, 2**31), STAMP),
        Upsert(MOVING, (1, 2**31, "new", None), STAMP),
    )


def test_an_update_beside_the_partition_column_deletes_nothing() -> None:
    assert moving(Op.UPDATE, {}, {}) == (Upsert(MOVING, (1, 2**31, "n", None), STAMP),)


def test_a_moved_row_takes_its_untouched_toast_values_along() -> None:
    uuid = "11111111-1111-1111-1111-111111111111"
    mutations = moving(Op.UPDATE, {"note": "old", "ref": uuid}, {"ref": UNAVAILABLE})
    assert str(mutations[1].values[3]) == uuid


def test_a_deleted_row_is_found_by_its_before_image_where_the_key_does_not_tell_its_place() -> None:
    assert moving(Op.DELETE, {"note": "old"}, None) == (Delete(MOVING, ("old", 1, 2**31), STAMP),)


@pytest.mark.parametrize("op", [Op.UPDATE, Op.DELETE])
@pytest.mark.parametrize("before", [None, {"note": None}])
def test_a_row_that_may_move_needs_its_before_image(op: Op, before: Any) -> None:
    after: dict[str, Any] | None = None if op is Op.DELETE else {}
    with pytest.raises(Unmappable, match=r"note.* REPLICA IDENTITY FULL"):
        moving(op, before, after)


def test_a_new_row_with_a_value_that_was_not_logged_is_known_to_be_incomplete() -> None:
    row = {"id": 1, "day": 0, "note": UNAVAILABLE, "ref": None}
    assert unknown_of_new_row(change(Op.CREATE, row), TARGET) == ("note",)
    assert unknown_of_new_row(change(Op.UPDATE, row), TARGET) == ()
