"""The last records of a key, looked for from the end backwards."""

from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from change_stream.record import Record
from walflow.trace.events import last_records


class _Reader:
    """A topic whose record n of a partition has the key b"k" where n is among the wanted."""

    def __init__(self, wanted: Mapping[int, set[int]]) -> None:
        self._wanted = wanted
        self.read_offsets: list[tuple[int, int]] = []

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[Record]:
        for partition, start in starts.items():
            for offset in range(start, ends[partition]):
                self.read_offsets.append((partition, offset))
                key = b"k" if offset in self._wanted[partition] else b"other"
                yield Record("t", partition, offset, offset * 10 + partition, key, b"v")


def _last(reader: Any, ends: dict[int, int], count: int, limit: int) -> Any:
    bounds = {partition: (0, end) for partition, end in ends.items()}
    return last_records(reader, bounds, lambda record: record.key == b"k", count, limit)


@given(
    st.sets(st.integers(0, 999), max_size=30),
    st.sets(st.integers(0, 999), max_size=30),
    st.integers(1, 10),
)
def test_the_last_ones_of_all_partitions_are_found_and_no_record_is_read_twice(
    first: set[int], second: set[int], count: int
) -> None:
    reader = _Reader({0: first, 1: second})
    found, scanned, is_complete = _last(reader, {0: 1000, 1: 1000}, count, 1000)
    expected = sorted([(n * 10, 0) for n in first] + [(n * 10 + 1, 1) for n in second])
    assert [(r.timestamp_ms, r.partition) for r in found] == expected[-count:]
    assert is_complete
    assert scanned == len(reader.read_offsets) == len(set(reader.read_offsets))


def test_no_more_is_read_than_is_needed() -> None:
    reader = _Reader({0: {9_990}})
    found, scanned, _ = _last(reader, {0: 10_000}, 1, 10_000)
    assert [record.offset for record in found] == [9_990]
    assert scanned == 500


def test_what_is_further_back_than_the_limit_is_not_looked_for_and_that_is_told() -> None:
    reader = _Reader({0: {10}})
    found, scanned, is_complete = _last(reader, {0: 10_000}, 1, 2_000)
    assert (found, scanned, is_complete) == ([], 2_000, False)
