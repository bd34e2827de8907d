"""The stamp with which a dead letter is applied, and when it must not be."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.letter import Letter
from change_stream.record import Record
from change_stream.stamps import Generation, stamp
from walflow.deadletters.replay import NotApplied, is_truncated, write_time_of

LIFE, LIFE_BEFORE = UUID(int=2), UUID(int=1)


def letter(offset: int, topic_id: UUID | None = LIFE, write_time: int | None = None) -> Letter:
    return Letter(Record("cdc.public.t", 0, offset, 0, b"k", b"v"), "r", topic_id, write_time)


@given(st.integers(0, 10**9))
def test_the_stamp_is_the_one_that_the_stream_gave_the_record(offset: int) -> None:
    generations = (Generation(1, LIFE, 2, 1000), Generation(2, LIFE, 2, 10**10, {0: 500}))

    assert write_time_of(letter(offset), generations) == stamp(generations, 0, offset)


def test_a_letter_of_a_topic_made_anew_gets_the_stamp_of_its_own_life() -> None:
    generations = (Generation(1, LIFE_BEFORE, 2, 1000), Generation(2, LIFE, 2, 5000))

    assert write_time_of(letter(7, LIFE_BEFORE), generations) == 1007


def test_a_record_that_a_truncate_moved_to_a_later_generation_gets_that_stamp() -> None:
    """The letter was sent before the TRUNCATE, whose generation begins in front of it, was known."""
    generations = (Generation(1, LIFE, 2, 1000), Generation(2, LIFE, 2, 5000, {0: 6}, 42))

    write_time = write_time_of(letter(7, write_time=1007), generations)

    assert write_time == 5007
    assert not is_truncated(write_time, generations)


def test_the_stamp_in_the_header_stands_in_where_no_generation_is_registered() -> None:
    assert write_time_of(letter(7, write_time=1007), ()) == 1007


@pytest.mark.parametrize("topic_id", [None, LIFE_BEFORE])
def test_a_letter_without_stamp_and_generation_is_refused(topic_id: UUID | None) -> None:
    with pytest.raises(NotApplied, match="its stamp is not known"):
        write_time_of(letter(7, topic_id), (Generation(1, LIFE, 2, 1000),))


@pytest.mark.parametrize("truncated_life", [LIFE, UUID(int=3)])
def test_what_is_older_than_a_truncate_is_not_written_again(truncated_life: UUID) -> None:
    generations = (
        Generation(1, LIFE, 2, 1000),
        Generation(2, truncated_life, 2, 5000, {0: 20}, 42),
    )

    assert is_truncated(write_time_of(letter(7), generations), generations)


def test_a_generation_that_no_truncate_began_removes_nothing() -> None:
    generations = (Generation(1, LIFE, 2, 1000), Generation(2, LIFE, 4, 5000, {0: 20}))

    assert not is_truncated(write_time_of(letter(7), generations), generations)
