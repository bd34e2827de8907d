"""Records on disk: a key and a payload of fixed size, in one file or spread over buckets by key.

Both sides' rows are spooled as key and digest, about 40 bytes a row beside the key's own length, and
compared bucket by bucket: memory holds one bucket of one side, whatever the table's size.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO
from zlib import crc32

from walflow.verify.rows import DIGEST_BYTES

BUFFERED_BYTES = 16 * 2**20
"""What a spool holds in memory for all of its buckets."""
BUCKET_BYTES = 8 * 2**20
"""Size of a table's heap for which there is one bucket: up to some 200,000 rows."""
MAX_BUCKETS = 4096

_READ_BYTES = 1024 * 1024
_SIZE = struct.Struct(">I")

Record = tuple[bytes, bytes]


def buckets_for(heap_bytes: int) -> int:
    """How many buckets to spread a table over."""
    return min(max(heap_bytes // BUCKET_BYTES, 1), MAX_BUCKETS)


class Spool:
    """One side's rows, spread over the bucket files of a directory; use it in a `with`."""

    def __init__(self, directory: Path, buckets: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._buckets = [bytearray() for _ in range(buckets)]
        self._full = BUFFERED_BYTES // buckets

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in range(len(self._buckets)):
            self._write_out(number)

    def add(self, key: bytes, digest: bytes) -> None:
        number = crc32(key) % len(self._buckets)
        bucket = self._buckets[number]
        bucket += _SIZE.pack(len(key)) + key + digest
        if len(bucket) >= self._full:
            self._write_out(number)

    def _write_out(self, number: int) -> None:
        """Opened each time: 4096 files at once are more than a process may have."""
        with open(bucket_file(self._directory, number), "ab") as file:
            file.write(self._buckets[number])
        self._buckets[number].clear()


def bucket_file(directory: Path, number: int) -> Path:
    return directory / str(number)


@dataclass(slots=True)
class RecordFile:
    """Records in one file, added in one pass and read in another; use it in a `with` to add."""

    path: Path
    payload_bytes: int
    count: int = 0
    _file: IO[bytes] | None = None

    def __enter__(self) -> "RecordFile":
        self._file = open(self.path, "wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, key: bytes, payload: bytes = b"") -> None:
        assert self._file is not None, "it is added to within a with"
        self._file.write(_SIZE.pack(len(key)) + key + payload)
        self.count += 1

    def chunks(self, size: int) -> Iterator[list[Record]]:
        """The records, so many at a time."""
        chunk: list[Record] = []
        for record in read(self.path, self.payload_bytes):
            chunk.append(record)
            if len(chunk) == size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def read(path: Path, payload_bytes: int) -> Iterator[Record]:
    """The records of a file, of which never more than a few are in memory."""
    with open(path, "rb", buffering=_READ_BYTES) as file:
        while head := file.read(_SIZE.size):
            (length,) = _SIZE.unpack(head)
            body = file.read(length + payload_bytes)
            yield body[:length], body[length:]


def differing_keys(source: Path, target: Path, buckets: int) -> Iterator[bytes]:
    """The keys that are not on both sides with one and the same digest."""
    for number in range(buckets):
        rows = dict(read(bucket_file(source, number), DIGEST_BYTES))
        for key, digest in read(bucket_file(target, number), DIGEST_BYTES):
            if rows.pop(key, None) != digest:
                yield key
        yield from rows
