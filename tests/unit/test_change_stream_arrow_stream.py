"""Arrow's streams are read as pyarrow reads them, by what Spark's worker is given in its place."""

import io
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql.conversion import ArrowBatchTransformer
from pyspark.sql.pandas.serializers import ArrowStreamSerializer

from bench.worker_path import stream_of
from change_stream.arrow_stream import EXPECTED, Batch, UnexpectedStream, batches
from change_stream.worker_daemon import read_by_ourselves

BATCHES = st.lists(st.lists(st.none() | st.binary(max_size=80), max_size=20), max_size=5)
ONE: list[Batch] = [[b"record", None]]
END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def read(stream: bytes) -> list[Batch]:
    return list(batches(io.BufferedReader(io.BytesIO(stream))))


def flat(written: list[Batch]) -> Batch:
    return [record for batch in written for record in batch]


class Pieces(io.RawIOBase):
    """A socket on which a stream comes piece by piece."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        piece = self._pieces.pop(0) if self._pieces else b""
        taken = min(len(into), len(piece))
        into[:taken] = piece[:taken]
        if taken < len(piece):
            self._pieces.insert(0, piece[taken:])
        return taken


@given(BATCHES)
def test_a_stream_has_the_values_that_were_written(written: list[Batch]) -> None:
    assert flat(read(stream_of(written))) == flat(written)


@given(BATCHES, st.lists(st.integers(0, 4000), max_size=8), st.sampled_from([64, 1000, 65536]))
def test_however_it_comes(written: list[Batch], cuts: list[int], buffered: int) -> None:
    stream = stream_of(written)
    places = [0, *sorted(cuts), len(stream)]
    pieces = Pieces(stream[first:last] for first, last in pairwise(places))
    assert flat(list(batches(io.BufferedReader(pieces, buffered)))) == flat(written)


def test_what_has_come_together_is_handed_on_together_and_waits_for_nothing() -> None:
    written: list[Batch] = [[b"1"], [None, b"2"], [b"3"]]
    first = stream_of(written[:2]).removesuffix(END)
    second = stream_of(written).removesuffix(END).removeprefix(first)

    # Asked for more than was needed, it would give the rest too early, or the end of everything.
    read_so_far = batches(io.BufferedReader(Pieces([first, second]), 65536))
    assert next(read_so_far) == [b"1", None, b"2"]
    assert next(read_so_far) == [b"3"]


def test_what_is_behind_the_end_is_left_to_whom_it_is_for() -> None:
    stream = io.BufferedReader(io.BytesIO(stream_of(ONE) + b"Spark's"))
    assert list(batches(stream)) == ONE
    assert stream.read() == b"Spark's"


@given(BATCHES)
def test_sparks_worker_is_given_them(written: list[Batch]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (ArrowStreamSerializer, "load_stream"),
            (ArrowBatchTransformer, "flatten_struct"),
        ):
            patch.setattr(owner, name, getattr(owner, name))
        read_by_ourselves()
        stream: Any = io.BufferedReader(io.BytesIO(stream_of(written)))
        loaded = ArrowStreamSerializer().load_stream(stream)
        given_to_it = list(map(ArrowBatchTransformer.flatten_struct, loaded))
        assert flat(given_to_it) == flat(written)


def test_a_column_that_is_part_of_a_longer_one_is_read_from_where_it_begins() -> None:
    column = pa.array([{"record": b"%d" % n} for n in range(20)], EXPECTED)
    out = io.BytesIO()
    schema = pa.schema([("_0", EXPECTED)])
    with pa.ipc.new_stream(out, schema) as writer:
        writer.write_batch(pa.record_batch([column.slice(9, 3)], schema=schema))
    assert read(out.getvalue()) == [[b"9", b"10", b"11"]]


def test_records_may_be_of_a_kind_that_is_never_null() -> None:
    kind = pa.struct([pa.field("record", pa.binary(), nullable=False)])
    assert read(stream_of([[b"one", b""]], kind)) == [[b"one", b""]]


@pytest.mark.parametrize("left", range(0, len(stream_of(ONE)), 5))
def test_a_stream_that_breaks_off_is_an_error_wherever_it_does(left: int) -> None:
    with pytest.raises((UnexpectedStream, pa.ArrowInvalid)):
        read(stream_of(ONE)[:left])


@pytest.mark.parametrize("kind", [pa.struct([("record", pa.string())]), pa.binary(), pa.int64()])
def test_columns_of_another_type_are_refused_by_name(kind: pa.DataType) -> None:
    out = io.BytesIO()
    pa.ipc.new_stream(out, pa.schema([("_0", kind)])).close()
    with pytest.raises(UnexpectedStream, match="Spark sends columns of"):
        read(out.getvalue())


def test_what_is_no_message_is_an_error() -> None:
    stream = stream_of(ONE)
    end = stream_of([])[:-8]
    assert stream.startswith(end)
    with pytest.raises(UnexpectedStream, match="begins with b'junk'"):
        read(end + b"junk" + stream[len(end) + 4 :])
    with pytest.raises(UnexpectedStream, match="is no batch"):
        read(end + end)
