"""Readers made for one Avro schema: from the bytes of an envelope straight to the bytes that CQL takes.

Most records insert or update a row, and most values are texts, whose bytes are the same in Avro and in
CQL. Reading such a record into Python objects and binding these costs 90 µs of CPU; the code that is
made here for its schema and target takes about a seventh of that, since it makes no object of what is
only passed on. It reads what it knows for certain and nothing else: for any other record it returns
None, and the record goes the general way (`Interpreter`, `Statements`), which decides what becomes of
it. Fields that the stream does not use, most of `source`, are stepped over and not looked into.

Source of the encoding: Apache Avro specification, "Binary Encoding".
"""

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cassandra import cqltypes
from cassandra.query import UNSET_VALUE

from change_stream.columns import UNAVAILABLE_TEXTS, Column, same
from change_stream.mutation import Target
from change_stream.record import DATUM_OFFSET

Read = Callable[[bytes], list[Any] | None]
"""The values of a target's cells as CQL has them, None for a null, `UNSET_VALUE` for an unknown one; or
None where the record has to go the general way."""

_WRITING_OPS = {b"c": "create", b"r": "read", b"u": "update"}
_NULL, _LONG, _INT = "null", "long", "int"
_TEXTS = (cqltypes.UTF8Type, cqltypes.VarcharType)
_FIXED_BYTES = {"boolean": 1, "float": 4, "double": 8}
_LONG_PATTERN = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_NUMBERS = {
    _INT: _LONG_PATTERN,
    _LONG: _LONG_PATTERN,
    str([_NULL, _LONG]): rb"(?:\x00|\x02" + _LONG_PATTERN + rb")",
}
"""What steps over one number."""
_VARYING = frozenset({"sequence"})
"""Texts of `source` that differ from record to record."""
_PLACEHOLDERS = frozenset(text.encode() for text in UNAVAILABLE_TEXTS)
_PLACEHOLDER_LENGTHS = frozenset(len(text) for text in _PLACEHOLDERS)


class _Unreadable(Exception):
    """The schema holds what no reader is made for: its records go the general way."""


class _General(Exception):
    """A record that has to go the general way."""


def row_reader(
    envelope: Mapping[str, Any], target: Target, types: Sequence[Any], protocol: int
) -> Read | None:
    """A reader for the inserts, reads and updates of an envelope's schema.

    Args:
        envelope: the Avro schema as fastavro has parsed it.
        types: the driver's type of each of the target's cells.
        protocol: version of the native protocol.

    Returns:
        None where the schema or the target needs the general way for every record.
    """
    if target.moves:
        return None  # the row may have to be deleted elsewhere
    try:
        code = _Code(target, types, protocol).of(envelope)
    except _Unreadable:
        return None
    return code


def _more(payload: bytes, place: int, first: int) -> tuple[int, int]:
    """A variable-length integer of more than one byte, before zigzag, and the place behind it.

    Args:
        place: of its second byte.
        first: its first one.
    """
    number, shift = first & 0x7F, 7
    while True:
        byte = payload[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7
        if shift > 63:
            raise _General


class _Code:
    """Writes the source of one reader, line by line, and compiles it."""

    def __init__(self, target: Target, types: Sequence[Any], protocol: int) -> None:
        self._cells = {cell.source: i for i, cell in enumerate(target.cells)}
        if len(self._cells) != len(target.cells):
            raise _Unreadable
        self._columns = [cell.column for cell in target.cells]
        self._types = types
        self._protocol = protocol
        self._named: dict[str, Any] = {}
        self._lines: list[str] = []
        self._run: tuple[str, list[Any]] | None = None
        self._names: dict[str, Any] = {
            "more": _more,
            "General": _General,
            "UNSET": UNSET_VALUE,
            "PLACEHOLDERS": _PLACEHOLDERS,
            "LENGTHS": _PLACEHOLDER_LENGTHS,
            "long8": struct.Struct(">q").pack,
            "float4": struct.Struct("<f").unpack_from,
            "float8": struct.Struct("<d").unpack_from,
            "fromhex": bytes.fromhex,
        }

    def of(self, envelope: Mapping[str, Any]) -> Read:
        names = [field["name"] for field in envelope["fields"]]
        if names[:2] != ["before", "after"] or "op" not in names:
            raise _Unreadable
        self._line(0, "def read(b):")
        self._line(1, "try:")
        self._line(2, f"p = {DATUM_OFFSET}")
        self._line(2, "unknown = False")
        for field in envelope["fields"]:
            self._envelope_field(field["name"], field["type"])
        self._end_run()
        self._line(2, "if p != len(b) or op not in OPS or (unknown and op == b'c'):")
        self._line(3, "return None")
        values = ", ".join(f"v{i}" for i in range(len(self._columns)))
        self._line(2, f"return [{values}]")
        self._line(
            1, "except (General, ValueError, TypeError, KeyError, IndexError, AttributeError,"
        )
        self._line(2, "ArithmeticError, StructError):")
        self._line(2, "return None")
        self._names["OPS"] = frozenset(_WRITING_OPS)
        self._names["StructError"] = struct.error
        exec(compile("\n".join(self._lines), "<row reader>", "exec"), self._names)
        read: Read = self._names["read"]
        return read

    def _envelope_field(self, name: str, kind: Any) -> None:
        if name == "after":
            self._end_run()
            branches = kind if isinstance(kind, list) else [kind]
            if branches[0] != _NULL or len(branches) != 2:
                raise _Unreadable
            self._line(2, "if b[p] != 2: return None")
            self._line(2, "p += 1")
            self._row(self._resolved(branches[1]))
        elif name == "op":
            self._end_run()
            self._length(2)
            self._line(2, "op = b[p:p + n]")
            self._line(2, "p += n")
        elif name == "before":
            self._skip(kind, 2)
        else:
            self._pass_over(name, kind)

    def _pass_over(self, name: str, kind: Any) -> None:
        """Step over a field that the stream does not use, together with its like beside it."""
        kind = self._resolved(kind)
        if isinstance(kind, dict) and kind["type"] == "record":
            for field in kind["fields"]:
                self._pass_over(field["name"], field["type"])
            return
        bare = kind["type"] if isinstance(kind, dict) else kind
        branches = [self._resolved(b) for b in kind] if isinstance(kind, list) else []
        pattern = _NUMBERS.get(bare if isinstance(bare, str) else str(branches))
        if pattern is not None:
            self._join_run("numbers", pattern)
        elif name in _VARYING or any(isinstance(b, dict) for b in branches):
            self._end_run()
            self._skip(kind, 2)
        else:
            self._join_run("texts", kind)

    def _join_run(self, what: str, part: Any) -> None:
        if self._run and self._run[0] != what:
            self._end_run()
        self._run = (what, [*self._run[1], part]) if self._run else (what, [part])

    def _end_run(self) -> None:
        """Numbers are stepped over by one expression. Texts are mostly those of the record before: the
        same bytes mean the same, since each value in Avro says where it ends.
        """
        if self._run is None:
            return
        (what, parts), self._run = self._run, None
        name = f"run{len(self._names)}"
        if what == "numbers":
            self._names[name] = re.compile(b"".join(parts), re.DOTALL).match
            self._line(2, f"p = {name}(b, p).end()")
            return
        self._names[name] = [b"\xff", 1]
        self._line(2, f"r = {name}")
        self._line(2, "if b.startswith(r[0], p): p += r[1]")
        self._line(2, "else:")
        self._line(3, "q = p")
        for kind in parts:
            self._skip(kind, 3)
        self._line(3, "r[0], r[1] = b[q:p], p - q")

    def _row(self, row: Mapping[str, Any]) -> None:
        seen = set()
        for field in row["fields"]:
            cell = self._cells.get(field["name"])
            if cell is None:
                self._skip(field["type"], 2)
            else:
                seen.add(cell)
                self._cell(cell, field["type"])
        if len(seen) != len(self._columns):
            raise _Unreadable

    def _cell(self, number: int, kind: Any) -> None:
        level = 2
        if isinstance(kind, list):
            if kind[0] != _NULL or len(kind) != 2:
                raise _Unreadable
            self._line(2, "if b[p] == 0:")
            self._line(3, f"p += 1; v{number} = None")
            self._line(2, "elif b[p] != 2:")
            self._line(3, "return None")
            self._line(2, "else:")
            self._line(3, "p += 1")
            kind, level = kind[1], 3
        self._value(number, self._resolved(kind), level)

    def _value(self, number: int, kind: Any, level: int) -> None:
        described = kind if isinstance(kind, dict) else {"type": kind}
        column, cql = self._columns[number], self._types[number]
        plain = described["type"]
        if described.get("logicalType") is not None:
            raise _Unreadable  # fastavro makes other objects of it
        if plain == "string":
            self._text(number, column, cql, described, level)
        elif plain in (_INT, _LONG):
            self._line(level, "n = b[p]; p += 1")
            self._line(level, "if n > 127: n, p = more(b, p, n)")
            self._converted(number, column, cql, "(n >> 1) ^ -(n & 1)", level)
        elif plain == "boolean":
            self._line(level, "if b[p] > 1: return None")
            self._converted(number, column, cql, "b[p] == 1", level)
            self._line(level, "p += 1")
        elif plain in ("float", "double"):
            size = 4 if plain == "float" else 8
            self._line(level, f"x = float{size}(b, p)[0]; p += {size}")
            self._converted(number, column, cql, "x", level)
        else:
            raise _Unreadable

    def _text(
        self, number: int, column: Column, cql: Any, described: Mapping[str, Any], level: int
    ) -> None:
        self._length(level)
        self._line(level, "t = b[p:p + n]")
        self._line(level, "p += n")
        self._line(level, "if n in LENGTHS and t in PLACEHOLDERS:")
        self._line(level + 1, f"v{number} = UNSET; unknown = True")
        self._line(level, "else:")
        level += 1
        if column.convert is same and cql in _TEXTS:
            self._line(level, "if not t.isascii(): t.decode()")
            self._line(level, f"v{number} = t")
        elif described.get("connect.name") == "io.debezium.data.Uuid" and column.cql_type == "uuid":
            # As UUID() reads it: 32 hexadecimal digits, dashes anywhere.
            self._line(level, f"v{number} = fromhex(t.decode().replace('-', ''))")
            self._line(level, f"if n != 36 or len(v{number}) != 16: return None")
        else:
            self._converted(number, column, cql, "t.decode()", level)

    def _converted(self, number: int, column: Column, cql: Any, value: str, level: int) -> None:
        """Through the column's own conversion and the driver's type: what the general way does."""
        self._names[f"convert{number}"] = column.convert
        converted = value if column.convert is same else f"convert{number}({value})"
        if cql is cqltypes.DateType or cql is cqltypes.TimestampType:
            # The driver takes a number for milliseconds, but finds out by two exceptions.
            self._line(level, f"x = {converted}")
            self._line(level, "if type(x) is not int: return None")
            self._line(level, f"v{number} = long8(x)")
        else:
            self._names[f"serialize{number}"] = cql.serialize
            self._line(level, f"v{number} = serialize{number}({converted}, {self._protocol})")

    def _length(self, level: int) -> None:
        """`n` becomes the length of a text or of bytes."""
        self._line(level, "n = b[p]; p += 1")
        self._line(level, "if n > 127: n, p = more(b, p, n)")
        self._line(level, "if n & 1: return None")
        self._line(level, "n >>= 1")

    def _skip(self, kind: Any, level: int) -> None:
        """Step over a value."""
        kind = self._resolved(kind)
        if isinstance(kind, list):
            self._skip_union(kind, level)
            return
        described = kind if isinstance(kind, dict) else {"type": kind}
        plain = described["type"]
        if plain == "record":
            for field in described["fields"]:
                self._skip(field["type"], level)
        elif plain in (_INT, _LONG, "enum"):
            self._line(level, "while b[p] > 127: p += 1")
            self._line(level, "p += 1")
        elif plain in ("string", "bytes"):
            self._length(level)
            self._line(level, "p += n")
        elif plain in ("boolean", "float", "double"):
            self._line(level, f"p += {_FIXED_BYTES[plain]}")
        elif plain != _NULL:
            raise _Unreadable

    def _skip_union(self, branches: Sequence[Any], level: int) -> None:
        self._line(level, "u = b[p]; p += 1")
        for index, branch in enumerate(branches):
            if index >= 64:
                raise _Unreadable
            self._line(level, f"{'elif' if index else 'if'} u == {2 * index}:")
            before = len(self._lines)
            self._skip(branch, level + 1)
            if len(self._lines) == before:
                self._line(level + 1, "pass")
        self._line(level, "else: return None")

    def _resolved(self, kind: Any) -> Any:
        """The definition behind a name; Avro defines a named type where it comes first."""
        if isinstance(kind, str) and kind in self._named:
            return self._named[kind]
        if isinstance(kind, dict) and "name" in kind:
            self._named[kind["name"]] = kind
        elif isinstance(kind, dict) and isinstance(kind["type"], dict | list):
            raise _Unreadable
        return kind

    def _line(self, level: int, text: str) -> None:
        self._lines.append("    " * level + text)
