"""PostgreSQL's binary COPY format, read as it comes in (PostgreSQL documentation, "COPY")."""

import struct
from collections.abc import Callable

from walflow.verify.rows import Converts, Incomplete, converted

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
CHUNK_BYTES = 256 * 1024
"""What has come in is parsed when it is so much: a call for each row would cost more than the row."""

_COUNT = struct.Struct(">h")
_HEADER = struct.Struct(">11sii")
_END = -1

TakeRow = Callable[[bytes, bytes], None]
Wanted = Callable[[bytes], bool]


class CopyReader:
    """A file for psycopg2's `copy_expert` that hands on each row; `close` hands on the last ones.

    Args:
        key: conversions of the first fields, which are the row's key.
        rest: conversions of the other fields.
        take: called with the key and the rest of each row, in the form of `rows`.
        wanted: asked with a row's key whether to take the row; None: every row.
    """

    def __init__(
        self, key: Converts, rest: Converts, take: TakeRow, wanted: Wanted | None = None
    ) -> None:
        self._key = key
        self._rest = rest
        self._unconverted = [None] * len(rest)
        self._take = take
        self._wanted = wanted
        self._pieces: list[bytes] = []
        self._size = 0
        self._tail = b""
        self._in_header = True

    def write(self, piece: bytes) -> int:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= CHUNK_BYTES:
            self._parse()
        return len(piece)

    def close(self) -> None:
        """Take the rows that are left.

        Raises:
            ValueError: the data ended within a row.
        """
        self._parse()
        if self._tail:
            raise ValueError(f"COPY ended within a row: {len(self._tail)} bytes are left")

    def _parse(self) -> None:
        buffer = b"".join((self._tail, *self._pieces))
        self._pieces = []
        self._size = 0
        position = self._header_size(buffer) if self._in_header else 0
        self._in_header = self._in_header and position == 0
        if self._in_header:
            self._tail = buffer
            return
        key, rest, take, wanted = self._key, self._rest, self._take, self._wanted
        try:
            while position + 2 <= len(buffer):
                start = position
                if _COUNT.unpack_from(buffer, position)[0] == _END:
                    position += 2
                    break
                key_bytes, position = converted(buffer, position + 2, key)
                if wanted is None or wanted(key_bytes):
                    rest_bytes, position = converted(buffer, position, rest)
                    take(key_bytes, rest_bytes)
                else:
                    position = converted(buffer, position, self._unconverted)[1]
        except Incomplete:
            position = start
        self._tail = buffer[position:]

    def _header_size(self, buffer: bytes) -> int:
        """Where the rows begin, 0 if that is not there yet; the last field is an extension's length."""
        if len(buffer) < _HEADER.size:
            return 0
        signature, _, extension = _HEADER.unpack_from(buffer)
        if signature != SIGNATURE:
            raise ValueError("this is not PostgreSQL's binary COPY format")
        size = _HEADER.size + int(extension)
        return size if len(buffer) >= size else 0
