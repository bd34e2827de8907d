"""The Confluent wire format, and how a record is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.record import DATUM_OFFSET, Record, Undecodable, schema_id


@given(st.integers(0, 2**32 - 1), st.binary())
def test_the_schema_id_is_read_from_the_four_bytes_behind_the_zero(
    identifier: int, datum: bytes
) -> None:
    payload = b"\x00" + identifier.to_bytes(4, "big") + datum

    assert schema_id(payload) == identifier
    assert payload[DATUM_OFFSET:] == datum


@given(st.binary(max_size=4))
def test_a_payload_too_short_for_an_id_is_undecodable(payload: bytes) -> None:
    with pytest.raises(Undecodable, match=f"{len(payload)} bytes are too few"):
        schema_id(payload)


@given(st.integers(1, 255), st.binary(min_size=4))
def test_another_first_byte_is_undecodable(first: int, rest: bytes) -> None:
    with pytest.raises(Undecodable, match="not the 0x00"):
        schema_id(bytes([first]) + rest)


def test_a_record_is_named_by_topic_partition_and_offset() -> None:
    record = Record("cdc.public.users", 3, 42, 0, None, None)

    assert record.place == "cdc.public.users-3@42"
