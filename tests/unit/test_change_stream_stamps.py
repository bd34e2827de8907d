"""Stamps rise in commit order for each key, whatever the clock or the partition count do."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.stamps import Generation, NoGeneration, next_generation, raised_generation, stamp

TOPIC = UUID(int=1)
ANOTHER_TOPIC = UUID(int=2)
OFFSETS = st.integers(0, 2**40)
CLOCKS = st.integers(0, 2**52)
"""Microseconds since 1970: any time until the year 2112, so also one long before the last."""
ENDS = st.lists(OFFSETS, min_size=1, max_size=6)
"""Next offset of each partition."""


def first(partitions: int, now_us: int) -> Generation:
    return next_generation(None, TOPIC, partitions, {}, 0, now_us)


def grown(before: Generation, ends: list[int], added: int, now_us: int) -> Generation:
    """The generation after partitions were added, which are still empty."""
    end_offsets = dict(enumerate(ends + [0] * added))
    return next_generation(
        before, TOPIC, len(end_offsets), end_offsets, max(end_offsets.values()), now_us
    )


@given(CLOCKS, OFFSETS, OFFSETS)
def test_stamps_rise_strictly_with_the_offset(now_us: int, one: int, other: int) -> None:
    generations = (first(1, now_us),)

    risen = stamp(generations, 0, one) < stamp(generations, 0, other)

    assert risen == (one < other)


@given(CLOCKS, CLOCKS, ENDS, st.integers(1, 3), st.data())
def test_stamps_rise_strictly_with_the_offset_across_a_change_of_partitions(
    now_us: int, later_us: int, ends: list[int], added: int, data: st.DataObject
) -> None:
    before = first(len(ends), now_us)
    generations = (before, grown(before, ends, added, later_us))
    partition = data.draw(st.integers(0, len(ends) + added - 1))
    one, other = data.draw(OFFSETS), data.draw(OFFSETS)

    risen = stamp(generations, partition, one) < stamp(generations, partition, other)

    assert risen == (one < other)


@given(CLOCKS, st.lists(CLOCKS, min_size=1, max_size=4), ENDS, st.data())
def test_a_later_generation_exceeds_every_earlier_stamp_even_with_the_clock_set_back(
    now_us: int, clocks: list[int], ends: list[int], data: st.DataObject
) -> None:
    newest = first(len(ends), now_us)
    highest = -1
    for clock in clocks:
        highest = max(highest, *(newest.epoch_us + end - 1 for end in ends))
        added = data.draw(st.integers(1, 2))
        newest = grown(newest, ends, added, clock)
        ends = [end + data.draw(st.integers(0, 1000)) for end in ends] + [0] * added

        lowest = min(newest.epoch_us + start for start in [0, *newest.first_offsets.values()])
        assert lowest > highest


@given(CLOCKS, CLOCKS, OFFSETS)
def test_a_topic_made_anew_exceeds_every_stamp_of_the_deleted_one(
    now_us: int, later_us: int, highest_offset: int
) -> None:
    before = first(2, now_us)
    last = stamp((before,), 0, highest_offset)

    new = next_generation(before, ANOTHER_TOPIC, 2, {0: 5, 1: 0}, highest_offset, later_us)

    assert new.number == before.number + 1
    assert stamp((new,), 0, 0) > last
    assert stamp((new,), 1, 0) > last


@given(CLOCKS, CLOCKS, ENDS, st.integers(1, 3), st.data())
def test_a_replayed_record_gets_the_same_stamp_after_a_change_of_partitions(
    now_us: int, later_us: int, ends: list[int], added: int, data: st.DataObject
) -> None:
    before = first(len(ends), now_us)
    partition = data.draw(st.integers(0, len(ends) - 1))
    offset = data.draw(st.integers(0, 2**40).map(lambda o: o % (ends[partition] + 1)))

    after = grown(before, ends, added, later_us)

    replayed = stamp((before, after), partition, offset)
    if offset < ends[partition]:
        assert replayed == stamp((before,), partition, offset)
    else:
        assert replayed == after.epoch_us + offset


def test_a_record_before_the_first_offset_belongs_to_the_old_generation() -> None:
    old = Generation(1, TOPIC, 2, 1_000)
    new = Generation(2, TOPIC, 3, 5_000, {0: 100, 1: 0})

    assert stamp((old, new), 0, 99) == 1_099
    assert stamp((old, new), 0, 100) == 5_100
    assert stamp((old, new), 1, 0) == 5_000


def test_an_added_partition_is_of_the_new_generation_even_if_it_was_registered_late() -> None:
    old = Generation(1, TOPIC, 2, 1_000)

    # Partition 2 had 7 records by the time the change was seen. Their keys were in 0 or 1 before.
    new = next_generation(old, TOPIC, 3, {0: 900, 1: 40, 2: 7}, 900, 1_500)

    assert stamp((old, new), 2, 0) > stamp((old, new), 0, 899)


def test_a_record_older_than_every_known_generation_is_refused() -> None:
    only = Generation(4, TOPIC, 3, 5_000, {0: 100})

    with pytest.raises(NoGeneration, match="partition 0 offset 99"):
        stamp((only,), 0, 99)


def test_a_record_of_an_unregistered_topic_is_refused() -> None:
    with pytest.raises(NoGeneration):
        stamp((), 0, 0)


@given(CLOCKS, st.lists(st.tuples(CLOCKS, ENDS), min_size=1, max_size=4), st.data())
def test_stamps_rise_with_the_offset_wherever_raised_generations_begin(
    now_us: int, raised: list[tuple[int, list[int]]], data: st.DataObject
) -> None:
    """A TRUNCATE that is met late begins its generation below that of another."""
    generations = [first(2, now_us)]
    for at_least_us, starts in raised:
        boundaries = dict(enumerate(starts[:2]))
        generations.append(raised_generation(generations[-1], boundaries, 2**41, at_least_us))
    one, other = data.draw(OFFSETS), data.draw(OFFSETS)

    risen = stamp(tuple(generations), 0, one) < stamp(tuple(generations), 0, other)

    assert risen == (one < other)


@given(CLOCKS, CLOCKS, OFFSETS, OFFSETS)
def test_a_raised_generation_exceeds_every_earlier_stamp_and_the_time_asked_for(
    now_us: int, at_least_us: int, boundary: int, offset: int
) -> None:
    before = first(1, now_us)
    highest = max(offset, boundary)

    new = raised_generation(before, {0: boundary}, highest, at_least_us)

    assert new.epoch_us > stamp((before,), 0, highest)
    assert new.epoch_us >= at_least_us
