"""Geometric values as PostgreSQL prints them: text that it takes back as the same value."""

import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Point = tuple[float, float]


def point(value: Mapping[str, Any]) -> str:
    """`(x,y)` of io.debezium.data.geometry.Point."""
    return _point((value["x"], value["y"]))


def line(value: Mapping[str, Any]) -> str:
    """`{A,B,C}` of io.debezium.data.geometry.Line."""
    return "{" + ",".join(_number(value[name]) for name in "abc") + "}"


def circle(value: Mapping[str, Any]) -> str:
    """`<(x,y),r>` of io.debezium.data.geometry.Circle."""
    return f"<{point(value['center'])},{_number(value['radius'])}>"


def geometry(value: Mapping[str, Any]) -> str:
    """The text of io.debezium.data.geometry.Geometry or Geography.

    The extensions name the native type that its WKB stands for. PostGIS' types have none: of them the
    text is the EWKB in hexadecimal, as PostGIS prints it.

    Raises:
        KeyError: a native type that is not known.
    """
    extensions = value.get("extensions")
    if not extensions:
        return str(value["wkb"].hex().upper())
    points = _points(value["wkb"])
    match extensions["type"]:
        case "box":
            # A ring along the sides; PostgreSQL prints the upper right and the lower left corner.
            return f"{_point(points[0])},{_point(points[2])}"
        case "lseg":
            return f"[{_joined(points)}]"
        case "path":
            return (
                f"({_joined(points)})" if extensions["closed"] == "true" else f"[{_joined(points)}]"
            )
        case "polygon":
            ring = points[:-1] if len(points) > 1 and points[0] == points[-1] else points
            return f"({_joined(ring)})"
        case unknown:
            raise KeyError(unknown)


_LINE_STRING = 2


def _points(wkb: bytes) -> list[Point]:
    """Of a line string, or of a polygon's only ring; little-endian (OGC 06-103r4, clause 8)."""
    (kind,) = struct.unpack_from("<I", wkb, 1)
    start = 5 if kind == _LINE_STRING else 9
    (count,) = struct.unpack_from("<I", wkb, start)
    numbers = struct.unpack_from(f"<{2 * count}d", wkb, start + 4)
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _joined(points: list[Point]) -> str:
    return ",".join(map(_point, points))


def _point(at: Point) -> str:
    return f"({_number(at[0])},{_number(at[1])})"


def _number(value: float) -> str:
    """A double as PostgreSQL prints it: the shortest digits, with an exponent from 1e+15 and 1e-05."""
    if value != value:
        return "NaN"
    if abs(value) == float("inf"):
        return "Infinity" if value > 0 else "-Infinity"
    number = Decimal(repr(value)).normalize()
    if number == 0:
        return "-0" if number.is_signed() else "0"
    if -4 <= number.adjusted() < 15:
        return f"{number:f}"
    digits = "".join(map(str, number.as_tuple().digits))
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    sign = "-" if number.is_signed() else ""
    return f"{sign}{digits[0]}{fraction}e{number.adjusted():+03d}"


SEMANTIC: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "io.debezium.data.geometry.Point": point,
    "io.debezium.data.geometry.Line": line,
    "io.debezium.data.geometry.Circle": circle,
    "io.debezium.data.geometry.Geometry": geometry,
    "io.debezium.data.geometry.Geography": geometry,
}
