"""What a batch that runs again passes over, by the mark that its run before has left."""

from typing import Any

from change_stream.marks import AppliedBefore, Mark, batch_name
from change_stream.record import Record
from change_stream.stamps import NoGeneration

EPOCH = 1_000_000
BATCH = batch_name("query", "7", 1700000000)


class _Row:
    def __init__(self, mark: Mark | None) -> None:
        self.mark = mark and tuple(mark)


class _Session:
    """Has a mark for each partition of one topic, and counts how often it is asked."""

    def __init__(self, *marks: Mark | None) -> None:
        self._marks = marks
        self.asked = 0

    def execute(self, _: str, place: tuple[str, int]) -> "_Session":
        self.asked += 1
        self._row = _Row(self._marks[place[1]]) if place[1] < len(self._marks) else None
        return self

    def one(self) -> _Row | None:
        return self._row


def _stamp(record: Record) -> int:
    return EPOCH + record.offset


def _before(session: _Session, stamp_of: Any = _stamp) -> AppliedBefore:
    return AppliedBefore(session, BATCH, stamp_of, "cdc", 0.0)


def _record(offset: int, partition: int = 0) -> Record:
    return Record("cdc.public.t", partition, offset, 0, b"k", b"v")


def test_records_below_the_mark_are_passed_over_and_the_marked_one_is_not() -> None:
    # The marked record may have a second write that is not acknowledged yet.
    before = _before(_Session(Mark(BATCH, EPOCH + 3)))
    assert [before.has(_record(offset)) for offset in range(6)] == [True] * 3 + [False] * 3


def test_each_partition_has_its_own_mark_which_is_read_once() -> None:
    session = _Session(Mark(BATCH, EPOCH + 1), None, Mark(BATCH, EPOCH + 9))
    before = _before(session)
    passed = [[before.has(_record(offset, p)) for offset in range(2)] for p in range(4)]
    assert passed == [[True, False], [False, False], [True, True], [False, False]]
    assert session.asked == 4


def test_a_mark_of_another_batch_query_or_run_of_the_node_says_nothing() -> None:
    for other in (("other", "7", 1700000000), ("query", "6", 1700000000), ("query", "7", 1)):
        before = _before(_Session(Mark(batch_name(*other), EPOCH + 3)))
        assert not before.has(_record(0))


def test_where_spark_names_no_batch_no_two_names_are_the_same() -> None:
    assert batch_name("query", None, 1) != batch_name("query", None, 1)
    assert batch_name(None, "7", 1) != batch_name(None, "7", 1)


def test_what_a_newer_generation_holds_is_applied_again() -> None:
    """A TRUNCATE or a repair begins at offset 2: what was applied behind it has stamps of before."""

    def raised(record: Record) -> int:
        return EPOCH + record.offset + (1_000 if record.offset >= 2 else 0)

    before = _before(_Session(Mark(BATCH, EPOCH + 5)), raised)
    assert [before.has(_record(offset)) for offset in range(5)] == [True, True] + [False] * 3


def test_a_record_without_a_generation_goes_its_usual_way() -> None:
    def none(record: Record) -> int:
        raise NoGeneration(record.place)

    assert not _before(_Session(Mark(BATCH, EPOCH + 5)), none).has(_record(0))
