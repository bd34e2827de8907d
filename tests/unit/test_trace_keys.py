"""A row's key in Kafka."""

import io
import struct
from typing import Any
from uuid import uuid4

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.schemas import SchemaRegistry
from walflow.settings import load
from walflow.tables import TableRules
from walflow.trace.keys import TracedKey, partition_of, plain_columns
from walflow.verify.catalog import SourceColumn, SourceTable
from walflow.verify.conversions import PgType


def _schema(*types: Any) -> Any:
    fields = [{"name": f"k{n}", "type": kind} for n, kind in enumerate(types)]
    return {"type": "record", "name": "Key", "namespace": "t", "fields": fields}


def _registry(schema: Any) -> SchemaRegistry:
    """One that knows a schema, of id 7, and asks nobody."""
    registry = SchemaRegistry("http://127.0.0.1:1", 0)
    registry._schemas[7] = fastavro.parse_schema(schema)
    return registry


HEADER = struct.pack(">bI", 0, 7)


def _encoded(schema: Any, datum: dict[str, Any]) -> bytes:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(schema), datum)
    return HEADER + written.getvalue()


def _key(schema: Any, texts: dict[str, str]) -> TracedKey:
    rule = TableRules.of(load()).rule("public", "t")
    return TracedKey(_registry(schema), rule, texts, frozenset(texts), None)


UUID = {"type": "string", "connect.name": "io.debezium.data.Uuid"}


@given(st.integers(-(2**63), 2**63 - 1), st.text(), st.booleans())
def test_a_key_is_written_as_its_producer_writes_it(number: int, text: str, truth: bool) -> None:
    schema = _schema("long", UUID, "boolean")
    texts = {"k0": str(number), "k1": text, "k2": "t" if truth else "f"}
    datum = {"k0": number, "k1": text, "k2": truth}
    assert _key(schema, texts).encoded(HEADER) == _encoded(schema, datum)


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"},
        {"type": "string", "connect.name": "io.debezium.time.ZonedTimestamp"},
        {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
        "bytes",
        "double",
    ],
)
def test_a_type_whose_form_is_not_postgresqls_text_is_looked_for_otherwise(kind: Any) -> None:
    assert _key(_schema(kind), {"k0": "1"}).encoded(HEADER) is None


def test_a_column_that_postgresql_writes_otherwise_than_debezium_is_looked_for_otherwise() -> None:
    columns = tuple(
        SourceColumn(name, PgType(kind), kind)
        for name, kind in (("country", "bpchar"), ("no", "int4"), ("other", "text"))
    )
    table = SourceTable("public", "t", 1, False, 0, 0, columns, ("country", "no"))
    assert plain_columns(table) == {"no"}


def test_a_record_has_the_key_whose_every_column_it_has() -> None:
    schema = _schema("string", "int")
    key = _key(schema, {"k0": "DE", "k1": "17"})
    assert key.is_of(_encoded(schema, {"k0": "DE", "k1": 17}))
    assert not key.is_of(_encoded(schema, {"k0": "DE", "k1": 18}))
    assert not key.is_of(b"no Avro")


# Of Kafka's own DefaultPartitionerTest and UtilsTest: murmur2 of "21" is -973932308, of "abc" 479470107.
@pytest.mark.parametrize(("key", "murmur2"), [(b"21", -973932308), (b"abc", 479470107)])
def test_a_partition_is_that_of_kafkas_own_partitioner(key: bytes, murmur2: int) -> None:
    for partitions in (1, 2, 7):
        assert partition_of(key, partitions) == (murmur2 & 0x7FFFFFFF) % partitions


def test_every_partition_gets_keys() -> None:
    found = {partition_of(uuid4().bytes, 4) for _ in range(200)}
    assert found == {0, 1, 2, 3}
