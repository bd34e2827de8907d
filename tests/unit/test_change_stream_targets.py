"""What a table's rule makes of its Avro schemas: keys, columns, types."""

from typing import Any

from change_stream.targets import target_of
from walflow.settings import TableSettings
from walflow.tables import TableRule

AT = {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}
KEY = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "int"}]}
ROW = {
    "type": "record",
    "name": "Value",
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "at", "type": ["null", AT]},
        {"name": "times", "type": ["null", {"type": "array", "items": ["null", AT]}]},
        {"name": "note", "type": ["null", "string"]},
    ],
}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "fields": [{"name": "before", "type": ["null", ROW]}, {"name": "after", "type": "Value"}],
}


def types(**setting: Any) -> dict[str, str]:
    target = target_of(rule(**setting), KEY, ENVELOPE)
    return {cell.column.name: cell.column.cql_type for cell in target.cells}


def rule(**setting: Any) -> TableRule:
    return TableRule("public.orders", "ks", "orders", TableSettings(**setting), b"secret")


def test_timestamps_are_cql_timestamps_unless_the_rule_wants_microseconds() -> None:
    assert types() == {
        "id": "int",
        "at": "timestamp",
        "times": "frozen<list<timestamp>>",
        "note": "text",
    }
    assert types(timestamps="micros") == {
        "id": "int",
        "at": "bigint",
        "times": "frozen<list<bigint>>",
        "note": "text",
    }


def test_microseconds_are_what_is_written() -> None:
    target = target_of(rule(timestamps="micros", rename={"at": "moment"}), KEY, ENVELOPE)
    (moment,) = (cell.column for cell in target.cells if cell.source == "at")
    assert (moment.name, moment.convert(1_714_904_430_123_456)) == ("moment", 1_714_904_430_123_456)


def test_a_timestamp_of_microseconds_can_be_a_clustering_column() -> None:
    setting = {"timestamps": "micros", "partition_key": ["id"], "clustering_key": ["at"]}
    target = target_of(rule(**setting), KEY, ENVELOPE)
    assert [(cell.source, cell.column.cql_type) for cell in target.key] == [
        ("id", "int"),
        ("at", "bigint"),
    ]
    assert target.moves
