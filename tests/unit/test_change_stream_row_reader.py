"""The short way comes to what the general way comes to, or leaves the record to it."""

import io
import struct
from typing import Any
from uuid import UUID

import fastavro
import pytest
from cassandra import cqltypes
from cassandra.query import UNSET_VALUE, PreparedStatement
from hypothesis import given
from hypothesis import strategies as st

from change_stream.change import read_envelope
from change_stream.columns import UNAVAILABLE, Unmappable
from change_stream.mutation import Target, mutations_of, unknown_of_new_row
from change_stream.row_reader import Read, row_reader
from change_stream.statements import Statements
from change_stream.targets import target_of
from walflow.settings import TableSettings
from walflow.tables import TableRule

STAMP = 1_760_000_000_000_000
CQL = {
    "text": cqltypes.UTF8Type,
    "uuid": cqltypes.UUIDType,
    "timestamp": cqltypes.DateType,
    "bigint": cqltypes.LongType,
    "int": cqltypes.Int32Type,
    "smallint": cqltypes.ShortType,
    "boolean": cqltypes.BooleanType,
    "float": cqltypes.FloatType,
    "double": cqltypes.DoubleType,
    "decimal": cqltypes.DecimalType,
    "date": cqltypes.SimpleDateType,
    "time": cqltypes.TimeType,
}
LONGS = st.integers(-(2**63), 2**63 - 1)
INTS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(max_size=200) | st.sampled_from(
    [UNAVAILABLE, f'{{"{UNAVAILABLE}":"{UNAVAILABLE}"}}', "x" * 28, "x" * 65]
)
MOMENTS = st.datetimes().map(lambda m: m.isoformat() + "Z") | st.sampled_from(
    [
        "infinity",
        "-infinity",
        "0000-03-01T00:00:00Z",
        "+12345-01-01T00:00:00Z",
        "tomorrow",
        UNAVAILABLE,
    ]
)
UUIDS = st.uuids().map(str) | st.sampled_from(
    [
        "no uuid",
        "{00000000-0000-0000-0000-000000000001}",
        "0" * 32,
        " " * 36,
        "0_" * 18,
        UNAVAILABLE,
    ]
)


def semantic(kind: str, name: str, **parameters: str) -> dict[str, Any]:
    described: dict[str, Any] = {"type": kind, "connect.name": name}
    return described | ({"connect.parameters": parameters} if parameters else {})


KINDS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "text": ("string", TEXTS),
    "uuid": (semantic("string", "io.debezium.data.Uuid"), UUIDS),
    "zoned": (semantic("string", "io.debezium.time.ZonedTimestamp"), MOMENTS),
    "micros": (semantic("long", "io.debezium.time.MicroTimestamp"), LONGS),
    "numeric": (
        {"type": "string", "connect.parameters": {"__debezium.source.column.type": "NUMERIC"}},
        st.decimals().map(str) | TEXTS,
    ),
    "long": ("long", LONGS),
    "int": ("int", INTS),
    "smallint": ({"type": "int", "connect.type": "int16"}, INTS),
    "boolean": ("boolean", st.booleans()),
    "float": ("float", st.floats(width=32)),
    "double": ("double", st.floats()),
    "date": (semantic("int", "io.debezium.time.Date"), INTS),
    "time": (semantic("long", "io.debezium.time.MicroTime"), LONGS),
}
SOURCE = {
    "type": "record",
    "name": "Source",
    "fields": [
        {"name": "schema", "type": "string"},
        {"name": "table", "type": "string"},
        {"name": "ts_ms", "type": "long"},
        {"name": "snapshot", "type": ["null", "boolean", "double", "string"]},
        {"name": "lsn", "type": ["null", "long"]},
    ],
}


def envelope(columns: list[tuple[Any, bool]]) -> Any:
    """The schema of a table of these columns, each with whether it may be null; the first is its key."""
    fields = [
        {"name": f"c{i}", "type": ["null", kind] if nullable else kind}
        for i, (kind, nullable) in enumerate(columns)
    ]
    row = {"type": "record", "name": "Value", "fields": fields}
    schema = {
        "type": "record",
        "name": "Envelope",
        "fields": [
            {"name": "before", "type": ["null", row]},
            {"name": "after", "type": ["null", "Value"]},
            {"name": "source", "type": SOURCE},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": ["null", "long"]},
        ],
    }
    return fastavro.parse_schema(schema)


def key_schema(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Key", "fields": [{"name": "c0", "type": kind}]}


class Column:
    def __init__(self, name: str, cql_type: Any) -> None:
        self.keyspace_name, self.table_name, self.name, self.type = "ks", "t", name, cql_type


class Session:
    """Prepares the INSERT of a target."""

    def __init__(self, target: Target) -> None:
        columns = [Column(c.column.name, CQL[c.column.cql_type]) for c in target.cells]
        columns.append(Column("[timestamp]", cqltypes.LongType))
        self._insert = PreparedStatement(columns, b"q", None, "INSERT", "ks", 4, None, None)

    def prepare(self, _: str) -> PreparedStatement:
        return self._insert


def payload(schema: Any, datum: Any) -> bytes:
    stream = io.BytesIO()
    stream.write(b"\0\0\0\0\1")
    fastavro.schemaless_writer(stream, schema, datum)
    return stream.getvalue()


def both(
    schema: Any, first_kind: Any, setting: TableSettings | None = None
) -> tuple[Target, Read | None]:
    rule = TableRule("public.t", "ks", "t", setting or TableSettings())
    target = target_of(rule, key_schema(first_kind), schema)
    types = [CQL[cell.column.cql_type] for cell in target.cells]
    return target, row_reader(schema, target, types, 4)


def general(schema: Any, target: Target, given: bytes) -> list[Any] | None:
    """What the general way binds; None for a dead letter, or where it tells more than the row."""
    datum = fastavro.schemaless_reader(io.BytesIO(given[5:]), schema, None)
    change = read_envelope(datum)
    try:
        (mutation,) = mutations_of(change, {}, target, STAMP)
        bound = Statements(Session(target)).bind(mutation)
    except Unmappable:
        return None
    if unknown_of_new_row(change, target):
        return None
    return list(bound.values)


def change_of(
    row: dict[str, Any], op: str = "c", before: dict[str, Any] | None = None
) -> dict[str, Any]:
    source = {"schema": "public", "table": "t", "ts_ms": 1, "snapshot": "false", "lsn": 2**40}
    return {"before": before, "after": row, "source": source, "op": op, "ts_ms": 2**41}


@given(st.data())
def test_a_row_of_any_types_becomes_the_same_bytes_by_both_ways(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8))
    columns = [(KINDS[name][0], i > 0 and data.draw(st.booleans())) for i, name in enumerate(names)]
    schema = envelope(columns)
    target, read = both(schema, columns[0][0])
    assert read is not None

    def row() -> dict[str, Any]:
        values = (KINDS[name][1] for name in names)
        return {
            f"c{i}": data.draw(st.none() | value if columns[i][1] else value)
            for i, value in enumerate(values)
        }

    before = data.draw(st.none() | st.builds(row))
    given_bytes = payload(schema, change_of(row(), data.draw(st.sampled_from("cur")), before))
    expected = general(schema, target, given_bytes)
    values = read(given_bytes)
    if values is not None:
        assert expected is not None, "a dead letter by the general way"
        assert [*values, struct.pack(">q", STAMP)] == expected
    elif expected is not None:
        # Left to the general way although it can be bound: only an unusual spelling of a UUID.
        assert "uuid" in names


def a_reader() -> tuple[Any, Read]:
    schema = envelope([(KINDS["uuid"][0], False), ("string", True)])
    _, read = both(schema, KINDS["uuid"][0])
    assert read is not None
    return schema, read


ROW = {"c0": "00000000-0000-0000-0000-000000000001", "c1": "ä"}
VALUES = [UUID(int=1).bytes, "ä".encode()]


@pytest.mark.parametrize("op", ["c", "r", "u"])
def test_a_written_row_is_read(op: str) -> None:
    schema, read = a_reader()

    assert read(payload(schema, change_of(ROW, op))) == VALUES


@pytest.mark.parametrize("op", ["d", "t", "m", "x", ""])
def test_other_operations_are_left_to_the_general_way(op: str) -> None:
    schema, read = a_reader()

    assert read(payload(schema, change_of(ROW, op))) is None


def test_an_unknown_value_of_an_update_is_unset() -> None:
    schema, read = a_reader()
    row = ROW | {"c1": UNAVAILABLE}

    assert read(payload(schema, change_of(row, "u"))) == [VALUES[0], UNSET_VALUE]
    assert read(payload(schema, change_of(row, "c"))) is None, "to be told as an incomplete row"


@given(st.integers(0, 200))
def test_a_record_that_is_cut_off_is_left_to_the_general_way(length: int) -> None:
    schema, read = a_reader()
    whole = payload(schema, change_of(ROW))

    assert read(whole[: min(length, len(whole) - 1)]) is None


def test_bytes_behind_the_envelope_are_left_to_the_general_way() -> None:
    schema, read = a_reader()

    assert read(payload(schema, change_of(ROW)) + b"\0") is None


def test_bytes_that_are_no_text_are_left_to_the_general_way() -> None:
    schema, read = a_reader()
    good = payload(schema, change_of(ROW))

    assert read(good.replace("ä".encode(), b"\xc3\xc3")) is None


def test_a_row_without_an_after_image_is_left_to_the_general_way() -> None:
    schema, read = a_reader()

    assert read(payload(schema, change_of(ROW) | {"after": None})) is None


def test_columns_that_are_not_written_are_stepped_over() -> None:
    schema = envelope(
        [("int", False), ("string", True), ({"type": "bytes"}, False), ("long", True)]
    )
    _, read = both(schema, "int", TableSettings(exclude=("c1", "c2")))
    row = {"c0": -7, "c1": "x" * 300, "c2": b"y" * 100, "c3": 2**62}

    assert read is not None
    assert read(payload(schema, change_of(row, before=row))) == [
        struct.pack(">i", -7),
        struct.pack(">q", 2**62),
    ]


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "array", "items": ["null", "string"]},
        {"type": "map", "values": "string"},
        {"type": "bytes"},
    ],
)
def test_other_types_have_no_short_way(kind: Any) -> None:
    schema = envelope([("int", False), (kind, True)])
    rule = TableRule("public.t", "ks", "t", TableSettings())
    target = target_of(rule, key_schema("int"), schema)

    types = [CQL.get(cell.column.cql_type) for cell in target.cells]
    assert row_reader(schema, target, types, 4) is None


def test_a_table_whose_rows_move_has_no_short_way() -> None:
    setting = TableSettings(partition_key=("c1",), clustering_key=("c0",))

    assert both(envelope([("int", False), ("string", False)]), "int", setting)[1] is None


def test_masks_and_other_names_apply() -> None:
    schema = envelope([("int", False), ("string", True)])
    setting = TableSettings(mask={"c1": "truncate:2"}, rename={"c1": "initials"})
    _, read = both(schema, "int", setting)

    assert read is not None
    assert read(payload(schema, change_of({"c0": 1, "c1": "Ada"}))) == [b"\0\0\0\1", b"Ad"]
