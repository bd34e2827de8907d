"""Why stamps come from Kafka's offsets: a model of Cassandra's cells, given histories of one row."""

from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from change_stream.stamps import Generation, stamp
from tests.workload.cells import CassandraRow, Delete, Values, Write

GENERATIONS = (Generation(1, UUID(int=1), partitions=2, epoch_us=1_700_000_000_000_000),)


@dataclass(frozen=True)
class Change:
    """A change of the row; a history is in the order of commits, which is Kafka's offset order."""

    values: Values | None
    """The row's values after it, None for a delete. A column that is absent was not told (TOAST)."""
    lsn: int = 0


def mutation(change: Change, write_time: int) -> Write | Delete:
    if change.values is None:
        return Delete(write_time)
    return Write(write_time, change.values)


def by_offset(history: list[Change]) -> list[Write | Delete]:
    """As the stream stamps: the offsets are those of the records, with gaps or without."""
    return [mutation(change, stamp(GENERATIONS, 0, 3 * n)) for n, change in enumerate(history)]


def by_lsn(history: list[Change]) -> list[Write | Delete]:
    """ "The last LSN wins", as other pipelines have it."""
    return [mutation(change, change.lsn) for change in history]


def after(mutations: list[Write | Delete]) -> dict[str, str | None] | None:
    row = CassandraRow()
    for each in mutations:
        row.take(each)
    return row.values()


RACE = [
    # In commit order, with the LSNs of docs/exactness.md: T2's insert was logged while T1 still ran.
    Change({"name": "first"}, lsn=100),
    Change(None, lsn=120),
    Change({"name": "second"}, lsn=110),
]
"""T1 inserts, T2 inserts the same key and waits, T1 deletes and commits, T2 commits: the row exists."""


def test_the_race_of_two_inserts_loses_the_row_if_stamps_are_lsns() -> None:
    assert after(by_lsn(RACE)) is None


def test_the_race_of_two_inserts_keeps_the_row_with_stamps_from_offsets() -> None:
    assert after(by_offset(RACE)) == {"name": "second"}


COLUMNS = ("a", "b", "c")
VALUES = st.none() | st.sampled_from(("", "x", "yy"))
WRITES = st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, VALUES))
HISTORIES = st.lists(st.builds(Change, st.none() | WRITES), min_size=1, max_size=12)


def in_postgresql(history: list[Change]) -> dict[str, str | None] | None:
    """The row after the history; a column that a change does not tell keeps its value."""
    row: dict[str, str | None] | None = None
    for change in history:
        row = None if change.values is None else {**(row or {}), **change.values}
    return row


def known(row: dict[str, str | None] | None) -> dict[str, str] | None:
    """Cassandra cannot tell a null from a column that was never written."""
    return None if row is None else {k: v for k, v in row.items() if v is not None}


@given(HISTORIES, st.data())
def test_any_order_and_any_repetition_of_writes_leaves_what_postgresql_has(
    history: list[Change], data: st.DataObject
) -> None:
    writes = by_offset(history)
    repeated = data.draw(st.lists(st.sampled_from(writes), max_size=12))

    applied = data.draw(st.permutations([*writes, *repeated]))

    assert known(after(applied)) == known(in_postgresql(history))


def test_at_one_stamp_a_delete_would_win_over_a_write() -> None:
    assert after([Write(5, {"a": "x"}), Delete(5)]) is None


def test_at_one_stamp_the_larger_value_would_win_whatever_was_later() -> None:
    assert after([Write(5, {"a": "y"}), Write(5, {"a": "x"})]) == {"a": "y"}
