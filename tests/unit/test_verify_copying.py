"""COPY's binary format, however it is cut into pieces."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.verify.conversions import UNREPRESENTABLE
from walflow.verify.copying import SIGNATURE, CopyReader
from walflow.verify.rows import Converts, field, values

FIELD = st.none() | st.binary(max_size=20)
ROWS = st.lists(st.tuples(st.binary(max_size=8), FIELD, FIELD, FIELD), max_size=20)
EXTENSION = st.binary(max_size=9)


def copied(rows: list[tuple[bytes | None, ...]], extension: bytes = b"") -> bytes:
    header = SIGNATURE + struct.pack(">ii", 0, len(extension)) + extension
    lines = [struct.pack(">h", len(row)) + b"".join(map(field, row)) for row in rows]
    return header + b"".join(lines) + struct.pack(">h", -1)


def read(pieces: list[bytes], rest: Converts) -> list[tuple[bytes | None, ...]]:
    found: list[tuple[bytes | None, ...]] = []
    reader = CopyReader([None], rest, lambda key, r: found.append((*values(key), *values(r))))
    for piece in pieces:
        reader.write(piece)
        reader._parse()  # as if each piece were a full chunk
    reader.close()
    return found


@given(ROWS, EXTENSION, st.lists(st.integers(0, 2000), max_size=12))
def test_rows_are_the_same_wherever_the_data_is_cut(
    rows: list[tuple[bytes | None, ...]], extension: bytes, cuts: list[int]
) -> None:
    data = copied(rows, extension)
    bounds = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(bounds)]
    assert read(pieces, [None, None, None]) == rows


@given(ROWS, st.lists(st.integers(0, 2000), max_size=12))
def test_only_values_are_converted_and_what_is_between_stays(
    rows: list[tuple[bytes | None, ...]], cuts: list[int]
) -> None:
    data = copied(rows)
    bounds = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(bounds)]
    wanted = [(key, a and a[::-1], b, None if c is None else b"<" + c) for key, a, b, c in rows]
    assert read(pieces, [lambda v: v[::-1], None, lambda v: b"<" + v]) == wanted


def test_a_conversion_to_nothing_makes_a_null() -> None:
    assert read([copied([(b"1", b"x")])], [lambda _: None]) == [(b"1", None)]


def test_a_value_that_has_no_place_equals_no_other() -> None:
    def refuse(value: bytes) -> bytes:
        raise ValueError("no such value")

    assert read([copied([(b"1", b"x")])], [refuse]) == [(b"1", UNREPRESENTABLE)]


def test_rows_that_are_not_wanted_are_passed_over() -> None:
    found: list[bytes] = []
    reader = CopyReader(
        [None], [len_of], lambda key, _: found.append(key), lambda key: key == field(b"b")
    )
    reader.write(copied([(b"a", b"1"), (b"b", b"2"), (b"c", None)]))
    reader.close()
    assert found == [field(b"b")]


def len_of(value: bytes) -> bytes:
    return str(len(value)).encode()


def test_data_that_ends_within_a_row_is_refused() -> None:
    reader = CopyReader([None], [], lambda *_: None)
    reader.write(copied([(b"abc",)])[:-4])
    with pytest.raises(ValueError, match="within a row"):
        reader.close()


def test_other_data_is_refused() -> None:
    reader = CopyReader([None], [], lambda *_: None)
    reader.write(b"id,name\n1,a\n2,b\n3,c\n")
    with pytest.raises(ValueError, match="not PostgreSQL's binary COPY"):
        reader.close()
