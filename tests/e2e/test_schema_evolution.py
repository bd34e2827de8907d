"""A captured table is altered while its rows change: what docs/tables.md says of each alteration.

Each row is waited for: rows of two keys may be of two partitions, which have no order among them.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg2
import pytest
from cassandra.cluster import Session
from cassandra.query import dict_factory

from tests.conftest import Stack
from tests.e2e.writers import Writers
from walflow.stack.cassandra import cluster

TABLE = "e2e_evolving"
FLOWING = 20
"""Rows that change all the time, by ids from 1 on; those of the tests come behind."""


@dataclass(frozen=True)
class Flow:
    """A session that changes the column `flow` of the first rows until it is told to stop."""

    session: Writers
    stream: str
    """Which run of the stream it was when it began."""


@pytest.fixture(scope="module")
def altered(stack: Stack) -> Iterator[Any]:
    """A cursor on PostgreSQL; the table is captured."""
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, flow integer, gone text, old_name text,"
            " wide integer, narrow bigint, shape text, price numeric(10,2), short varchar(5))"
        )
        cursor.execute(
            f"INSERT INTO {TABLE} SELECT n, 0, 'gone', 'named', 1, 1, 'text', 1.50, 'short'"
            f" FROM generate_series(1, {FLOWING}) n"
        )
        added = stack.walflow("tables", "add", TABLE)
        try:
            assert added.returncode == 0, added.stderr
            yield cursor
        finally:
            stack.walflow("tables", "remove", TABLE)
            cursor.execute(f"DROP TABLE {TABLE}")
    connection.close()
    with cluster(stack.settings) as connected:
        connected.connect(stack.settings.cassandra.keyspace).execute(f"TRUNCATE {TABLE}")


@pytest.fixture(scope="module", autouse=True)
def flow(stack: Stack, altered: Any) -> Iterator[Flow]:
    stream = stack.servers.run_of("stream")
    changes = count(1)

    def statement(_: random.Random) -> str:
        change = next(changes)
        return f"UPDATE {TABLE} SET flow = {change} WHERE id = {1 + change % FLOWING}"

    with Writers(stack.settings.postgres_dsn(), statement, 0.02, seeds=[1]) as session:
        yield Flow(session, stream)


@pytest.fixture
def rows(stack: Stack) -> Iterator[Session]:
    """A session of its own: a prepared or remembered SELECT * would not have new columns."""
    with cluster(stack.settings) as connected:
        session = connected.connect(stack.settings.cassandra.keyspace)
        session.row_factory = dict_factory
        yield session


IDS = count(1000)


def _cell(rows: Session, row: int, column: str) -> Any:
    """The value; "no row" or "no column" where there is none."""
    found = rows.execute(f"SELECT * FROM {TABLE} WHERE id = {row}").one()
    return "no row" if found is None else found.get(column, "no column")


def _flows(altered: Any, rows: Session, eventually: Any) -> None:
    """A change of a row that is made now comes through."""
    row = next(IDS)
    altered.execute(f"INSERT INTO {TABLE} (id, flow) VALUES ({row}, {row})")
    eventually(lambda: _cell(rows, row, "flow"), row)


def _snapshot(stack: Stack) -> None:
    answer = stack.walflow("snapshot", TABLE)
    assert answer.returncode == 0, answer.stderr


def _letters(stack: Stack) -> Any:
    answer = stack.walflow("deadletters", "list", "--last", "100000", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    return [one for one in json.loads(answer.stdout) if one["table"] == f"public.{TABLE}"]


def test_an_added_column_is_written_from_its_first_value_on(
    altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(f"ALTER TABLE {TABLE} ADD COLUMN added timestamptz[]")
    altered.execute(f"INSERT INTO {TABLE} (id, added) VALUES (100, '{{2024-05-05 10:00+00}}')")
    eventually(lambda: str(_cell(rows, 100, "added")), "[datetime.datetime(2024, 5, 5, 10, 0)]")
    assert _cell(rows, 1, "added") is None


def test_columns_that_are_added_together_are_all_written(
    altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(f'ALTER TABLE {TABLE} ADD COLUMN one text, ADD COLUMN "Two" integer[]')
    altered.execute(f"INSERT INTO {TABLE} (id, one, \"Two\") VALUES (106, 'first', '{{2}}')")
    eventually(lambda: (_cell(rows, 106, "one"), _cell(rows, 106, "Two")), ("first", [2]))


def test_a_column_whose_name_avro_does_not_take_does_not_stop_the_connector(
    altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(f'ALTER TABLE {TABLE} ADD COLUMN "naïve name" text')
    altered.execute(f"INSERT INTO {TABLE} (id, \"naïve name\") VALUES (105, 'taken')")
    eventually(lambda: _cell(rows, 105, "naïve name"), "taken")


def test_a_not_null_column_with_a_default_is_null_in_older_rows_until_a_snapshot(
    stack: Stack, altered: Any, rows: Session, eventually: Any
) -> None:
    """PostgreSQL rewrites no row, and logs none, but shows the default in each."""
    altered.execute(f"INSERT INTO {TABLE} (id) VALUES (110), (111)")
    altered.execute(f"ALTER TABLE {TABLE} ADD COLUMN fast integer NOT NULL DEFAULT 7")
    altered.execute(f"INSERT INTO {TABLE} (id) VALUES (112)")
    altered.execute(f"UPDATE {TABLE} SET flow = 1 WHERE id = 111")
    eventually(lambda: [_cell(rows, row, "fast") for row in (110, 111, 112)], [None, 7, 7])
    assert _verify(stack) != "equal"
    _snapshot(stack)
    assert _cell(rows, 110, "fast") == 7
    eventually(lambda: _verify(stack), "equal", 60)


def test_a_dropped_column_keeps_its_last_values_and_is_written_no_more(
    stack: Stack, altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(f"INSERT INTO {TABLE} (id, gone) VALUES (120, 'kept')")
    altered.execute(f"ALTER TABLE {TABLE} DROP COLUMN gone")
    altered.execute(f"INSERT INTO {TABLE} (id, flow) VALUES (121, 5)")
    altered.execute(f"UPDATE {TABLE} SET flow = 5 WHERE id = 120")
    eventually(lambda: (_cell(rows, 120, "flow"), _cell(rows, 121, "flow")), (5, 5))
    eventually(lambda: (_cell(rows, 120, "gone"), _cell(rows, 121, "gone")), ("kept", None))
    answer = stack.walflow("verify", TABLE)
    assert "Not compared: gone" in answer.stdout + answer.stderr


def test_a_column_that_was_dropped_and_added_again_has_its_old_values_until_a_snapshot(
    stack: Stack, altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(f"ALTER TABLE {TABLE} ADD COLUMN again text")
    altered.execute(f"INSERT INTO {TABLE} (id, again) VALUES (130, 'first life')")
    altered.execute(f"ALTER TABLE {TABLE} DROP COLUMN again")
    altered.execute(f"ALTER TABLE {TABLE} ADD COLUMN again text")
    altered.execute(f"INSERT INTO {TABLE} (id, again) VALUES (131, 'second life')")
    lives = ["first life", "second life"]
    eventually(lambda: [_cell(rows, row, "again") for row in (130, 131)], lives)
    assert _verify(stack) != "equal"
    _snapshot(stack)
    assert _cell(rows, 130, "again") is None


def test_a_renamed_column_is_a_new_one_which_a_snapshot_fills(
    stack: Stack, altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(f"INSERT INTO {TABLE} (id, old_name) VALUES (140, 'before')")
    altered.execute(f"ALTER TABLE {TABLE} RENAME COLUMN old_name TO new_name")
    altered.execute(f"INSERT INTO {TABLE} (id, new_name) VALUES (141, 'after')")
    eventually(lambda: _cell(rows, 141, "new_name"), "after")
    eventually(
        lambda: (_cell(rows, 140, "old_name"), _cell(rows, 140, "new_name")), ("before", None)
    )
    _snapshot(stack)
    assert _cell(rows, 140, "new_name") == "before"
    eventually(lambda: _verify(stack), "equal", 60)


def test_a_widened_integer_is_written_as_long_as_it_fits_and_is_a_dead_letter_beyond(
    stack: Stack, altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(f"ALTER TABLE {TABLE} ALTER COLUMN wide TYPE bigint")
    altered.execute(f"INSERT INTO {TABLE} (id, wide) VALUES (150, -2147483648), (151, 2147483648)")
    eventually(lambda: _cell(rows, 150, "wide"), -2147483648)
    eventually(
        lambda: ["column wide: 2147483648" in one["reason"] for one in _letters(stack)], [True]
    )
    assert _cell(rows, 151, "wide") == "no row"
    _flows(altered, rows, eventually)
    _replay(stack, {"rename": {"wide": "wider"}})
    eventually(lambda: _cell(rows, 151, "wider"), 2147483648)
    altered.execute(f"UPDATE {TABLE} SET wide = 1 WHERE id = 151")
    eventually(lambda: _verify(stack), "equal", 60)


def test_a_narrowed_type_and_one_of_the_same_kind_are_written_as_before(
    stack: Stack, altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(
        f"ALTER TABLE {TABLE} ALTER COLUMN narrow TYPE integer,"
        " ALTER COLUMN price TYPE numeric(14,4), ALTER COLUMN short TYPE text"
    )
    altered.execute(
        f"INSERT INTO {TABLE} (id, narrow, price, short) VALUES (160, -5, 12345.6789, 'not so short')"
    )
    eventually(lambda: _cell(rows, 160, "narrow"), -5)
    assert str(_cell(rows, 160, "price")) == "12345.6789"
    assert _cell(rows, 160, "short") == "not so short"


def test_a_type_of_another_kind_makes_dead_letters_that_can_be_applied_to_another_column(
    stack: Stack, altered: Any, rows: Session, eventually: Any
) -> None:
    altered.execute(f"INSERT INTO {TABLE} (id, shape) VALUES (170, '170'), (171, '171')")
    eventually(lambda: (_cell(rows, 170, "shape"), _cell(rows, 171, "shape")), ("170", "171"))
    altered.execute(f"ALTER TABLE {TABLE} ALTER COLUMN shape TYPE integer USING length(shape)")
    altered.execute(f"UPDATE {TABLE} SET shape = 42, flow = 42 WHERE id = 170")
    altered.execute(f"DELETE FROM {TABLE} WHERE id = 171")
    eventually(lambda: len(_letters(stack)) > 10, True)
    reasons = {one["reason"] for one in _letters(stack)}
    assert all("column shape is text in Cassandra and now int" in reason for reason in reasons)

    altered.execute(f"ALTER TABLE {TABLE} ALTER COLUMN shape TYPE text")
    _flows(altered, rows, eventually)
    renamed = {"rename": {"shape": "shape_number"}}
    eventually(lambda: (_replay(stack, renamed), _cell(rows, 170, "shape_number")), (0, 42), 240)
    eventually(lambda: (_replay(stack, renamed), _cell(rows, 171, "flow")), (0, "no row"), 240)
    assert _cell(rows, 170, "flow") == 42
    _snapshot(stack)
    eventually(lambda: _verify(stack), "equal", 60)


def test_nothing_of_what_flowed_meanwhile_is_lost_and_the_stream_has_not_stopped(
    stack: Stack, altered: Any, flow: Flow, rows: Session, eventually: Any
) -> None:
    flow.session.stop()
    assert flow.session.statements > 20 * FLOWING
    altered.execute(f"SELECT id, flow FROM {TABLE} WHERE id <= {FLOWING}")
    expected = dict(altered.fetchall())
    eventually(lambda: _flowing(rows), expected)
    assert stack.servers.run_of("stream") == flow.stream


def _flowing(rows: Session) -> dict[int, int]:
    found = rows.execute(f"SELECT id, flow FROM {TABLE}")
    return {row["id"]: row["flow"] for row in found if row["id"] <= FLOWING}


def _replay(stack: Stack, rule: dict[str, Any]) -> int:
    """Apply the table's open letters by another rule; returns how many there were."""
    places = [one["place"] for one in _letters(stack)]
    if places:
        rules = json.dumps({f"public.{TABLE}": rule})
        answer = stack.walflow("deadletters", "replay", *places, WALFLOW_TABLES=rules)
        assert answer.returncode == 0, answer.stdout + answer.stderr
    return len(places)


def _verify(stack: Stack) -> str:
    answer = stack.walflow("verify", TABLE)
    return "equal" if answer.returncode == 0 else answer.stdout + answer.stderr
