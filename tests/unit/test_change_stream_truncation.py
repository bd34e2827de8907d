"""Where a TRUNCATE falls in a partition that it is not in."""

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from change_stream.truncation import Place, first_newer


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=30),
    st.integers(0, 160),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_all_before_the_boundary_is_older_and_all_from_it_on_is_newer(
    steps: list[tuple[int, int]], lsn: int, start: int, gap: int
) -> None:
    """Records lie at rising offsets with holes, where aborted records and markers are."""
    records: list[Place] = []
    offset, at = start, 0
    for step, rise in steps:
        offset, at = offset + step, at + rise
        records.append((offset, at))

    def next_at(low: int, high: int) -> Place | None:
        return next((place for place in records if low <= place[0] < high), None)

    boundary = first_newer(next_at, lsn, start, offset + 1 + gap)

    older = bisect_right([place[1] for place in records], lsn)
    assert all(place[0] < boundary for place in records[:older])
    assert all(place[0] >= boundary for place in records[older:])
