"""Debezium's envelope becomes a change, or is refused as what it is not."""

from typing import Any

import pytest

from change_stream.change import Change, Op, read_envelope
from change_stream.record import Undecodable

SOURCE = {"schema": "public", "table": "users", "ts_ms": 1_700_000_000_123, "lsn": 4711}


@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_an_operation_that_writes_a_row_carries_its_after_image(op: str) -> None:
    change = read_envelope({"op": op, "before": None, "after": {"id": 1}, "source": SOURCE})

    assert change == Change(Op(op), "public", "users", None, {"id": 1}, 4711, 1_700_000_000_123_000)
    assert change.writes_row


@pytest.mark.parametrize("op", ["d", "t", "m"])
def test_an_operation_that_writes_no_row_needs_no_after_image(op: str) -> None:
    change = read_envelope({"op": op, "after": None, "source": SOURCE})

    assert change.after is None
    assert not change.writes_row


@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_a_row_operation_without_an_after_image_is_undecodable(op: str) -> None:
    with pytest.raises(Undecodable, match=f"op={op} without an after image"):
        read_envelope({"op": op, "after": None, "source": SOURCE})


def test_the_commit_time_keeps_its_microseconds_where_debezium_gives_them() -> None:
    source = SOURCE | {"ts_us": 1_700_000_000_123_456}

    change = read_envelope({"op": "d", "after": None, "source": source})

    assert change.source_us == 1_700_000_000_123_456


@pytest.mark.parametrize(
    "datum",
    [
        None,
        "text",
        42,
        [],
        {},
        {"op": "x", "after": {}, "source": SOURCE},
        {"op": "c", "after": {}},
        {"op": "c", "after": {}, "source": None},
        {"op": "c", "after": {}, "source": {"schema": "public", "table": "users"}},
        {"ts_ms": 1_700_000_000_123},
    ],
    ids=str,
)
def test_what_is_no_envelope_is_undecodable(datum: Any) -> None:
    with pytest.raises(Undecodable, match="not a Debezium envelope"):
        read_envelope(datum)
