"""Rows read again by Debezium, while everything runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.tables import sides_are_equal
from walflow.errors import ExitCode, WalflowError
from walflow.snapshots.reading import Progress, read_again


def _insert(source: Any, phone: str) -> UUID:
    user = uuid4()
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name, phone) VALUES (%s, 'A', 'L', %s)",
            (str(user), phone),
        )
    return user


def _one(source: Any, query: str) -> int:
    with source.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _count(source: Any) -> int:
    return _one(source, "SELECT count(*) FROM created_users")


def _signals(source: Any) -> int:
    """Requests for snapshots of the users that nobody has deleted."""
    return _one(source, "SELECT count(*) FROM walflow.signals WHERE data LIKE '%created_users%'")


def _written_at(target: Session, user: UUID) -> int:
    """The write time of a cell, which every record that is applied moves on; 0 while there is none."""
    query = "SELECT writetime(phone) AS at FROM created_users WHERE id = %s"
    row: Any = target.execute(query, (user,)).one()
    return row["at"] if row is not None else 0


@contextmanager
def _writing(dsn: str) -> Iterator[None]:
    """A session that inserts users all the while."""
    stop = threading.Event()

    def write() -> None:
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        while not stop.wait(0.01):
            _insert(connection, "written meanwhile")
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_every_row_is_read_again_while_users_are_written(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    users = [_insert(source, "1") for _ in range(20)]
    eventually(lambda: all(_written_at(target, user) for user in users), True)
    before = {user: _written_at(target, user) for user in users}
    count = _count(source)
    with _writing(stack.settings.postgres_dsn()):
        answer = stack.walflow("snapshot", "created_users")
    assert answer.returncode == 0, answer.stderr
    rows = int(answer.stderr.partition(" rows read and applied in ")[0].rpartition(" ")[2])
    assert count <= rows <= _count(source)
    # What it says is applied is there at once.
    assert all(_written_at(target, user) > before[user] for user in users)
    eventually(lambda: sides_are_equal(stack.settings), True, 60)
    assert _signals(source) == 0


def test_a_condition_picks_rows_and_leaves_the_others(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    picked, other = _insert(source, f"picked {uuid4()}"), _insert(source, "left by where")
    eventually(lambda: bool(_written_at(target, picked) and _written_at(target, other)), True)
    before = _written_at(target, picked), _written_at(target, other)
    answer = stack.walflow("snapshot", "created_users", "--where", f"id = '{picked}' OR false")
    assert answer.returncode == 0, answer.stderr
    assert "snapshot of created_users: 1 row read and applied" in answer.stderr
    assert _written_at(target, picked) > before[0]
    assert _written_at(target, other) == before[1]


def test_programs_get_the_number_of_rows_and_the_progress(stack: Stack, source: Any) -> None:
    users = [_insert(source, "for a program") for _ in range(3)]
    keys = ", ".join(f"'{user}'" for user in users)
    seen: list[Progress] = []
    rows = read_again(stack.settings, "public.created_users", f"id IN ({keys})", seen.append)
    assert rows == 3
    assert any(progress.chunks == 1 and progress.last_key for progress in seen)
    assert read_again(stack.settings, "created_users", "false") == 0


def test_a_second_snapshot_of_a_table_under_way_is_refused(
    stack: Stack, source: Any, eventually: Any
) -> None:
    first = stack.walflow("snapshot", "created_users", "--where", "false", "--no-wait")
    assert first.returncode == 0, first.stderr
    second = stack.walflow("snapshot", "created_users", "--no-wait")
    assert second.returncode == ExitCode.FAILED
    assert "A snapshot of public.created_users is under way already" in second.stderr
    eventually(lambda: _is_taken(stack), True)
    assert _signals(source) == 0


def _is_taken(stack: Stack) -> bool:
    try:
        read_again(stack.settings, "created_users", "false")
    except WalflowError as error:
        assert "is under way already" in error.sentence
        return False
    return True


@pytest.mark.parametrize(
    ("table", "where", "expected"),
    [
        ("nothing", None, "PostgreSQL has no table public.nothing. Captured tables: "),
        ("set_aside_users", None, "public.set_aside_users is not captured"),
        ("created_users", "no_column = 1", 'column "no_column" does not exist'),
        ("created_users", "phone = ", "syntax error"),
        ("created_users", "phone = '1' --", "PostgreSQL refuses --where"),
        ("created_users", "phone ? '1'", "cannot have a ? outside quotes"),
        (
            "created_users",
            "EXISTS (SELECT FROM set_aside_users)",
            "permission denied for table set_aside_users",
        ),
    ],
    ids=["no table", "not captured", "no column", "syntax", "comment", "?", "another table"],
)
def test_what_cannot_be_read_is_told_in_a_sentence(
    stack: Stack, source: Any, table: str, where: str | None, expected: str
) -> None:
    with pytest.raises(WalflowError) as refused:
        read_again(stack.settings, table, where)
    assert refused.value.exit_code is ExitCode.USAGE
    assert expected in refused.value.sentence
    assert _signals(source) == 0


def test_a_refused_condition_is_told_on_the_command_line(stack: Stack) -> None:
    answer = stack.walflow("snapshot", "created_users", "--where", "no_column = 1")
    assert answer.returncode == ExitCode.USAGE
    assert 'column "no_column" does not exist' in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_error_that_shows_when_rows_are_read_is_told(stack: Stack, source: Any) -> None:
    user = _insert(source, "0")
    answer = stack.walflow(
        "snapshot", "created_users", "--where", f"id = '{user}' AND 1 / (length(phone) - 1) > 0"
    )
    assert answer.returncode == ExitCode.FAILED
    assert "could not read public.created_users to its end: SQL_EXCEPTION" in answer.stderr
