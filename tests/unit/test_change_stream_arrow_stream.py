"""Arrow's streams are read as pyarrow reads them, by what Spark's worker is given in its place."""

import io
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


def read(stream: bytes) -> list[Batch]:
    return list(batches(io.BytesIO(stream)))


@given(BATCHES)
def test_a_stream_has_the_values_that_were_written(written: list[Batch]) -> None:
    assert read(stream_of(written)) == written


@given(BATCHES)
def test_sparks_worker_is_given_them(written: list[Batch]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (ArrowStreamSerializer, "load_stream"),
            (ArrowBatchTransformer, "flatten_struct"),
        ):
            patch.setattr(owner, name, getattr(owner, name))
        read_by_ourselves()
        stream: Any = io.BytesIO(stream_of(written))
        loaded = ArrowStreamSerializer().load_stream(stream)
        assert list(map(ArrowBatchTransformer.flatten_struct, loaded)) == written


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
