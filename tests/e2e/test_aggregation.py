"""Live counts against GROUP BY: under every kind of change, with processes killed, read again."""

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.workload.kills import Victim, find
from walflow.aggregates import written

TABLE = "e2e_counted"
BY_AREA, BY_OWNER = "e2e_by_area_and_kind", "e2e_by_owner"
"""Declared in tests/table_rules.py; owner is masked."""
CREATE = (
    f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, city text, kind text, owner text, note text)"
)
COUNTED_SECONDS = 60

Groups = dict[tuple[str, ...], int]
Eventually = Callable[..., None]


def _run(source: Any, *statements: str) -> None:
    with source.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _in_one_commit(stack: Stack, *statements: str, commit: bool = True) -> None:
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    try:
        _run(connection, *statements)
        (connection.commit if commit else connection.rollback)()
    finally:
        connection.close()


def _expected(source: Any) -> tuple[Groups, Groups]:
    """What the two tables of counts have to be, worked out here from PostgreSQL's rows."""
    by_area: Counter[tuple[str, ...]] = Counter()
    by_owner: Counter[tuple[str, ...]] = Counter()
    with source.cursor() as cursor:
        cursor.execute(f"SELECT city, kind, owner FROM {TABLE}")
        for city, kind, owner in cursor.fetchall():
            by_area[written(None if city is None else city[:2]), written(kind)] += 1
            by_owner[(written(None if owner is None else "***"),)] += 1
    return dict(by_area), dict(by_owner)


def _counts(target: Session) -> tuple[Groups, Groups]:
    areas = target.execute(f"SELECT area, kind, total FROM {BY_AREA}")
    owners = target.execute(f"SELECT owner, total FROM {BY_OWNER}")
    return (
        {(row["area"], row["kind"]): row["total"] for row in areas},
        {(row["owner"],): row["total"] for row in owners},
    )


def _verdicts(stack: Stack) -> dict[str, Any]:
    answer = stack.walflow("verify", BY_AREA, BY_OWNER, "-o", "json")
    assert answer.returncode in (0, 1), answer.stderr
    return {result["table"]: result for result in json.loads(answer.stdout)}


@pytest.fixture(scope="module")
def counted(stack: Stack) -> Iterator[None]:
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    try:
        _run(connection, CREATE, f"INSERT INTO {TABLE} VALUES (1, 'Ulm', 'a', 'me', 'before')")
        added = stack.walflow("tables", "add", TABLE)
        assert added.returncode == 0, added.stderr
        yield
    finally:
        stack.walflow("tables", "remove", TABLE)
        _run(connection, f"DROP TABLE IF EXISTS {TABLE}")
        connection.close()


@pytest.fixture
def is_counted(
    stack: Stack, source: Any, target: Session, eventually: Eventually
) -> Callable[[], None]:
    """Wait until the counts are those of PostgreSQL, and have verify say so."""

    def check() -> None:
        eventually(lambda: _counts(target), _expected(source), COUNTED_SECONDS)
        verdicts = {name: result["verdict"] for name, result in _verdicts(stack).items()}
        assert verdicts == {BY_AREA: "equal", BY_OWNER: "equal"}

    return check


@pytest.mark.usefixtures("counted")
def test_counts_follow_every_kind_of_change(
    stack: Stack, source: Any, is_counted: Callable[[], None]
) -> None:
    _run(
        source,
        f"INSERT INTO {TABLE} SELECT n, (ARRAY['Ulm', 'Unna', 'Köln', NULL, '', '\\N'])[n % 6 + 1],"
        " (ARRAY['a', 'b', NULL])[n % 3 + 1], (ARRAY['me', 'you', NULL])[n % 3 + 1], 'new'"
        " FROM generate_series(10, 69) n",
        f"UPDATE {TABLE} SET city = 'Bonn' WHERE id BETWEEN 10 AND 15",
        f"UPDATE {TABLE} SET city = NULL, kind = NULL WHERE id = 16",
        f"UPDATE {TABLE} SET note = 'changed' WHERE id BETWEEN 20 AND 30",
        f"DELETE FROM {TABLE} WHERE id BETWEEN 40 AND 45",
        f"DELETE FROM {TABLE} WHERE id = 46",
        f"INSERT INTO {TABLE} VALUES (46, 'Hof', 'a', NULL, 'again')",
        f"UPDATE {TABLE} SET id = id + 1000 WHERE id BETWEEN 50 AND 52",
    )
    _in_one_commit(stack, f"UPDATE {TABLE} SET city = 'Nie'", commit=False)
    _in_one_commit(
        stack,
        f"DELETE FROM {TABLE} WHERE id = 60",
        f"INSERT INTO {TABLE} VALUES (60, 'Hof', 'b')",
        f"UPDATE {TABLE} SET kind = 'c' WHERE id = 60",
        f"INSERT INTO {TABLE} VALUES (61000, 'Nie', 'a')",
        f"DELETE FROM {TABLE} WHERE id = 61000",
    )

    is_counted()


@pytest.mark.usefixtures("counted")
def test_rows_that_are_read_again_count_once(stack: Stack, is_counted: Callable[[], None]) -> None:
    answer = stack.walflow("snapshot", TABLE)
    assert answer.returncode == 0, answer.stderr

    is_counted()


@pytest.mark.only("local", "executors and Python workers are killed by process id")
@pytest.mark.parametrize("victim", [Victim.PYTHON_WORKER, Victim.EXECUTOR])
@pytest.mark.usefixtures("counted")
def test_nothing_counts_twice_or_never_where_a_process_is_killed(
    stack: Stack, source: Any, is_counted: Callable[[], None], victim: Victim
) -> None:
    rng = random.Random(7)
    for number in range(300):
        key = rng.randrange(100, 160)
        _run(
            source,
            f"INSERT INTO {TABLE} VALUES ({key}, 'Ulm', 'a') ON CONFLICT (id) DO UPDATE"
            f" SET city = (ARRAY['Ulm', 'Hof', NULL])[{rng.randrange(3)} + 1], kind = '{number % 4}'",
        )
        if number % 5 == 0:
            _run(source, f"DELETE FROM {TABLE} WHERE id = {rng.randrange(100, 160)}")
        if number == 150 and (pid := find(stack.supervisor, victim, rng)):
            os.kill(pid, signal.SIGKILL)

    is_counted()


@pytest.mark.usefixtures("counted")
def test_truncate_forgets_what_is_older_and_keeps_what_is_newer(
    stack: Stack, source: Any, is_counted: Callable[[], None]
) -> None:
    _in_one_commit(
        stack,
        f"INSERT INTO {TABLE} SELECT n, 'Alt', 'a' FROM generate_series(2000, 2040) n",
        f"TRUNCATE {TABLE}",
        f"INSERT INTO {TABLE} SELECT n, 'Neu', 'b' FROM generate_series(2030, 2060) n",
    )
    _run(source, f"UPDATE {TABLE} SET kind = NULL WHERE id = 2031")

    is_counted()


@pytest.mark.usefixtures("counted")
def test_wrong_counts_are_found_and_a_recount_mends_them(
    stack: Stack, source: Any, target: Session, is_counted: Callable[[], None]
) -> None:
    """Counts written by hand, and rows of whose end nothing tells: their table was made anew."""
    target.execute(f"UPDATE {BY_AREA} SET total = 7 WHERE area = 'Ne' AND kind = 'b'")
    target.execute(f"INSERT INTO {BY_AREA} (area, kind, total) VALUES ('No', 'x', 3)")
    target.execute(f"DELETE FROM {BY_AREA} WHERE area = 'Ne' AND kind = '\\N'")

    found = _verdicts(stack)[BY_AREA]

    assert found["verdict"] == "different"
    assert {
        (d["kind"], d["key"]["area"], d["columns"]["total"]["postgresql"])
        for d in found["differences"]
    } == {("different", "Ne", "30"), ("extra", "No", None), ("missing", "Ne", "1")}

    assert stack.walflow("tables", "remove", TABLE).returncode == 0
    _run(source, f"DROP TABLE {TABLE}", CREATE)
    _run(source, f"INSERT INTO {TABLE} SELECT n, 'Hof', 'z' FROM generate_series(2055, 2070) n")
    added = stack.walflow("tables", "add", TABLE)
    assert added.returncode == 0, added.stderr
    again = stack.walflow("recount", BY_AREA, BY_OWNER)

    assert again.returncode == 0, again.stderr
    assert f"{BY_AREA}: counted again in " in again.stderr
    assert "25 rows were counted that PostgreSQL does not have" in again.stderr
    is_counted()


def test_users_are_counted_by_country_and_gender(
    stack: Stack, source: Any, target: Session, eventually: Eventually
) -> None:
    name = "users_by_country_and_gender"
    with source.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM created_users WHERE gender = 'female'")
        women = cursor.fetchone()[0]

    def counted_women() -> int:
        rows = target.execute(f"SELECT gender, total FROM {name}")
        return sum(row["total"] for row in rows if row["gender"] == "female")

    eventually(counted_women, women, COUNTED_SECONDS)
    answer = stack.walflow("verify", name)
    assert answer.returncode == 0, answer.stdout + answer.stderr
