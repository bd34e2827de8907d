"""The records of Spark's Arrow stream, read without making Arrow's objects of each.

In real-time mode a record is a batch. What pyarrow makes of one, and that it lets go of the interpreter
for each of the four pieces that it reads while the driver's thread waits for it, was half of the time
of a worker that is busy; to find the record's bytes takes 2 µs.

Source: Apache Arrow specification, "IPC Streaming Format" and "Encapsulated message format"; Message.fbs
and Schema.fbs for the places of fields; FlatBuffers, "Internals", for how they are laid out.
"""

import struct
from collections.abc import Callable, Iterator
from typing import IO

import pyarrow as pa

Batch = list[bytes | None]
"""The values of a batch's one column."""
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


def batches(stream: IO[bytes]) -> Iterator[Batch]:
    """The batches of a stream.

    Raises:
        UnexpectedStream: it is not one of `EXPECTED`, or breaks off.
    """
    _require_expected(stream)
    read = stream.read
    while True:
        size = _size(read(_PREFIX.size))
        if size == 0:
            return
        metadata = read(size)
        if len(metadata) != size:
            raise UnexpectedStream("the Arrow stream breaks off")
        yield _read_batch(metadata, read)


def _require_expected(stream: IO[bytes]) -> None:
    prefix = stream.read(_PREFIX.size)
    message = prefix + stream.read(_size(prefix))
    types = pa.ipc.read_schema(pa.py_buffer(message)).types
    if [_nullable(kind) for kind in types] != [EXPECTED]:
        named = ", ".join(map(str, types)) or "none"
        raise UnexpectedStream(f"Spark sends columns of {named}, and not one of {EXPECTED}")


def _nullable(kind: pa.DataType) -> pa.DataType:
    return pa.struct([f.with_nullable(True) for f in kind]) if pa.types.is_struct(kind) else kind


def _size(prefix: bytes) -> int:
    """Of the metadata that follows; 0 at the end of the stream."""
    if len(prefix) != _PREFIX.size:
        raise UnexpectedStream("the Arrow stream breaks off")
    mark, size = _PREFIX.unpack(prefix)
    if mark != _CONTINUATION:
        raise UnexpectedStream(f"a message of the Arrow stream begins with {mark!r}")
    return int(size)


def _read_batch(metadata: bytes, read: Callable[[int], bytes]) -> Batch:
    """The batch that a message's metadata describes; `read` gives its body."""
    message = _OFFSET.unpack_from(metadata, 0)[0]
    fields = message - _BACK.unpack_from(metadata, message)[0]
    _, kind_at, header_at, body_at = _MESSAGE_FIELDS.unpack_from(metadata, fields)
    if metadata[message + kind_at] != _RECORD_BATCH:
        raise UnexpectedStream("a message of the Arrow stream is no batch")
    # FlatBuffers leaves out what is 0.
    length = _LONG.unpack_from(metadata, message + body_at)[0] if body_at else 0
    body = read(length)
    if len(body) != length:
        raise UnexpectedStream("the Arrow stream breaks off")
    batch = message + header_at
    batch += _OFFSET.unpack_from(metadata, batch)[0]
    fields = batch - _BACK.unpack_from(metadata, batch)[0]
    rows_at, _, buffers_at = _BATCH_FIELDS.unpack_from(metadata, fields)
    if not rows_at:
        return []
    rows = _LONG.unpack_from(metadata, batch + rows_at)[0]
    buffers = batch + buffers_at
    buffers += _OFFSET.unpack_from(metadata, buffers)[0]
    count, _, _, valid, known, places, _, first, _ = _BUFFERS.unpack_from(metadata, buffers)
    if count != _BUFFERS_OF_EXPECTED:
        raise UnexpectedStream(f"a batch of the Arrow stream has {count} buffers")
    ends = struct.unpack_from(f"<{rows + 1}i", body, places)
    return [
        body[first + ends[row] : first + ends[row + 1]]
        # A batch without nulls may leave out what says so.
        if not known or body[valid + (row >> 3)] >> (row & 7) & 1
        else None
        for row in range(rows)
    ]
