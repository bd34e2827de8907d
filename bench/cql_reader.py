"""Reads which keys of a table exist, for as little CPU as Python can: one socket, one statement.

The driver hands each request to a thread and back, which costs several times what this does; a
watcher that asks hundreds of times a second would take a core from what it measures. Source:
Cassandra's native_protocol_v4.spec.
"""

import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Self

VERSION, RESPONSE = 0x04, 0x80
ERROR, STARTUP, READY, EXECUTE, RESULT, PREPARE = 0x00, 0x01, 0x02, 0x0A, 0x08, 0x09
ROWS, PREPARED = 2, 4
LOCAL_QUORUM = 0x0006
VALUES_WITHOUT_METADATA = 0x01 | 0x02
NO_METADATA = 0x0004
UNPREPARED = struct.pack(">i", 0x2500)
_HEADER = struct.Struct(">BBhBi")
TIMEOUT_SECONDS = 60.0
MOST_PREPARED = 100
"""Times in a row: each change of the table makes Cassandra forget the statement."""


class CqlError(Exception):
    """Cassandra refused a request, or answered what was not asked for."""


class Unprepared(CqlError):
    """Cassandra has forgotten the statement, as it does when its table is altered."""


class KeyReader:
    """`SELECT id FROM table WHERE id IN ?` over a connection of its own; use it in a `with`."""

    def __init__(self, host: str, port: int, keyspace: str, table: str) -> None:
        self._socket = socket.create_connection((host, port), TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        options = struct.pack(">H", 1) + _string("CQL_VERSION") + _string("3.4.5")
        self._request(STARTUP, options, READY)
        self._query = f'SELECT id FROM {keyspace}."{table}" WHERE id IN ?'.encode()
        self._head = self._prepared()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._answers.close()
        self._socket.close()

    def existing(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys (16 bytes each) that a read at LOCAL_QUORUM finds.

        Raises:
            CqlError: Cassandra refuses the read.
            OSError: the connection broke, or there was no answer for a minute.
        """
        items = b"".join(b"\x00\x00\x00\x10" + key for key in keys)
        value = struct.pack(">ii", 4 + len(items), len(keys)) + items
        body = self._executed(value)
        kind, flags, columns, rows = struct.unpack_from(">iiii", body)
        if kind != ROWS or not flags & NO_METADATA or columns != 1:
            raise CqlError(f"a read was answered with kind {kind}, {columns} columns")
        return {body[20 + 20 * row : 36 + 20 * row] for row in range(rows)}

    def _executed(self, value: bytes) -> bytes:
        for _ in range(MOST_PREPARED):
            try:
                return self._request(EXECUTE, self._head + value, RESULT)
            except Unprepared:
                self._head = self._prepared()
        raise CqlError(f"Cassandra forgot the statement {MOST_PREPARED} times in a row")

    def _prepared(self) -> bytes:
        """What each EXECUTE of the statement begins with."""
        prepared = self._request(PREPARE, struct.pack(">i", len(self._query)) + self._query, RESULT)
        kind, length = struct.unpack_from(">iH", prepared)
        if kind != PREPARED:
            raise CqlError(f"PREPARE was answered with a result of kind {kind}")
        identifier = prepared[6 : 6 + length]
        end = struct.pack(">HBH", LOCAL_QUORUM, VALUES_WITHOUT_METADATA, 1)
        return struct.pack(">H", length) + identifier + end

    def _request(self, opcode: int, body: bytes, expected: int) -> bytes:
        self._socket.sendall(_HEADER.pack(VERSION, 0, 0, opcode, len(body)) + body)
        header = self._answers.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise ConnectionError("Cassandra closed the connection")
        version, _, _, answer, length = _HEADER.unpack(header)
        content = self._answers.read(length)
        if answer == ERROR:
            kind = Unprepared if content[:4] == UNPREPARED else CqlError
            raise kind(content[6:].decode(errors="replace"))
        if (version, answer) != (VERSION | RESPONSE, expected):
            raise CqlError(f"opcode {opcode} was answered with {answer}")
        return content


def _string(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
