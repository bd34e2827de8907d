"""Rows of Cassandra corrupted in every way while users write, and mended without losing a change."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.writers import Writers

TABLE = "e2e_repair"
KEYS_TABLE = "e2e_repair_keys"
STRANGE = ["it's", 'say "x"', "what?", "back\\slash", "line\nbreak", "ümläut", "%s {fn x} :n", ""]
UPDATED = range(1, 41)
"""Rows that the writers change and never delete."""
COMING_AND_GOING = range(101, 161)
"""Rows that they insert, update and delete."""
QUIET = range(1000, 1020)
"""Rows that nobody changes, so that it is known what has to be found of them."""
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


@dataclass
class Tables:
    stack: Stack
    source: Any
    target: Session

    def run(self, statement: str, *values: Any) -> None:
        with self.source.cursor() as cursor:
            cursor.execute(statement, values or None)

    def corrupt(self, statement: str) -> None:
        self.target.execute(statement)

    def are_equal(self, table: str, columns: str) -> bool:
        with self.source.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM {table}")
            there = sorted(cursor.fetchall())
        found = self.target.execute(f"SELECT {columns} FROM {table}")
        return sorted(tuple(row.values()) for row in found) == there

    def held(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """What Cassandra has, with write times."""
        times = "" if table == KEYS_TABLE else ", writetime(note), writetime(amount)"
        rows = self.target.execute(f"SELECT {columns}{times} FROM {table}")
        return sorted((tuple(row.values()) for row in rows), key=repr)

    def generations(self, table: str) -> int:
        topic = f"{self.stack.settings.topics.prefix}.public.{table}"
        query = "SELECT generation FROM walflow.topic_generations WHERE topic = %s"
        return len(list(self.target.execute(query, (topic,))))


@pytest.fixture
def tables(stack: Stack, source: Any, target: Session) -> Iterator[Tables]:
    yield Tables(stack, source, target)
    for name in (TABLE, KEYS_TABLE):
        stack.walflow("tables", "remove", name)
        with source.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
        target.execute(f"DROP TABLE IF EXISTS {name}")


def _statement(rng: random.Random) -> str:
    """An update of a row that stays, or an insert or a delete of one that comes and goes."""
    number = rng.randrange(10**6)
    if rng.random() < 0.5:
        key = rng.choice(UPDATED)
        note = rng.choice(("NULL", f"'note {number}'"))
        return f"UPDATE {TABLE} SET note = {note}, amount = {number} WHERE id = {key}"
    key = rng.choice(COMING_AND_GOING)
    return rng.choice(
        (
            f"INSERT INTO {TABLE} VALUES ({key}, 'again {number}', {number})"
            " ON CONFLICT (id) DO UPDATE SET amount = excluded.amount",
            f"DELETE FROM {TABLE} WHERE id = {key}",
        )
    )


def _now_us() -> int:
    return time.time_ns() // 1000


def _corrupt_quiet(tables: Tables) -> dict[int, str]:
    """Each kind of corruption once; the key and what a plan has to say of it."""
    now = _now_us()
    tables.corrupt(f"DELETE FROM {TABLE} WHERE id = 1000")
    tables.corrupt(f"DELETE FROM {TABLE} USING TIMESTAMP {now + 30 * DAY_US} WHERE id = 1001")
    tables.corrupt(f"UPDATE {TABLE} SET note = 'wrong' WHERE id = 1002")
    tables.corrupt(
        f"UPDATE {TABLE} USING TIMESTAMP {now + HOUR_US} SET note = 'wrong' WHERE id = 1003"
    )
    tables.corrupt(f"UPDATE {TABLE} SET note = null WHERE id = 1004")
    tables.corrupt(
        f"UPDATE {TABLE} USING TIMESTAMP {now + 2 * DAY_US} SET note = null WHERE id = 1005"
    )
    tables.corrupt(f"UPDATE {TABLE} SET amount = 1 WHERE id = 1010")
    tables.corrupt(f"UPDATE {TABLE} USING TIMESTAMP {now + DAY_US} SET amount = 1 WHERE id = 1011")
    tables.corrupt(f"INSERT INTO {TABLE} (id, note) VALUES (2000, 'extra')")
    tables.corrupt(
        f"INSERT INTO {TABLE} (id, note) VALUES (2001, 'extra') USING TIMESTAMP {now + DAY_US}"
    )
    tables.corrupt(f"INSERT INTO {TABLE} (id) VALUES (2002)")
    tables.corrupt(f"INSERT INTO {TABLE} (id) VALUES (2003) USING TIMESTAMP {now + 3 * DAY_US}")
    read = dict.fromkeys((1000, 1001, 1002, 1003, 1004, 1005, 1010, 1011), "read again")
    return read | dict.fromkeys((2000, 2001, 2002, 2003), "delete")


def _corrupt_changing(tables: Tables) -> None:
    """Rows that are written to all the while; some of the writes by hand lie in the future."""
    now = _now_us()
    for key in UPDATED:
        ahead = now + (key % 2) * DAY_US
        tables.corrupt(
            f"DELETE FROM {TABLE} USING TIMESTAMP {ahead} WHERE id = {key}"
            if key % 3
            else f"UPDATE {TABLE} USING TIMESTAMP {ahead} SET note = 'wrong' WHERE id = {key}"
        )
    for key in COMING_AND_GOING:
        ahead = now + (key % 2) * DAY_US
        tables.corrupt(
            f"INSERT INTO {TABLE} (id, note) VALUES ({key}, 'wrong') USING TIMESTAMP {ahead}"
        )


@pytest.mark.long
def test_every_corruption_is_mended_under_load_and_no_change_is_lost(
    tables: Tables, eventually: Any
) -> None:
    stack, columns = tables.stack, "id, note, amount"
    tables.run(f"CREATE TABLE {TABLE} (id int PRIMARY KEY, note text, amount numeric(12,2))")
    for keys in (UPDATED, COMING_AND_GOING, QUIET):
        tables.run(
            f"INSERT INTO {TABLE} SELECT n, 'note ' || n, CASE WHEN n < 1010 THEN n END"
            " FROM generate_series(%s, %s) n",
            keys[0],
            keys[-1],
        )
    assert stack.walflow("tables", "add", TABLE).returncode == 0
    eventually(lambda: tables.are_equal(TABLE, columns), True)
    users = tables.generations("created_users")
    with Writers(stack.settings.postgres_dsn(), _statement, 0.05, seeds=[11]) as writers:
        expected = _corrupt_quiet(tables)
        _corrupt_changing(tables)

        quiet = [row for row in tables.held(TABLE, columns) if row[0] >= 1000]
        shown = stack.walflow("repair", TABLE, "--dry-run", "-o", "json")
        assert shown.returncode == 0, shown.stderr
        assert [row for row in tables.held(TABLE, columns) if row[0] >= 1000] == quiet
        assert tables.generations(TABLE) == 1
        (plan,) = json.loads(shown.stdout)
        planned = {int(step["key"]["id"]): step["action"] for step in plan["steps"]}
        assert {key: action for key, action in planned.items() if key >= 1000} == expected
        assert plan["newest_write_us"] > _now_us()
        assert plan["mended"] is None

        before = writers.statements
        mended = stack.walflow("repair", TABLE, "--yes")
        assert mended.returncode == 0, mended.stdout + mended.stderr
        assert "every row that was found is equal" in mended.stderr
        assert writers.statements > before + 50
    eventually(lambda: tables.are_equal(TABLE, columns), True)
    raised = tables.generations(TABLE)
    assert raised > 1
    again = stack.walflow("repair", TABLE, "--yes")
    assert again.returncode == 0, again.stderr
    assert "Nothing to repair" in again.stderr
    assert tables.generations(TABLE) == raised
    assert tables.generations("created_users") == users

    # Later changes are seen, of rows too that had been written to by hand.
    tables.run(f"UPDATE {TABLE} SET note = 'later'")
    tables.run(f"INSERT INTO {TABLE} VALUES (2001, 'now it is there', 1), (2003, NULL, 5)")
    eventually(lambda: tables.are_equal(TABLE, columns), True)


def test_a_table_that_is_all_key_is_mended_and_it_is_asked_first(
    tables: Tables, eventually: Any
) -> None:
    stack, columns = tables.stack, "a, b"
    tables.run(f"CREATE TABLE {KEYS_TABLE} (a text, b int, PRIMARY KEY (a, b))")
    for number, text in enumerate(STRANGE):
        tables.run(f"INSERT INTO {KEYS_TABLE} VALUES (%s, %s), (%s, 99)", text, number, text)
    assert stack.walflow("tables", "add", KEYS_TABLE).returncode == 0
    eventually(lambda: tables.are_equal(KEYS_TABLE, columns), True)
    for number, text in enumerate(STRANGE):
        delete = f"DELETE FROM {KEYS_TABLE} WHERE a = %s AND b = %s"
        tables.target.execute(delete, (text, number))
    insert = f"INSERT INTO {KEYS_TABLE} (a, b) VALUES (%s, -1)"
    tables.target.execute(insert, ("it's",))
    corrupted = tables.held(KEYS_TABLE, columns)

    asked = stack.walflow("repair", KEYS_TABLE)  # without a terminal there is no answer

    assert asked.returncode == 130
    assert "delete" in asked.stdout and "read again" in asked.stdout
    assert tables.held(KEYS_TABLE, columns) == corrupted
    mended = stack.walflow("repair", KEYS_TABLE, "--yes", "-o", "json")
    assert mended.returncode == 0, mended.stderr
    (result,) = json.loads(mended.stdout)
    assert result["mended"]["read_again"] == result["read_again"] == len(STRANGE)
    assert result["mended"]["deleted"] == result["delete"] == 1
    assert tables.are_equal(KEYS_TABLE, columns)


def test_a_table_that_is_not_captured_is_refused(stack: Stack) -> None:
    answer = stack.walflow("repair", "nowhere", "--yes")
    assert answer.returncode == 2
    assert "There is no captured table nowhere" in answer.stderr
    assert stack.walflow("repair", "--keys", "1").returncode == 2
