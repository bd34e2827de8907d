"""The records of Spark's Arrow stream, read without making Arrow's objects of each.

In real-time mode a record is a batch of Arrow's. What pyarrow makes of one, and that it lets go of the
interpreter for each of the four pieces that it reads while the driver's thread waits for it, was half of
the time of a worker that is busy; to find the record's bytes takes 2 µs. And what has come together is
handed on together, so that it can be written together.

Source: Apache Arrow specification, "IPC Streaming Format" and "Encapsulated message format"; Message.fbs
and Schema.fbs for the places of fields; FlatBuffers, "Internals", for how they are laid out.
"""

import struct
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

Stream: TypeAlias = "BufferedReader[Any]"
Batch = list[bytes | None]
"""Values of the stream's one column: those of one or more of Arrow's batches."""
EXPECTED = pa.struct([("record", pa.binary())])
"""Type of the stream's one column: what `mapInArrow` is given, as Spark wraps it up. The record may also
be one that is never null."""
_CONTINUATION = b"\xff\xff\xff\xff"
_PREFIX = struct.Struct("<4si")
_OFFSET = struct.Struct("<I")
_BACK = struct.Struct("<i")
_LONG = struct.Struct("<q")
_MESSAGE_FIELDS = struct.Struct("<4x4H")
"""Of a vtable: where in its table version, kind and place of the header, and length of the body are."""
_BATCH_FIELDS = struct.Struct("<4x3H")
"""Rows, nodes, buffers."""
_BUFFERS_OF_EXPECTED = 4
_BUFFERS = struct.Struct("<I8q")
"""How many, then place and length of each: whether the struct is there, whether the record is, where
records begin and end, the records."""
_RECORD_BATCH = 3
"""MessageHeader's value for one."""


class UnexpectedStream(Exception):
    """Spark sends something else than was tried with this version."""


def batches(stream: Stream) -> Iterator[Batch]:
    """The records of a stream, together as they have come: none waits for one that is still to come.

    Raises:
        UnexpectedStream: it is not one of `EXPECTED`, or breaks off.
    """
    _require_expected(stream)
    is_at_end = False
    while not is_at_end:
        come = stream.peek()
        records: Batch = []
        place = 0
        while not is_at_end and (message := _message(come, place)):
            found, place, is_at_end = message
            records += found
        if place:
            # No more than that: behind the end of Arrow's stream, Spark's own goes on.
            stream.read(place)
        else:
            records, _, is_at_end = _waited_for(stream)
        if records:
            yield records


def _require_expected(stream: Stream) -> None:
    prefix = _exactly(stream, _PREFIX.size)
    message = prefix + _exactly(stream, _size(prefix, 0))
    types = pa.ipc.read_schema(pa.py_buffer(message)).types
    if [_nullable(kind) for kind in types] != [EXPECTED]:
        named = ", ".join(map(str, types)) or "none"
        raise UnexpectedStream(f"Spark sends columns of {named}, and not one of {EXPECTED}")


def _nullable(kind: pa.DataType) -> pa.DataType:
    return pa.struct([f.with_nullable(True) for f in kind]) if pa.types.is_struct(kind) else kind


class _Message(NamedTuple):
    records: Batch
    place: int
    """Behind it."""
    is_end: bool = False


def _waited_for(stream: Stream) -> _Message:
    """The next message, however long its last piece takes."""
    data = _exactly(stream, _PREFIX.size)
    size = _size(data, 0)
    if size == 0:
        return _Message([], len(data), True)
    data += _exactly(stream, size)
    body = len(data)
    length, rows, buffers = _layout(data, _PREFIX.size)
    data += _exactly(stream, length)
    return _Message(_records(data, body, rows, buffers), len(data))


def _exactly(stream: Stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise UnexpectedStream("the Arrow stream breaks off")
    return data


def _message(data: bytes, place: int) -> _Message | None:
    """The message that begins at a place; None: the data ends before it does."""
    metadata = place + _PREFIX.size
    if metadata > len(data):
        return None
    size = _size(data, place)
    if size == 0:
        return _Message([], metadata, True)
    body = metadata + size
    if body > len(data):
        return None
    length, rows, buffers = _layout(data, metadata)
    end = body + length
    return None if end > len(data) else _Message(_records(data, body, rows, buffers), end)


def _size(data: bytes, place: int) -> int:
    """Of the metadata that follows; 0 at the end of the stream."""
    mark, size = _PREFIX.unpack_from(data, place)
    if mark != _CONTINUATION:
        raise UnexpectedStream(f"a message of the Arrow stream begins with {mark!r}")
    return int(size)


def _layout(data: bytes, metadata: int) -> tuple[int, int, tuple[int, ...]]:
    """Of the batch that a message's metadata describes: bytes of its body, rows, and its buffers."""
    message = metadata + _OFFSET.unpack_from(data, metadata)[0]
    fields = message - _BACK.unpack_from(data, message)[0]
    _, kind_at, header_at, body_at = _MESSAGE_FIELDS.unpack_from(data, fields)
    if data[message + kind_at] != _RECORD_BATCH:
        raise UnexpectedStream("a message of the Arrow stream is no batch")
    # FlatBuffers leaves out what is 0.
    length = _LONG.unpack_from(data, message + body_at)[0] if body_at else 0
    batch = message + header_at
    batch += _OFFSET.unpack_from(data, batch)[0]
    fields = batch - _BACK.unpack_from(data, batch)[0]
    rows_at, _, buffers_at = _BATCH_FIELDS.unpack_from(data, fields)
    if not rows_at:
        return length, 0, ()
    buffers = batch + buffers_at
    buffers += _OFFSET.unpack_from(data, buffers)[0]
    found = _BUFFERS.unpack_from(data, buffers)
    if found[0] != _BUFFERS_OF_EXPECTED:
        raise UnexpectedStream(f"a batch of the Arrow stream has {found[0]} buffers")
    return length, _LONG.unpack_from(data, batch + rows_at)[0], found


def _records(data: bytes, body: int, rows: int, buffers: tuple[int, ...]) -> Batch:
    if not rows:
        return []
    _, _, _, valid, known, places, _, first, _ = buffers
    ends = struct.unpack_from(f"<{rows + 1}i", data, body + places)
    valid += body
    first += body
    return [
        data[first + ends[row] : first + ends[row + 1]]
        # A batch without nulls may leave out what says so.
        if not known or data[valid + (row >> 3)] >> (row & 7) & 1
        else None
        for row in range(rows)
    ]
