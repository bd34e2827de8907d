"""Rows in one form for both sides: each field as its length in four bytes and its CQL bytes.

It is the form in which COPY's binary format and Cassandra's RESULT frames both carry a row
(PostgreSQL documentation, "COPY", binary format; native protocol v5, §4.2.5.2), so what needs no
conversion is copied as it came, without an object for each cell. The fields of the key come first.
"""

import struct
from collections.abc import Sequence
from hashlib import blake2b

from walflow.verify.conversions import UNREPRESENTABLE, Convert

LENGTH = struct.Struct(">i")
NULL = LENGTH.pack(-1)
DIGEST_BYTES = 16

_length_at = LENGTH.unpack_from

Converts = Sequence[Convert | None]


class Incomplete(Exception):
    """The buffer ends within a row."""


def converted(buffer: bytes, position: int, converts: Converts) -> tuple[bytes, int]:
    """Fields from a position on, each converted, and the position behind them.

    Raises:
        Incomplete: the buffer ends before the fields do.
    """
    size = len(buffer)
    parts = []
    unchanged_from = position
    try:
        for convert in converts:
            length = _length_at(buffer, position)[0]
            start = position + 4
            position = start + length if length > 0 else start
            if convert is not None and length >= 0:
                if position > size:
                    raise Incomplete
                parts.append(buffer[unchanged_from : start - 4])
                parts.append(field(_value(convert, buffer[start:position])))
                unchanged_from = position
    except struct.error as error:
        raise Incomplete from error
    if position > size:
        raise Incomplete
    if not parts:
        return buffer[unchanged_from:position], position
    parts.append(buffer[unchanged_from:position])
    return b"".join(parts), position


def skip(buffer: bytes, position: int, count: int) -> int:
    """The position behind so many fields."""
    for _ in range(count):
        length = _length_at(buffer, position)[0]
        position += length + 4 if length > 0 else 4
    return position


def field(value: bytes | None) -> bytes:
    return NULL if value is None else LENGTH.pack(len(value)) + value


def values(row: bytes) -> list[bytes | None]:
    """The fields of a row or a part of one."""
    found: list[bytes | None] = []
    position = 0
    while position < len(row):
        length = _length_at(row, position)[0]
        position += 4
        if length < 0:
            found.append(None)
        else:
            found.append(row[position : position + length])
            position += length
    return found


def digest(row: bytes) -> bytes:
    """128 bits, so that two different rows of a table do not have the same one."""
    return blake2b(row, digest_size=DIGEST_BYTES).digest()


def _value(convert: Convert, value: bytes) -> bytes | None:
    try:
        return convert(value)
    except (ValueError, ArithmeticError, struct.error):
        return UNREPRESENTABLE
