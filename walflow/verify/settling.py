"""Suspects are looked at again, while changes flow, until each is equal or proven different.

A row may be ahead or behind on one side when it is read. What counts is a difference that outlives
the lag, and this is how it is proven. A round

1. reads the suspects in Cassandra, then in PostgreSQL: what is equal is done;
2. waits until the stream has applied all that PostgreSQL had committed by then;
3. reads them again, Cassandra first: what is equal is done.

If PostgreSQL's row is the same version in both readings (`xmin`), no change of it was committed in
between, so in (3) Cassandra had to show it. If PostgreSQL has no such row in both readings, it may
have come and gone in between; then Cassandra's row counts as extra only if it is the same as in (1)
down to its write times: anything written between would have others. What changed goes round again.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from walflow.verify.barrier import Barrier
from walflow.verify.plan import CannotTell
from walflow.verify.rows import DIGEST_BYTES, digest
from walflow.verify.source import SourceRows
from walflow.verify.spool import RecordFile
from walflow.verify.target import TargetRows

MAX_ROUNDS = 20
CHUNK = 128
"""Rows of both sides that are in memory at once."""

_NO_ROW = b"\0" * DIGEST_BYTES


@dataclass(frozen=True, slots=True)
class Sides:
    """A row as both sides have it: the fields behind the key, and what tells its versions apart."""

    key: bytes
    source: tuple[bytes, bytes] | None
    target: tuple[bytes, bytes] | None

    @property
    def are_equal(self) -> bool:
        if self.source is None or self.target is None:
            return self.source is self.target
        return self.source[0] == self.target[0]

    @property
    def versions(self) -> bytes:
        """Digests of both sides, contents and versions."""
        return _version(self.source) + _version(self.target)

    def is_proven_different(self, before: bytes) -> bool:
        """Whether it is, given the `versions` of it from before the wait."""
        now = self.versions
        unchanged_in_source = now[:DIGEST_BYTES] == before[:DIGEST_BYTES]
        return unchanged_in_source and (self.source is not None or now == before)


def _version(row: tuple[bytes, bytes] | None) -> bytes:
    return _NO_ROW if row is None else digest(b"".join(row))


class Settling:
    """Settles the suspects of one table.

    Args:
        directory: for the files of each round.
        show: told how many rows are still open, and what is waited for.
    """

    def __init__(
        self,
        source: SourceRows,
        target: TargetRows,
        barrier: Barrier,
        directory: Path,
        show: Callable[[int, str], None],
    ) -> None:
        self._source = source
        self._target = target
        self._barrier = barrier
        self._directory = directory
        self._show = show

    def differences(self, suspects: RecordFile) -> Generator[Sides, None, None]:
        """The suspects that are different, as they were last read.

        Raises:
            NotReached: the stream did not come up with PostgreSQL; nothing is known of the rest.
            CannotTell: rows changed on and on.
        """
        for _ in range(MAX_ROUNDS):
            unequal = self._still_unequal(suspects)
            if not unequal.count:
                return
            self._show(unequal.count, "waiting until the stream has applied them")
            self._barrier.wait(self._source.insert_position())
            suspects = yield from self._prove(unequal)
            if not suspects.count:
                return
        raise CannotTell(
            f"{suspects.count} rows changed in PostgreSQL in each of {MAX_ROUNDS} readings and were"
            " never seen equal. Run verify again when they change less often."
        )

    def _still_unequal(self, suspects: RecordFile) -> RecordFile:
        """Step 1: the suspects that are not equal now, with their versions."""
        left = suspects.count
        with RecordFile(self._directory / "unequal", 2 * DIGEST_BYTES) as unequal:
            for chunk in suspects.chunks(CHUNK):
                self._show(left, "reading again")
                for row in self._read([key for key, _ in chunk]):
                    if not row.are_equal:
                        unequal.add(row.key, row.versions)
                left -= len(chunk)
        return unequal

    def _prove(self, unequal: RecordFile) -> Generator[Sides, None, RecordFile]:
        """Step 3: yields what is different, and returns what has to go round again."""
        left = unequal.count
        with RecordFile(self._directory / "suspects", 0) as again:
            for chunk in unequal.chunks(CHUNK):
                self._show(left, "reading again")
                rows = self._read([key for key, _ in chunk])
                for row, (_, before) in zip(rows, chunk, strict=True):
                    if row.are_equal:
                        continue
                    if row.is_proven_different(before):
                        yield row
                    else:
                        again.add(row.key)
                left -= len(chunk)
        return again

    def _read(self, keys: Sequence[bytes]) -> list[Sides]:
        """Cassandra first: the order is a part of the proof."""
        in_target = self._target.versions(keys)
        in_source = self._source.versions(keys)
        return [Sides(key, in_source.get(key), in_target.get(key)) for key in keys]
