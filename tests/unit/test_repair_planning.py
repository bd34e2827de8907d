"""What repair decides before it writes anything: actions, keys, conditions."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.repair.checking import StillDifferent, looks_hidden
from walflow.repair.generation import FURTHEST_US, TOO_HIGH_US
from walflow.repair.plan import Action, TablePlan, key_of, step_for
from walflow.repair.reading import CONDITION_BYTES, KEYS, conditions, reads_whole_table
from walflow.verify.catalog import SourceTable
from walflow.verify.results import ColumnDifference, Difference, Kind
from walflow.verify.rows import values
from walflow.verify.spool import RecordFile

SOURCE = SourceTable("public", "t", 1, False, 0, 0, (), ("id",))
KEY = (b"\0\0\0\x05", b"DE")


def found(
    kind: Kind,
    *columns: ColumnDifference,
    newest_write: int | None = 1000,
    is_representable: bool = True,
) -> Difference:
    return Difference("public.t", kind, (), KEY, columns, newest_write, is_representable)


def column(target: str | None) -> ColumnDifference:
    return ColumnDifference("phone", "phone", "1", target)


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (Kind.MISSING, Action.READ),
        (Kind.DIFFERENT, Action.READ),
        (Kind.EXTRA, Action.DELETE),
    ],
)
def test_what_postgresql_has_is_read_again_and_what_it_has_not_is_deleted(
    kind: Kind, action: Action
) -> None:
    assert step_for(found(kind)).action is action


def test_a_value_without_a_place_in_cql_is_left_for_it_would_be_a_dead_letter_again() -> None:
    step = step_for(found(Kind.MISSING, is_representable=False))
    assert step.action is Action.LEAVE
    assert "dead letter" in step.why


def test_a_write_time_that_cannot_be_outbid_is_left_and_told() -> None:
    assert step_for(found(Kind.EXTRA, newest_write=TOO_HIGH_US - 1)).action is Action.DELETE
    step = step_for(found(Kind.EXTRA, newest_write=TOO_HIGH_US))
    assert step.action is Action.LEAVE
    assert str(TOO_HIGH_US) in step.why


def test_the_stamps_of_the_highest_generation_can_still_be_outbid() -> None:
    offsets = 10**15
    assert FURTHEST_US + offsets < TOO_HIGH_US
    assert TOO_HIGH_US + offsets < 2**63


def test_a_key_is_written_down_as_verify_reads_it() -> None:
    assert values(key_of(found(Kind.EXTRA))) == list(KEY)


def test_a_plan_counts_every_row_and_keeps_the_keys_of_those_that_are_mended(
    tmp_path: Path,
) -> None:
    with RecordFile(tmp_path / "rows", 0) as rows:
        plan = TablePlan(SOURCE, rows)
        assert not plan.has_work
        plan.add(found(Kind.MISSING, newest_write=None))
        plan.add(found(Kind.EXTRA, newest_write=7))
        plan.add(found(Kind.MISSING, newest_write=99, is_representable=False))
    assert plan.counts == {Action.READ: 1, Action.DELETE: 1, Action.LEAVE: 1}
    assert plan.newest_write == 7
    assert plan.has_work
    assert [key for chunk in rows.chunks(10) for key, _ in chunk] == [key_of(found(Kind.EXTRA))] * 2


def test_a_check_tells_rows_to_read_from_rows_to_delete(tmp_path: Path) -> None:
    with RecordFile(tmp_path / "open", 1) as rows:
        still = StillDifferent(rows, epoch_us=500)
        still.add(found(Kind.MISSING, newest_write=None))
        still.add(found(Kind.EXTRA, newest_write=600))
        still.add(found(Kind.EXTRA, newest_write=600, is_representable=False))
    key = key_of(found(Kind.EXTRA))
    assert list(still.chunks()) == [([key], [key])]
    assert (still.count, still.hidden, still.newest_write) == (3, 1, 600)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (found(Kind.MISSING, newest_write=None), True),
        (found(Kind.DIFFERENT, column(None)), True),
        (found(Kind.DIFFERENT, column(None), column("2")), False),
        (found(Kind.EXTRA, newest_write=None), True),
        (found(Kind.EXTRA, newest_write=499), True),
        (found(Kind.EXTRA, newest_write=500), False),
    ],
)
def test_what_may_lie_under_a_write_time_that_cassandra_does_not_tell(
    difference: Difference, expected: bool
) -> None:
    assert looks_hidden(difference, epoch_us=500) is expected


def test_a_condition_names_the_key_of_each_row() -> None:
    assert list(conditions(["id"], [["'1'"], ["E'a\\\\b'"]])) == ["\"id\" IN ('1', E'a\\\\b')"]
    (composite,) = conditions(["a", 'B"'], [["'x'", "'1'"], ["'y'", "'2'"]])
    assert composite == "(\"a\", \"B\"\"\") IN (('x', '1'), ('y', '2'))"
    assert list(conditions(["id"], [])) == []


@given(st.lists(st.text("ab'", max_size=3000), max_size=60))
def test_conditions_are_bounded_and_hold_each_row_once(texts: list[str]) -> None:
    literals = ["'" + text.replace("'", "''") + "'" for text in texts]
    written = list(conditions(["id"], [[literal] for literal in literals]))
    again = [
        literal
        for text in written
        for literal in re.findall(r"'(?:[^']|'')*'", text[len('"id" IN') :])
    ]
    assert again == literals
    assert all(len(text) <= CONDITION_BYTES + 20 for text in written)


def test_a_condition_has_no_more_keys_than_a_chunk_of_the_connector() -> None:
    sizes = [text.count("'1'") for text in conditions(["id"], [["'1'"]] * (2 * KEYS + 1))]
    assert sizes == [KEYS, KEYS, 1]


@pytest.mark.parametrize(
    ("rows", "table_rows", "expected"),
    [
        (5_000, 5_000, False),
        (5_001, 5_001, True),
        (5_001, 250_049, True),
        (5_001, 250_050, False),
        (10**6, None, False),
    ],
)
def test_many_rows_of_a_table_are_read_with_the_whole_of_it(
    rows: int, table_rows: int | None, expected: bool
) -> None:
    assert reads_whole_table(rows, table_rows) is expected
