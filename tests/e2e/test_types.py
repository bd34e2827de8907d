"""docs/types.md is true: each type and value on that page goes from PostgreSQL to Cassandra."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import kafka
import psycopg2
import pytest
from cassandra import InvalidRequest
from cassandra.cluster import NoHostAvailable

from change_stream.schemas import SchemaRegistry
from tests.conftest import Stack
from tests.e2e import raw_cells
from tests.e2e.own_connector import capturing, until
from tests.e2e.types_page import (
    EXAMINED,
    MATRIX,
    STREAMED,
    Examined,
    Example,
    Type,
    cql_bytes,
    settings_on_page,
)
from walflow.connect_api import USERS_CONNECTOR, read_connector
from walflow.settings import Settings
from walflow.stack.cassandra import cluster
from walflow.verify.catalog import PUBLICATION

CAPTURE = "types"
"""Name of the test's schema, connector, slot and publication."""
UNTOUCHED, LAST = 2000, 3000
"""Ids, behind those of the examples."""
GENERATED = (
    "integer GENERATED ALWAYS AS (id * 2) STORED",
    "integer GENERATED ALWAYS AS (id * 3) VIRTUAL",
)
TOASTED = [each for each in MATRIX.types if each.untouched]

CREATE = """
    DROP SCHEMA IF EXISTS types CASCADE;
    CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
    CREATE EXTENSION IF NOT EXISTS ltree SCHEMA public;
    CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
    CREATE SCHEMA types;
    GRANT USAGE ON SCHEMA types TO walflow_capture;
    SET search_path = types, public;
    CREATE TYPE mood AS ENUM ('sad', 'it''s ok, "fine"', 'happy');
    CREATE TYPE pair AS (a integer, b text);
    CREATE DOMAIN posint AS integer CHECK (VALUE > 0);
    CREATE DOMAIN price AS numeric(10,2);
    CREATE DOMAIN email AS text;
"""

LONG = "repeat(md5('walflow'), 200)"
LARGE = {
    "numeric": "repeat('123456789', 3000)::numeric",
    "text": LONG,
    "citext": LONG,
    "email": LONG,
    "bytea": f"{LONG}::bytea",
    "bit(100000)": "repeat('10110', 20000)::bit(100000)",
    "bit varying": "repeat('10110', 20000)::varbit",
    "json": f"to_json({LONG})",
    "jsonb": f"to_jsonb({LONG})",
    "xml": f"('<a>' || {LONG} || '</a>')::xml",
    "hstore": f"hstore('a', {LONG})",
    "pair": f"row(1, {LONG})::pair",
    "ltree": "(SELECT string_agg('a' || i, '.') FROM generate_series(1, 3000) i)::ltree",
    "tsvector": "(SELECT string_agg('w' || i, ' ') FROM generate_series(1, 3000) i)::tsvector",
    "path": "('[' || (SELECT string_agg('(1,' || i || ')', ',')"
    " FROM generate_series(1, 3000) i) || ']')::path",
    "polygon": "('(' || (SELECT string_agg('(1,' || i || ')', ',')"
    " FROM generate_series(1, 3000) i) || ')')::polygon",
    "numrange": "numrange(0, repeat('123456789', 3000)::numeric)",
    "int4multirange": "(SELECT range_agg(int4range(i * 3, i * 3 + 1))"
    " FROM generate_series(1, 3000) i)",
}
"""SQL for a value above 2 kB of each type that can have one; arrays repeat their first example."""


def large(each: Type) -> str:
    if each.sql in LARGE:
        return LARGE[each.sql]
    first = next(example for example in MATRIX.examples if example.type == each)
    return (
        f"(SELECT array_agg(x) FROM unnest({first.value}::{each.sql}) x, generate_series(1, 5000))"
    )


@dataclass(frozen=True)
class Replica:
    """What is in Cassandra of one of the test's tables."""

    settings: Settings
    examined: Examined
    texts: dict[int, str]
    """What PostgreSQL prints of each example."""

    @property
    def table(self) -> str:
        return f"{CAPTURE}_{self.examined.name}"

    @cached_property
    def cql_types(self) -> dict[str, str]:
        return raw_cells.cql_types(self.settings, self.table)

    @cached_property
    def rows(self) -> dict[int, dict[str, bytes | None]]:
        return raw_cells.rows_by_id(self.settings, self.table)

    @cached_property
    def dead_letters(self) -> dict[int, str]:
        """The reason of each dead letter, by the row's id."""
        settings = self.settings
        registry = SchemaRegistry(f"http://{settings.address('registry')}/apis/ccompat/v7", 10)
        consumer = kafka.KafkaConsumer(
            settings.topics.dead_letters,
            bootstrap_servers=settings.address("kafka"),
            auto_offset_reset="earliest",
            consumer_timeout_ms=3000,
            max_partition_fetch_bytes=16 * 1024 * 1024,
        )
        found = {}
        topic = f"{settings.topics.prefix}.{CAPTURE}.{self.examined.name}"
        for letter in consumer:
            headers = {name: value.decode(errors="replace") for name, value in letter.headers}
            if headers["walflow.topic"] == topic:
                _, envelope = registry.decode(letter.value)
                found[envelope["after"]["id"]] = headers["walflow.reason"]
        consumer.close()
        return found


@pytest.fixture(scope="module")
def replicas(stack: Stack) -> Iterator[dict[str, Replica]]:
    """The tables with their examples, captured by a connector like the users', up to the last change."""
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(CREATE)
        create_tables(cursor)
        insert_examples(cursor, 0)
        tables = ",".join(f"{CAPTURE}.{each.name}" for each in EXAMINED)
        with capturing(stack.settings, cursor, CAPTURE, tables):
            insert_examples(cursor, STREAMED)
            for number, each in enumerate(TOASTED):
                insert(cursor, MATRIX, UNTOUCHED + number, each, large(each))
            cursor.execute("UPDATE matrix SET touched = 1 WHERE id >= %s", (UNTOUCHED,))
            for examined in EXAMINED:
                cursor.execute(f"INSERT INTO {examined.name} (id) VALUES ({LAST})")
            found = {e.name: Replica(stack.settings, e, texts(cursor, e)) for e in EXAMINED}
            for replica in found.values():
                wait_for_all(replica)
        yield found
        cursor.execute("DROP SCHEMA types CASCADE")
    connection.close()
    with cluster(stack.settings) as connected:
        session = connected.connect(stack.settings.cassandra.keyspace)
        for replica in found.values():
            session.execute(f"TRUNCATE {replica.table}")


def create_tables(cursor: Any) -> None:
    for examined in EXAMINED:
        columns = ", ".join(f"{each.column} {each.sql}" for each in examined.types)
        cursor.execute(
            f"CREATE TABLE {examined.name} (id integer PRIMARY KEY, touched integer, {columns})"
        )
    for each in TOASTED:
        cursor.execute(f"ALTER TABLE matrix ALTER {each.column} SET STORAGE EXTERNAL")
    names = ", ".join(examined.name for examined in EXAMINED)
    cursor.execute(f"GRANT SELECT ON {names} TO walflow_capture")
    cursor.execute(
        f"CREATE PUBLICATION {CAPTURE} FOR TABLE {names} WITH (publish_generated_columns = stored)"
    )


def insert_examples(cursor: Any, first: int) -> None:
    for examined in EXAMINED:
        for example in examined.examples:
            insert(cursor, examined, first + example.number, example.type, example.value)


def insert(cursor: Any, examined: Examined, row: int, each: Type, value: str) -> None:
    cursor.execute(f"INSERT INTO {examined.name} (id, {each.column}) VALUES ({row}, {value})")


def texts(cursor: Any, examined: Examined) -> dict[int, str]:
    printed = {}
    for example in examined.examples:
        cursor.execute(
            f"SELECT {example.type.column}::text FROM {examined.name} WHERE id = %s",
            (example.number,),
        )
        printed[example.number] = cursor.fetchone()[0]
    return printed


def wait_for_all(replica: Replica) -> None:
    """A new topic is found by the next real-time batch; the last writes of a partition may overlap."""
    examples = replica.examined.examples
    letters = sum(e.expected(row) == "dead letter" for e in examples for row in (0, STREAMED))
    untouched = len(TOASTED) if replica.examined is MATRIX else 0
    expected = 2 * len(examples) - letters + untouched + 1
    with cluster(replica.settings) as connected:
        session = connected.connect(replica.settings.cassandra.keyspace)

        def count(condition: str = "") -> int:
            try:
                answer = session.execute(f"SELECT count(*) FROM {replica.table} {condition}")
                return int(answer.one()[0])
            except (InvalidRequest, NoHostAvailable):  # no table yet, or Cassandra is opening it
                return 0

        until(lambda: count(f"WHERE id = {LAST}") == 1, 240)
        with suppress(AssertionError):  # the tests tell which rows are missing
            until(lambda: count() == expected, 20)


TYPES = [(examined, each) for examined in EXAMINED for each in examined.types]
EXAMPLES = [(examined, each) for examined in EXAMINED for each in examined.examples]


def test_the_users_connector_has_the_settings_of_the_page() -> None:
    wanted = settings_on_page()
    assert len(wanted) == 6
    assert read_connector(USERS_CONNECTOR).config | wanted == read_connector(USERS_CONNECTOR).config


def test_the_publication_has_stored_generated_columns(stack: Stack, source: Any) -> None:
    with source.cursor() as cursor:
        cursor.execute("SELECT pubgencols FROM pg_publication WHERE pubname = %s", (PUBLICATION,))
        assert cursor.fetchone() == ("s",)


def test_each_type_that_is_carried_has_an_example() -> None:
    shown = {example.type.sql for example in MATRIX.examples}
    without = {each.sql for each in MATRIX.types if each.cql != "–"} - shown
    assert without == {*GENERATED, "bit(100000)"}


@pytest.mark.parametrize(
    ("examined", "each"), TYPES, ids=[f"{table} {each.sql}" for table, each in TYPES]
)
def test_a_column_has_the_cql_type_of_the_page(
    examined: Examined, each: Type, replicas: dict[str, Replica]
) -> None:
    assert replicas[examined.name].cql_types.get(each.column, "–") == each.cql


@pytest.mark.parametrize("first", [0, STREAMED], ids=["snapshot", "change"])
@pytest.mark.parametrize(
    ("examined", "example"),
    EXAMPLES,
    ids=[f"{table} {each.type.sql} {each.value[:40]}" for table, each in EXAMPLES],
)
def test_a_value_is_in_cassandra_as_the_page_shows_it(
    examined: Examined, example: Example, first: int, replicas: dict[str, Replica]
) -> None:
    replica = replicas[examined.name]
    row, shown = first + example.number, example.expected(first)
    cell = replica.rows.get(row, {}).get(example.type.column, b"no row")

    if shown == "dead letter":
        assert (cell, f"column {example.type.column}: " in replica.dead_letters[row]) == (
            b"no row",
            True,
        )
    else:
        assert row not in replica.dead_letters
        printed = replica.texts[example.number]
        assert cell == cql_bytes(example.type.cql, shown, printed)


@pytest.mark.parametrize("each", TOASTED, ids=lambda each: each.sql)
def test_an_untouched_large_value_is_kept_or_lost_as_the_page_says(
    each: Type, replicas: dict[str, Replica]
) -> None:
    row = replicas["matrix"].rows[UNTOUCHED + TOASTED.index(each)]
    assert row["touched"] is not None
    cell = row[each.column]
    assert ("null" if cell is None else "kept") == each.untouched
    assert cell is None or len(cell) > 2048


def test_a_generated_column_is_captured_if_it_is_stored(replicas: dict[str, Replica]) -> None:
    stored, virtual = (t.column for t in MATRIX.types if t.sql in GENERATED)
    snapshot, change = replicas["matrix"].rows[1], replicas["matrix"].rows[LAST]
    assert (number(snapshot[stored]), number(snapshot[virtual])) == (2, 3)
    assert (number(change[stored]), change[virtual]) == (2 * LAST, None)


def number(cell: bytes | None) -> int | None:
    return None if cell is None else int.from_bytes(cell, "big", signed=True)
