"""A letter's headers tell all that is needed to apply its record again."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.deadletters import DeadLetters, Halted
from change_stream.letter import (
    MAX_REASON,
    Kind,
    Letter,
    NotALetter,
    headers_of,
    letter_of,
    shortened,
)
from change_stream.record import Record

TEXT = st.text(st.characters(codec="utf-8"))
RECORDS = st.builds(
    Record,
    topic=TEXT.filter(bool),
    partition=st.integers(0, 1000),
    offset=st.integers(0, 2**63 - 1),
    timestamp_ms=st.integers(0, 2**50),
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(st.tuples(TEXT, st.none() | st.binary())).map(tuple),
)


@given(
    RECORDS,
    TEXT,
    st.none() | st.uuids(),
    st.none() | st.integers(0, 2**63 - 1),
    st.sampled_from(Kind),
)
def test_a_letter_comes_back_from_its_headers_as_it_was(
    record: Record, reason: str, topic_id: UUID | None, stamp: int | None, kind: Kind
) -> None:
    letter = Letter(record, reason, topic_id, stamp, kind)

    assert letter_of(record.key, record.value, headers_of(letter)) == letter


@given(RECORDS, st.uuids())
def test_a_letter_that_becomes_a_letter_again_keeps_the_headers_of_the_first(
    record: Record, topic_id: UUID
) -> None:
    first = Letter(record, "first", topic_id, 1)
    again = Record("walflow.deadletters", 0, 7, 1, b"k", b"v", tuple(headers_of(first)))

    second = letter_of(b"k", b"v", headers_of(Letter(again, "second")))

    assert (second.record, second.reason, second.stamp) == (again, "second", None)


def test_under_the_policy_halt_a_record_that_cannot_be_applied_stops_its_task() -> None:
    letters = DeadLetters("nowhere:1", "letters", "halt", "cdc", lambda _: (), "walflow")
    record = Record("cdc.public.t", 1, 7, 0, b"k", b"v")

    with pytest.raises(
        Halted, match=r"cdc\.public\.t-1@7 cannot be applied: because\. .*walflow up"
    ):
        letters.put(record, "because", Kind.REFUSED)
    letters.flush()


def test_no_header_value_is_null_since_kafka_python_sends_none() -> None:
    record = Record("t", 0, 0, 0, None, b"v", (("a", None), ("b", b""), ("c", None)))

    headers = headers_of(Letter(record, "r"))

    assert all(isinstance(value, bytes) for _, value in headers)
    assert letter_of(None, b"v", headers).record.headers == record.headers


def test_schema_ids_are_told_where_the_wire_format_shows_them() -> None:
    record = Record("t", 0, 0, 0, b"garbage", b"\x00\x00\x00\x01\x02datum")

    about = dict(headers_of(Letter(record, "r")))

    assert about["walflow.value_schema_id"] == b"258"
    assert "walflow.key_schema_id" not in about


def test_a_reason_that_quotes_a_huge_value_is_cut() -> None:
    record = Record("t", 0, 0, 0, None, b"v")

    about = dict(headers_of(Letter(record, "x" * 1_000_000)))

    assert len(about["walflow.reason"].decode()) < MAX_REASON + 50
    assert shortened("x" * (MAX_REASON + 7)).endswith("… (7 more characters)")
    assert shortened("x" * MAX_REASON) == "x" * MAX_REASON


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("walflow.topic", b"t"), ("walflow.partition", b"0")],
        [("walflow.reason", b"r"), ("walflow.topic", b"t")],
        [
            ("walflow.reason", b"r"),
            ("walflow.topic", b"t"),
            ("walflow.partition", b"zero"),
            ("walflow.offset", b"0"),
            ("walflow.timestamp", b"0"),
        ],
    ],
)
def test_what_does_not_name_its_origin_is_no_letter(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(NotALetter):
        letter_of(b"k", b"v", headers)
