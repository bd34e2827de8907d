"""A packed record is taken apart into what it was."""

import json
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from change_stream.packing import unpacked
from change_stream.record import Record


def packed(record: Record) -> bytes:
    """As `PACKED` has Spark do it; tests/integration/test_packing.py asks Spark itself."""
    lengths = [-1 if part is None else len(part) for part in (record.key, record.value)]
    place = (record.topic, record.partition, record.offset, record.timestamp_ms, *lengths)
    line = " ".join(str(part) for part in place) + "\n"
    headers = [
        {"key": name} | ({} if value is None else {"value": b64encode(value).decode()})
        for name, value in record.headers
    ]
    text = json.dumps(headers, ensure_ascii=False) if headers else ""
    return line.encode() + (record.key or b"") + (record.value or b"") + text.encode()


@given(
    st.builds(
        Record,
        st.from_regex(r"[a-zA-Z0-9._-]+", fullmatch=True),
        st.integers(0, 2**31 - 1),
        st.integers(0, 2**63 - 1),
        st.integers(-1, 2**50),
        st.none() | st.binary(max_size=100),
        st.none() | st.binary(max_size=1000),
        st.lists(
            st.tuples(st.text(max_size=10), st.none() | st.binary(max_size=50)), max_size=3
        ).map(tuple),
    )
)
def test_a_packed_record_is_taken_apart_into_what_it_was(record: Record) -> None:
    assert unpacked(packed(record)) == record
