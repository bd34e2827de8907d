"""Spark packs a record as Python takes it apart: its own SQL, evaluated by Spark."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from change_stream.packing import PACKED, unpacked
from change_stream.record import Record
from walflow.install.prerequisites import java_home

SCHEMA = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp,"
    " headers array<struct<key: string, value: binary>>"
)
AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
AT_MS = round(AT.timestamp() * 1000)
RECORDS = (
    Record("cdc.public.t", 3, 2**40, AT_MS, b"k\n \0", b"\xff" * 300),
    Record("a", 0, 0, AT_MS, None, b""),
    Record("a", 0, 1, AT_MS, b"", None),
    Record("a", 0, 2, AT_MS, b"1", b"2", (("h", b"\0\xff" * 100), ("none", None), ("é", b""))),
)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["JAVA_HOME"] = str(java_home())
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.mark.parametrize("record", RECORDS, ids=["bytes", "no key", "tombstone", "headers"])
def test_what_spark_packs_is_the_record(spark: Any, record: Record) -> None:
    headers = [*record.headers] or None
    place = (record.topic, record.partition, record.offset)
    row = (record.key, record.value, *place, AT, headers)

    (packed,) = spark.createDataFrame([row], SCHEMA).selectExpr(PACKED).collect()

    assert unpacked(bytes(packed.record)) == record
