"""Two versions of a schema are compared by record and field; a file is held against its subject."""

import json
from pathlib import Path
from typing import Any

import pytest

from walflow.errors import ExitCode, WalflowError
from walflow.registry.checking import candidate
from walflow.registry.differences import differences


def envelope(*fields: dict[str, Any]) -> dict[str, Any]:
    """As Debezium's converter registers it: the row is described in `before` and named in `after`."""
    value = {"type": "record", "name": "Value", "fields": [{"name": "id", "type": "int"}, *fields]}
    return {
        "type": "record",
        "name": "Envelope",
        "namespace": "cdc.public.users",
        "fields": [
            {"name": "before", "type": ["null", value], "default": None},
            {"name": "after", "type": ["null", "Value"], "default": None},
        ],
    }


PHONE = {"name": "phone", "type": ["null", "string"], "default": None}


def told(before: Any, after: Any) -> list[str]:
    return [difference.line for difference in differences(before, after)]


def test_a_schema_does_not_differ_from_itself() -> None:
    assert told(envelope(PHONE), envelope(PHONE)) == []


def test_an_added_column_is_told_once_with_type_and_default() -> None:
    assert told(envelope(), envelope(PHONE)) == ["+ Value.phone: field null | string, default null"]


def test_a_removed_column_is_told() -> None:
    assert told(envelope(PHONE), envelope()) == ["- Value.phone: field null | string, default null"]


def test_another_type_and_another_default_are_told_apart() -> None:
    number = {"name": "phone", "type": ["long", "null"], "default": 0}
    assert told(envelope(PHONE), envelope(number)) == [
        "~ Value.phone: type null | string → long | null",
        "~ Value.phone: default null → 0",
    ]


def test_connects_name_and_parameters_are_compared() -> None:
    millis = {"type": "long", "connect.name": "io.debezium.time.Timestamp"}
    micros = {
        "type": "long",
        "connect.name": "io.debezium.time.MicroTimestamp",
        "connect.parameters": {"length": "6"},
    }
    lines = told(envelope({"name": "at", "type": millis}), envelope({"name": "at", "type": micros}))
    assert lines == [
        "~ Value.at: type long (io.debezium.time.Timestamp) → long (io.debezium.time.MicroTimestamp)",
        "~ Value.at: connect.name io.debezium.time.Timestamp → io.debezium.time.MicroTimestamp",
        "+ Value.at: length 6",
    ]


def test_symbols_of_an_enumeration_are_compared() -> None:
    def enum(*symbols: str) -> Any:
        kind = {"type": "enum", "name": "Colour", "symbols": list(symbols)}
        return envelope({"name": "colour", "type": kind})

    assert told(enum("RED"), enum("RED", "BLUE")) == ["~ Colour: symbols RED → RED, BLUE"]


def test_schemas_without_a_record_are_compared_too() -> None:
    assert told("bytes", "string") == ["~ (schema): type bytes → string"]


def test_a_file_tells_its_subject_as_debezium_names_it(tmp_path: Path) -> None:
    file = tmp_path / "envelope.avsc"
    file.write_text(json.dumps(envelope()))
    assert candidate(str(file)).subject == "cdc.public.users-value"
    key = {"type": "record", "name": "Key", "namespace": "cdc.public.users", "fields": []}
    file.write_text(json.dumps(key))
    assert candidate(str(file)).subject == "cdc.public.users-key"


def test_a_schema_of_another_name_tells_no_subject(tmp_path: Path) -> None:
    file = tmp_path / "other.avsc"
    file.write_text('"string"')
    assert candidate(str(file)).subject == ""


@pytest.mark.parametrize(
    ("content", "expected"),
    [("{,", "avsc:1: this is not JSON"), ('{"type": "nonsense"}', "is no Avro schema")],
)
def test_a_file_that_is_no_schema_is_refused(tmp_path: Path, content: str, expected: str) -> None:
    file = tmp_path / "wrong.avsc"
    file.write_text(content)
    with pytest.raises(WalflowError, match=expected) as caught:
        candidate(str(file))
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_missing_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WalflowError, match="cannot be read: No such file"):
        candidate(str(tmp_path / "absent.avsc"))
