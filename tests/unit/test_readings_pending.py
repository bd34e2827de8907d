"""Which changes are not applied, counted in the records themselves."""

from kafka import TopicPartition

from change_stream.record import Record
from tests.unit.kafka_log import MARKER, Log
from walflow.readings.pending import FEW, MAX_COUNTED, Pending, Unapplied

PLACE = TopicPartition("t", 0)
NO_LETTERS: frozenset[tuple[str, int, int]] = frozenset()


def _committed(record: Record) -> float:
    """A second before Kafka got it."""
    return record.timestamp_ms - 1000


def _read(
    pending: Pending,
    log: Log,
    start: int,
    applied_at_ms: float | None = None,
    letters: frozenset[tuple[str, int, int]] = NO_LETTERS,
) -> Unapplied:
    applied = {} if applied_at_ms is None else {("t", 0): applied_at_ms}
    stretches = {("t", 0): (start, len(log.entries[PLACE]))}
    return pending.read(log, stretches, applied, letters)[("t", 0)]


def test_markers_and_tombstones_are_no_changes() -> None:
    log = Log({PLACE: [b"a", MARKER, b"b", None, MARKER]})
    assert _read(Pending(_committed), log, 3) == Unapplied(0, True, None)


def test_changes_are_counted_and_the_oldest_tells_its_commit() -> None:
    log = Log({PLACE: [b"a", MARKER, b"b", MARKER, b"c", MARKER]})
    assert _read(Pending(_committed), log, 1) == Unapplied(2, True, 1000)


def test_what_was_counted_is_not_read_again_while_the_stream_stands() -> None:
    log, pending = Log({PLACE: [b"a", b"b", MARKER]}), Pending(_committed)
    _read(pending, log, 0)
    assert log.given == 2
    log.entries[PLACE] += [b"c", MARKER]
    assert _read(pending, log, 0) == Unapplied(3, True, -1000)
    assert log.given == 3


def test_dead_letters_are_not_waited_for_whenever_they_are_known() -> None:
    log, pending = Log({PLACE: [b"a", b"b", MARKER]}), Pending(_committed)
    assert _read(pending, log, 0).events == 2
    letters = frozenset({("t", 0, 0)})
    assert _read(pending, log, 0, letters=letters) == Unapplied(1, True, 0)


def test_more_than_can_be_counted_are_told_as_at_most_so_many() -> None:
    log = Log({PLACE: [b"a"] * (MAX_COUNTED + 50)})
    assert _read(Pending(_committed), log, 0) == Unapplied(MAX_COUNTED + 50, False, -1000)


def test_a_stream_on_its_way_is_told_by_offsets_without_a_look_at_the_records() -> None:
    log, pending = Log({PLACE: [b"a"] * 1000}), Pending(_committed)
    _read(pending, log, 0, 100.0)
    given = log.given
    assert _read(pending, log, 500, 400.0) == Unapplied(500, False, 400.0)
    assert log.given == given
    assert _read(pending, log, 1000 - FEW, 900.0) == Unapplied(FEW, True, 979_000)


def test_a_stream_that_stops_on_its_way_is_counted() -> None:
    log, pending = Log({PLACE: [b"a"] * 100}), Pending(_committed)
    for _ in range(2):
        _read(pending, log, 0, 0.0)
    _read(pending, log, 50, 400.0)
    assert _read(pending, log, 50, 400.0) == Unapplied(50, True, 49_000)


def test_a_topic_that_was_made_anew_is_counted_from_its_beginning() -> None:
    log, pending = Log({PLACE: [b"a"] * 5}), Pending(_committed)
    _read(pending, log, 5)
    log.entries[PLACE] = [b"b", MARKER]
    assert _read(pending, log, 0) == Unapplied(1, True, -1000)
