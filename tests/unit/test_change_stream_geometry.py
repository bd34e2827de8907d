"""Geometric values become the text that PostgreSQL prints."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.columns import columns_of
from change_stream.geometry import SEMANTIC

POINTS = st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=20)


def text_of(kind: str, value: dict[str, Any]) -> str:
    return SEMANTIC[f"io.debezium.data.geometry.{kind}"](value)


def native(points: list[tuple[float, float]], **extensions: str) -> dict[str, Any]:
    """A Geometry as Debezium sends it: a line string, or the only ring of a polygon."""
    numbers = [number for point in points for number in point]
    ring = extensions["type"] in ("box", "polygon")
    head = struct.pack("<BII", 1, 3, 1) if ring else struct.pack("<BI", 1, 2)
    wkb = head + struct.pack(f"<I{len(numbers)}d", len(points), *numbers)
    return {"wkb": wkb, "srid": None, "extensions": extensions}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.5, "1.5"),
        (100.0, "100"),
        (123456789012345.0, "123456789012345"),
        (1e14, "100000000000000"),
        (1e15, "1e+15"),
        (-1.25e15, "-1.25e+15"),
        (1e300, "1e+300"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-1.25e-5, "-1.25e-05"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_a_number_is_printed_as_postgresql_does(number: float, text: str) -> None:
    assert text_of("Point", {"x": number, "y": 2.0}) == f"({text},2)"


@given(st.floats(allow_nan=False))
def test_a_printed_number_is_the_same_number(number: float) -> None:
    printed = text_of("Point", {"x": number, "y": 0.0})[1:].split(",")[0]

    assert float(printed) == number


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("Line", {"a": 1.0, "b": -1.0, "c": 0.5}, "{1,-1,0.5}"),
        ("Circle", {"center": {"x": 1.0, "y": 2.0}, "radius": 3.5}, "<(1,2),3.5>"),
        ("Geometry", native([(0, 0), (1.5, 2)], type="lseg"), "[(0,0),(1.5,2)]"),
        ("Geometry", native([(0, 0), (1, 2)], type="path", closed="false"), "[(0,0),(1,2)]"),
        ("Geometry", native([(0, 0), (1, 2)], type="path", closed="true"), "((0,0),(1,2))"),
        ("Geometry", native([(2, 3), (2, 1), (0, 1), (0, 3), (2, 3)], type="box"), "(2,3),(0,1)"),
        (
            "Geometry",
            native([(0, 0), (1, 2), (3, 1), (0, 0)], type="polygon"),
            "((0,0),(1,2),(3,1))",
        ),
        ("Geometry", native([(4, 5)], type="polygon"), "((4,5))"),
        ("Geometry", {"wkb": b"\x01\xff", "srid": 4326, "extensions": None}, "01FF"),
        ("Geography", {"wkb": b"\x01", "srid": None}, "01"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_is_printed_as_postgresql_does(kind: str, value: Any, text: str) -> None:
    assert text_of(kind, value) == text


@given(POINTS)
def test_a_path_has_each_of_its_points(points: list[tuple[float, float]]) -> None:
    text = text_of("Geometry", native(points, type="path", closed="false"))

    printed = [
        float(number) for number in text.strip("[]").replace("(", "").replace(")", "").split(",")
    ]
    assert repr(printed) == repr([number for point in points for number in point])


def test_a_native_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(KeyError):
        text_of("Geometry", native([(0, 0)], type="torus"))


@pytest.mark.parametrize("name", SEMANTIC)
def test_a_geometric_column_is_text(name: str) -> None:
    record = {"type": "record", "name": name, "connect.name": name, "fields": []}

    (column,) = columns_of({"fields": [{"name": "c", "type": ["null", record]}]})

    assert column.cql_type == "text"
