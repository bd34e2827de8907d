"""What a record says of a counted row."""

import io
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import fastavro
import pytest

from change_stream.aggregation.effects import Effects, Truncated, Uncountable, lives
from change_stream.aggregation.entries import Effect
from change_stream.columns import UNAVAILABLE
from change_stream.generations import Generations
from change_stream.interpreter import Interpreter
from change_stream.mutation import UNKNOWN
from change_stream.record import Record
from change_stream.schemas import SchemaRegistry
from change_stream.stamps import Generation, next_generation, raised_generation
from change_stream.targets import Targets
from walflow.aggregates import Aggregate, group_column
from walflow.tables import TableRules

TOPIC = "cdc.public.people"
TOPIC_ID = UUID(int=1)
FIRST = Generation(1, TOPIC_ID, 2, 1_000_000)
KEY = {
    "type": "record",
    "name": "Key",
    "fields": [{"name": "no", "type": "int"}, {"name": "area", "type": "string"}],
}
ROW = {
    "type": "record",
    "name": "Value",
    "fields": [
        {"name": "no", "type": "int"},
        {"name": "city", "type": ["null", "string"]},
        {"name": "height", "type": ["null", "double"]},
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
                "name": "S",
                "fields": [
                    {"name": "schema", "type": "string"},
                    {"name": "table", "type": "string"},
                    {"name": "lsn", "type": ["null", "long"]},
                    {"name": "ts_ms", "type": "long"},
                ],
            },
        },
        {"name": "op", "type": "string"},
    ],
}
SCHEMAS: Mapping[int, Any] = {1: KEY, 2: ENVELOPE}


class KnownSchemas(SchemaRegistry):
    """A registry that is asked nothing: it has the schemas of these tests."""

    def __init__(self) -> None:
        super().__init__("http://unused", 0)
        self._schemas = {n: fastavro.parse_schema(schema) for n, schema in SCHEMAS.items()}


class KnownGenerations(Generations):
    def __init__(self) -> None:
        super().__init__(None, "unused")
        self._known = {TOPIC: (FIRST,)}


def effects(*columns: str) -> Effects:
    registry, generations = KnownSchemas(), KnownGenerations()
    targets = Targets(None, TableRules("ks", (), b""))
    groups = tuple(group_column(f"g{n}", text) for n, text in enumerate(columns))
    aggregate = Aggregate("counts", "public", "people", "ks", groups)
    return Effects(registry, Interpreter(registry, targets, generations), generations, [aggregate])


def payload(schema_id: int, datum: Any) -> bytes:
    written = io.BytesIO(b"\0" + schema_id.to_bytes(4, "big"))
    written.seek(5)
    fastavro.schemaless_writer(written, fastavro.parse_schema(SCHEMAS[schema_id]), datum)
    return written.getvalue()


def record(
    op: str, after: Mapping[str, Any] | None = None, table: str = "people", offset: int = 5
) -> Record:
    source = {"schema": "public", "table": table, "lsn": 77, "ts_ms": 0}
    envelope = {"before": None, "after": after, "source": source, "op": op}
    key = None if op == "t" else payload(1, {"no": 3, "area": "N"})
    return Record(TOPIC, 1, offset, 0, key, payload(2, envelope))


def said(of: Effects, what: Record) -> list[Effect | Truncated]:
    return [effect for _, effect in of.of(what)]


ROW_ID = json.dumps(["N", "3"])
"""By the names of the key's columns, whatever their order in the schema."""


@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_a_written_row_is_counted_in_the_group_of_its_new_image(op: str) -> None:
    after = {"no": 3, "city": "12 Way, Ulm", "height": None}

    assert said(effects("last_part(city)", "no"), record(op, after)) == [
        Effect(ROW_ID, 1_000_005, 77, ("Ulm", "3"))
    ]


def test_a_deleted_row_is_counted_nowhere_and_needs_no_old_image() -> None:
    assert said(effects("city"), record("d")) == [Effect(ROW_ID, 1_000_005, 77, None)]


def test_null_and_an_untouched_toasted_value_are_told_apart() -> None:
    null = record("u", {"no": 3, "city": None, "height": None})
    untouched = record("u", {"no": 3, "city": UNAVAILABLE, "height": None})

    assert said(effects("city"), null) == [Effect(ROW_ID, 1_000_005, 77, (None,))]
    assert said(effects("city"), untouched) == [Effect(ROW_ID, 1_000_005, 77, (UNKNOWN,))]


def test_a_truncate_is_told_with_its_lsn() -> None:
    assert said(effects("city"), record("t")) == [Truncated(77)]


def test_what_is_no_change_of_the_table_says_nothing() -> None:
    of = effects("city")

    assert said(of, record("d", table="others")) == []
    assert said(of, Record(TOPIC, 1, 6, 0, b"key", None)) == []
    assert said(of, Record(TOPIC, 1, 6, 0, b"key", b"no envelope")) == []


def test_a_column_by_which_rows_cannot_be_counted_is_named() -> None:
    after = {"no": 3, "city": "Ulm", "height": 1.8}

    with pytest.raises(Uncountable, match="by state, a column"):
        said(effects("state"), record("c", after))
    with pytest.raises(Uncountable, match=r"counts: rows cannot be counted by height"):
        said(effects("height"), record("c", after))


def test_places_do_not_change_with_a_truncate_or_a_repair() -> None:
    raised = raised_generation(FIRST, {0: 10, 1: 3}, 20, 5_000_000, truncate_lsn=77)
    wider = next_generation(raised, TOPIC_ID, 4, {0: 30, 1: 30}, 30, 0)
    anew = next_generation(wider, UUID(int=2), 4, {}, 40, 0)

    assert lives((FIRST, raised)) == (FIRST,)
    assert lives((FIRST, raised, wider)) == (FIRST, wider)
    assert lives((anew,)) == (anew,)
