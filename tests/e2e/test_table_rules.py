"""Tables whose section in pipeline.toml says how they are written (tests/table_rules.py)."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from cassandra import cqltypes
from cassandra.cluster import Session
from cassandra.metadata import TableMetadata

from tests.conftest import Stack

PEOPLE, MOVING = '"E2E_People"', "e2e_moving"
LARGE = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n)"
"""SQL for a text above 2 kB: PostgreSQL logs it only where it is written."""


def _run(source: Any, *statements: str) -> None:
    with source.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _one(source: Any, query: str) -> Any:
    with source.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


@contextmanager
def _captured(stack: Stack, name: str, *ddl: str) -> Iterator[None]:
    """The table with its rows, captured by the users' connector; dropped afterwards, with its target."""
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    try:
        _run(connection, *ddl)
        added = stack.walflow("tables", "add", name)
        assert added.returncode == 0, added.stderr
        yield
    finally:
        stack.walflow("tables", "remove", name)
        _run(connection, f'DROP TABLE IF EXISTS public."{name}"')
        connection.close()


@pytest.fixture(scope="module")
def people(stack: Stack, target: Session) -> Iterator[None]:
    columns = (
        '"Region" text, no integer, "Order" integer, "select" text, joined timestamptz, email text,'
        " salary numeric(10,2), photo text, phone text, post_code text, secret text,"
        ' "full name" text, "größe" integer, "1st" integer, "a""b" text,'
        ' PRIMARY KEY ("Region", no)'
    )
    ddl = (
        f"CREATE TABLE {PEOPLE} ({columns})",
        f"ALTER TABLE {PEOPLE} ALTER photo SET STORAGE EXTERNAL",
        f"INSERT INTO {PEOPLE} VALUES ('Süd', 1, 7, 'reserved', '2024-05-05 10:00+00', 'a@b', 12.30,"
        f" {LARGE}, '123', '80331', 'secret', 'Ada L', 170, 1, 'quoted')",
        f"INSERT INTO {PEOPLE} VALUES ('Süd', 2)",
    )
    with _captured(stack, "E2E_People", *ddl):
        yield
    target.execute('TRUNCATE "People_Of_E2E"')


@pytest.fixture(scope="module")
def moving(stack: Stack, target: Session) -> Iterator[None]:
    ddl = (
        f"CREATE TABLE {MOVING} (id integer PRIMARY KEY, city text NOT NULL, at timestamptz NOT NULL,"
        " note text, document text, internal text)",
        f"ALTER TABLE {MOVING} ALTER document SET STORAGE EXTERNAL",
        f"ALTER TABLE {MOVING} REPLICA IDENTITY FULL",
        f"INSERT INTO {MOVING} SELECT n, 'Ulm', timestamptz '2024-05-05 10:00:00.000001+00',"
        f" 'note', {LARGE}, 'internal' FROM generate_series(1, 6) n",
    )
    with _captured(stack, MOVING, *ddl):
        yield
    target.execute("TRUNCATE e2e_by_city")


def _person(target: Session, no: int) -> Any:
    query = 'SELECT * FROM "People_Of_E2E" WHERE "Region" = %s AND no = %s'
    return target.execute(query, ("Süd", no)).one()


def _tables(target: Session) -> dict[str, TableMetadata]:
    """Those of the keyspace as they are now: a target is made by its first record."""
    target.cluster.refresh_keyspace_metadata(target.keyspace)
    tables: dict[str, TableMetadata] = target.cluster.metadata.keyspaces[target.keyspace].tables
    return tables


def _hash(stack: Stack, value: bytes) -> str:
    return hmac.new(stack.settings.masking.key.encode(), value, hashlib.sha256).hexdigest()


def _places(target: Session, row: int) -> list[tuple[str, int, str]]:
    """Where a row is: its city, its time in microseconds, and its note."""
    found = target.execute(
        "SELECT city, at, note FROM e2e_by_city WHERE id = %s ALLOW FILTERING", (row,)
    )
    return sorted((place["city"], place["at"], place["note"]) for place in found)


def _micros(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


FIRST = _micros(datetime(2024, 5, 5, 10, 0, 0, 1, tzinfo=UTC))


def test_the_target_has_the_key_and_the_columns_of_its_rule(
    people: None, moving: None, target: Session, eventually: Any
) -> None:
    eventually(lambda: {"People_Of_E2E", "e2e_by_city"} <= _tables(target).keys(), True)
    found = _tables(target)["People_Of_E2E"]
    assert [c.name for c in found.partition_key] == ["Region"]
    assert [c.name for c in found.clustering_key] == ["no"]
    assert {name: column.cql_type for name, column in found.columns.items()} == {
        "Region": "text",
        "no": "int",
        "Order": "int",
        "select": "text",
        "Joined At": "timestamp",
        "Full Name": "text",
        "größe": "int",
        "1st": "int",
        'a"b': "text",
        **dict.fromkeys(("email", "salary", "photo", "phone", "post_code"), "text"),
    }
    by_city = _tables(target)["e2e_by_city"]
    assert [c.name for c in by_city.primary_key] == ["city", "at", "id"]
    assert {name: column.cql_type for name, column in by_city.columns.items()} == {
        "city": "text",
        "at": "bigint",
        "id": "int",
        "note": "text",
        "document": "text",
    }


def test_columns_are_renamed_left_out_and_masked_and_nulls_stay_null(
    stack: Stack, source: Any, people: None, target: Session, eventually: Any
) -> None:
    eventually(lambda: _person(target, 2) is not None, True)
    photo = _one(source, f"SELECT photo FROM {PEOPLE} WHERE no = 1")
    expected = {
        "Region": "Süd",
        "no": 1,
        "Order": 7,
        "select": "reserved",
        "Joined At": datetime(2024, 5, 5, 10),
        "email": _hash(stack, b"a@b"),
        "salary": _hash(stack, cqltypes.DecimalType.serialize(Decimal("12.30"), 5)),
        "photo": _hash(stack, photo.encode()),
        "phone": "***",
        "post_code": "803",
        "Full Name": "Ada L",
        "größe": 170,
        "1st": 1,
        'a"b': "quoted",
    }
    assert _person(target, 1) == expected
    assert set(_person(target, 2).values()) == {"Süd", 2, None}


def test_masked_columns_follow_changes_and_an_untouched_large_value_keeps_its_hash(
    stack: Stack, source: Any, people: None, target: Session, eventually: Any
) -> None:
    _run(source, f"INSERT INTO {PEOPLE} (\"Region\", no, photo) VALUES ('Süd', 3, {LARGE})")
    eventually(lambda: _person(target, 3) is not None, True)
    before = _person(target, 3)["photo"]
    _run(source, f"UPDATE {PEOPLE} SET email = 'x@y', phone = '1', post_code = 'ab' WHERE no = 3")
    eventually(lambda: _person(target, 3)["email"], _hash(stack, b"x@y"))
    found = _person(target, 3)
    assert (found["photo"], found["phone"], found["post_code"]) == (before, "***", "ab")
    _run(source, f"UPDATE {PEOPLE} SET email = NULL, phone = NULL, post_code = '' WHERE no = 3")
    eventually(lambda: _person(target, 3)["email"], None)
    assert (_person(target, 3)["phone"], _person(target, 3)["post_code"]) == (None, "")


def test_a_row_with_a_composite_key_is_deleted_and_its_key_changed(
    source: Any, people: None, target: Session, eventually: Any
) -> None:
    _run(source, f'INSERT INTO {PEOPLE} ("Region", no, "Order") VALUES (\'Süd\', 4, 4)')
    _run(source, f'INSERT INTO {PEOPLE} ("Region", no, "Order") VALUES (\'Süd\', 5, 5)')
    eventually(lambda: _person(target, 5) is not None, True)
    _run(source, f"DELETE FROM {PEOPLE} WHERE no = 4")
    _run(source, f"UPDATE {PEOPLE} SET no = 6 WHERE no = 5")
    eventually(lambda: _person(target, 6) is not None, True)
    eventually(lambda: (_person(target, 4), _person(target, 5)), (None, None))
    assert _person(target, 6)["Order"] == 5


def test_an_update_that_moves_a_row_deletes_it_at_the_old_place(
    source: Any, moving: None, target: Session, eventually: Any
) -> None:
    eventually(lambda: _places(target, 1), [("Ulm", FIRST, "note")])
    document = _one(source, f"SELECT document FROM {MOVING} WHERE id = 1")
    _run(source, f"UPDATE {MOVING} SET city = 'Bonn' WHERE id = 1")
    eventually(lambda: _places(target, 1), [("Bonn", FIRST, "note")])
    query = "SELECT document FROM e2e_by_city WHERE city = 'Bonn' AND at = %s AND id = 1"
    assert target.execute(query, (FIRST,)).one()["document"] == document
    later = "at + interval '1 microsecond', note = 'moved'"
    _run(source, f"UPDATE {MOVING} SET at = {later} WHERE id = 1")
    eventually(lambda: _places(target, 1), [("Bonn", FIRST + 1, "moved")])


def test_a_row_that_was_moved_is_updated_moved_back_and_deleted_where_it_is(
    source: Any, moving: None, target: Session, eventually: Any
) -> None:
    _run(
        source,
        f"UPDATE {MOVING} SET city = 'Bonn' WHERE id = 2",
        f"UPDATE {MOVING} SET note = 'there' WHERE id = 2",
        f"UPDATE {MOVING} SET city = 'Bonn' WHERE id = 3",
        f"UPDATE {MOVING} SET city = 'Ulm' WHERE id = 3",
        f"UPDATE {MOVING} SET city = 'Bonn' WHERE id = 4",
        f"DELETE FROM {MOVING} WHERE id = 4",
        f"UPDATE {MOVING} SET id = 50, city = 'Bonn' WHERE id = 5",
    )
    eventually(lambda: _places(target, 50), [("Bonn", FIRST, "note")])
    eventually(lambda: _places(target, 2), [("Bonn", FIRST, "there")])
    eventually(lambda: _places(target, 3), [("Ulm", FIRST, "note")])
    eventually(lambda: (_places(target, 4), _places(target, 5)), ([], []))


def test_many_moves_of_the_same_rows_leave_each_at_one_place(
    stack: Stack, source: Any, moving: None, target: Session, eventually: Any
) -> None:
    _run(
        source,
        f"INSERT INTO {MOVING} SELECT n, 'Ulm', now(), '0' FROM generate_series(100, 139) n",
        *(
            f"UPDATE {MOVING} SET city = (array['Ulm', 'Bonn', 'Trier'])[1 + (id + {turn}) % 3],"
            f" at = at + interval '1 ms', note = '{turn}' WHERE id >= 100 AND id % 4 <> {turn % 4}"
            for turn in range(20)
        ),
    )
    eventually(lambda: _verified(stack, MOVING), "equal", 120)


def test_verify_understands_names_masks_and_keys_of_the_rules(
    stack: Stack, people: None, moving: None, eventually: Any
) -> None:
    eventually(lambda: _verified(stack, "E2E_People"), "equal", 120)
    eventually(lambda: _verified(stack, MOVING), "equal", 120)


def test_a_mask_that_is_not_the_rules_is_a_difference(stack: Stack, people: None) -> None:
    answer = stack.walflow("verify", "E2E_People", WALFLOW_MASKING__KEY="another")
    assert answer.returncode == 1, answer.stderr


def test_a_move_without_the_old_row_is_a_dead_letter_with_the_sql(
    stack: Stack, source: Any, moving: None, target: Session, eventually: Any
) -> None:
    _run(source, f"INSERT INTO {MOVING} VALUES (7, 'Ulm', now(), 'new'), (8, 'Ulm', now(), 'new')")
    eventually(lambda: len(_places(target, 8)), 1)
    _run(
        source,
        f"ALTER TABLE {MOVING} REPLICA IDENTITY DEFAULT",
        f"UPDATE {MOVING} SET city = 'Bonn' WHERE id = 7",
        f"ALTER TABLE {MOVING} REPLICA IDENTITY FULL",
        f"UPDATE {MOVING} SET city = 'Bonn', note = 'behind' WHERE id = 8",
    )
    eventually(lambda: [place[2] for place in _places(target, 8)], ["behind"])
    eventually(lambda: any("REPLICA IDENTITY FULL" in reason for reason in _reasons(stack)), True)


def _reasons(stack: Stack) -> list[str]:
    answer = stack.walflow("deadletters", "list", "--last", "100000", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    letters = json.loads(answer.stdout)
    return [one["reason"] for one in letters if one["table"] == f"public.{MOVING}"]


def _verified(stack: Stack, table: str) -> str:
    answer = stack.walflow("verify", table)
    return "equal" if answer.returncode == 0 else answer.stdout + answer.stderr
