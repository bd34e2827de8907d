"""A record becomes an event that says what it did, whether or not it can be decoded."""

import io
import json
import struct
from typing import Any

import fastavro
import pytest

from change_stream.record import Record, Undecodable
from change_stream.schemas import RegistryUnavailable, SchemaRegistry
from walflow.errors import ExitCode, WalflowError
from walflow.topics.display import lines
from walflow.topics.events import UNAVAILABLE, Event, Kind, decoded, plain, raw
from walflow.topics.filters import parsed

ROW = {
    "type": "record",
    "name": "Value",
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "phone", "type": ["null", "string"]},
        {"name": "photo", "type": ["null", "bytes"]},
    ],
}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {"name": "before", "type": ["null", ROW]},
        {"name": "after", "type": ["null", "Value"]},
        {
            "name": "source",
            "type": {
                "type": "record",
                "name": "Source",
                "fields": [{"name": "lsn", "type": "long"}, {"name": "table", "type": "string"}],
            },
        },
        {"name": "op", "type": "string"},
    ],
}
KEY = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "int"}]}
SCHEMAS: dict[int, Any] = {1: KEY, 2: ENVELOPE}


class Registry(SchemaRegistry):
    """Schemas without a server; an id over 9 is that of a registry that is away."""

    def __init__(self) -> None:
        super().__init__("http://localhost", 0)

    def schema(self, identifier: int) -> Any:
        if identifier > 9:
            raise RegistryUnavailable(f"no answer for {identifier}")
        if identifier not in SCHEMAS:
            raise Undecodable(f"the registry knows no schema id {identifier}")
        return fastavro.parse_schema(SCHEMAS[identifier])


def encoded(identifier: int, datum: Any) -> bytes:
    stream = io.BytesIO()
    stream.write(struct.pack(">bI", 0, identifier))
    fastavro.schemaless_writer(stream, fastavro.parse_schema(SCHEMAS[identifier]), datum)
    return stream.getvalue()


def row(phone: str | None, photo: bytes | None = None) -> dict[str, Any]:
    return {"id": 7, "phone": phone, "photo": photo}


def record(key: bytes | None, value: bytes | None) -> Record:
    return Record("cdc.public.users", 1, 42, 1_795_287_000_123, key, value, (("h", b"x"),))


def change(op: str, before: Any, after: Any) -> Event:
    source = {"lsn": 99, "table": "users"}
    datum = {"before": before, "after": after, "source": source, "op": op}
    return decoded(record(encoded(1, {"id": 7}), encoded(2, datum)), Registry())


def shown(event: Event, is_raw: bool = False) -> list[str]:
    return [line.plain for line in lines(event, is_raw)]


def test_an_update_shows_each_column_that_it_changed_and_no_other() -> None:
    event = change("u", row("1"), row("2"))
    assert event.kind is Kind.UPDATE
    assert shown(event) == [
        "update    cdc.public.users-1@42  2026-11-21T18:50:00.123Z  key id=7  lsn 99",
        "  ~ phone: '1' → '2'",
        "    2 columns unchanged",
    ]


def test_a_null_is_told_apart_from_the_word() -> None:
    assert "  ~ phone: 'null' → null" in shown(change("u", row("null"), row(None)))


def test_an_update_whose_image_before_is_not_in_the_log_says_so_and_shows_the_row() -> None:
    told = shown(change("u", None, row("2")))
    assert "the row before is not in the log" in told[1]
    assert "  + phone: '2'" in told


def test_an_unchanged_toasted_value_is_no_change() -> None:
    event = change("u", row("1"), row(UNAVAILABLE))
    assert event.changed == {}
    assert "(as it was" in "".join(shown(change("u", None, row(UNAVAILABLE))))


@pytest.mark.parametrize(
    ("op", "before", "after", "kind", "line"),
    [
        ("c", None, row("1", b"\x01\xff"), Kind.CREATE, "  + photo: 0x01ff"),
        ("r", None, row("1"), Kind.READ, "  + phone: '1'"),
        ("d", row("1"), None, Kind.DELETE, "  - phone: '1'"),
    ],
)
def test_a_whole_row_is_shown_with_its_sign(
    op: str, before: Any, after: Any, kind: Kind, line: str
) -> None:
    event = change(op, before, after)
    assert event.kind is kind
    assert line in shown(event)


def test_of_a_deleted_row_of_which_only_the_key_is_in_the_log_no_filler_is_shown() -> None:
    assert shown(change("d", row(None, b""), None))[1:] == [
        "  - id: 7",
        "    the other columns were empty, or are not in the log: only the key is, with REPLICA"
        " IDENTITY DEFAULT",
    ]


def test_a_tombstone_is_named_as_such() -> None:
    event = decoded(record(encoded(1, {"id": 7}), None), Registry())
    assert event.kind is Kind.TOMBSTONE
    assert shown(event)[0].startswith("tombstone cdc.public.users-1@42")


def test_an_unknown_schema_id_is_told_and_the_bytes_are_kept() -> None:
    event = decoded(record(None, struct.pack(">bI", 0, 5) + b"abc"), Registry())
    assert event.kind is Kind.RECORD
    assert event.value.schema_id == 5
    assert event.as_dict()["value"]["problem"] == "the registry knows no schema id 5"
    assert "the registry knows no schema id 5" in "".join(shown(event))


def test_text_is_shown_as_text_and_other_bytes_in_hexadecimal() -> None:
    assert shown(decoded(record(b"k", b'{"a": 1}'), Registry()))[1] == "    '{\"a\": 1}'"
    assert shown(decoded(record(None, b"\xff\xfe"), Registry()))[1] == "    0xfffe"


def test_a_registry_that_is_away_is_told_with_the_way_without_it() -> None:
    with pytest.raises(WalflowError, match="--raw does without") as caught:
        decoded(record(None, struct.pack(">bI", 0, 10)), Registry())
    assert caught.value.exit_code is ExitCode.NOT_READY


def test_raw_shows_bytes_and_asks_no_registry() -> None:
    told = shown(raw(record(None, struct.pack(">bI", 0, 10) + b"abc")), is_raw=True)
    assert told[1:3] == ["  key: null", "  value: 8 bytes, schema id 10"]
    assert told[3].strip().startswith("0000  00 00 00 00 0a 61 62 63")


def test_as_json_a_change_has_place_images_source_and_ids() -> None:
    told = json.loads(json.dumps(change("u", row("1"), row("2", b"\x01")).as_dict()))
    assert (told["place"], told["op"], told["partition"]) == (
        "cdc.public.users-1@42",
        "update",
        1,
    )
    assert told["before"] == {"id": 7, "phone": "1", "photo": None}
    assert told["after"] == {"id": 7, "phone": "2", "photo": "0x01"}
    assert told["source"]["lsn"] == 99
    assert (told["key"]["schema_id"], told["value"]["schema_id"]) == (1, 2)
    assert told["headers"] == [["h", "x"]]


def test_values_that_json_does_not_know_are_made_plain() -> None:
    assert plain({"a": [b"\x00", (1, None)]}) == {"a": ["0x00", [1, None]]}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("7", True),
        ("8", False),
        ("op=update", True),
        ("op=u", True),
        ("op!=delete", True),
        ("op=d", False),
        ("key.id=7", True),
        ("key.id>=7", True),
        ("key.id<7", False),
        ("after.phone=2", True),
        ("before.phone~^[01]$", True),
        ("after.photo=null", True),
        ("after.nothing=2", False),
        ("after.nothing!=2", False),
        ("changed=phone", True),
        ("changed=photo", False),
        ("changed!=photo", True),
        ("source.lsn>98", True),
        ("source.lsn>100", False),
        ("source.table=users", True),
        ("partition=1", True),
        ("offset<=42", True),
    ],
)
def test_a_filter_looks_where_it_says(text: str, holds: bool) -> None:
    assert parsed([text])(change("u", row("1"), row("2"))) is holds


def test_all_filters_have_to_hold() -> None:
    event = change("u", row("1"), row("2"))
    assert parsed(["7", "op=u"])(event)
    assert not parsed(["7", "op=d"])(event)


@pytest.mark.parametrize("text", ["after.phone~(", "changed>phone", "changed~x"])
def test_a_filter_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(WalflowError) as caught:
        parsed([text])
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_key_that_is_a_text_is_found_as_it_is() -> None:
    assert parsed(["beat"])(decoded(record(b"beat", b"1"), Registry()))
