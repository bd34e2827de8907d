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


def test_a_name_that_avro_does_not_take_is_that_of_postgresql_again() -> None:
    def field(name: str, source: str) -> dict[str, Any]:
        named = {"type": "int", "connect.parameters": {"__debezium.source.column.name": source}}
        return {"name": name, "type": named}

    key = {"type": "record", "name": "Key", "fields": [field("the_id", "the id")]}
    nullable = {"name": "gr__e", "type": ["null", field("gr__e", "größe")["type"]]}
    row = {"type": "record", "name": "Value", "fields": [field("the_id", "the id"), nullable]}
    envelope = {"type": "record", "name": "E", "fields": [{"name": "before", "type": row}]}

    target = target_of(rule(rename={"größe": "size"}), key, envelope)

    assert [(cell.source, cell.column.name) for cell in target.cells] == [
        ("the_id", "the id"),
        ("gr__e", "size"),
    ]
    assert (target.key, target.moves) == (target.cells[:1], False)
