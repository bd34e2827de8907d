"""Committed changes of created_users, seen in Cassandra."""

from typing import Any
from uuid import UUID, uuid4

import psycopg2
import psycopg2.extensions
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.captured import envelopes_of
from tests.e2e.tables import source_rows, target_rows


def _insert(source: Any, user: UUID, **columns: Any) -> None:
    names = {"id": str(user), "first_name": "Ada", "last_name": "Lovelace", **columns}
    marks = ", ".join("%s" for _ in names)
    with source.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO created_users ({', '.join(names)}) VALUES ({marks})",
            tuple(names.values()),
        )


def _run(source: Any, statement: str, *values: Any) -> None:
    with source.cursor() as cursor:
        cursor.execute(statement, values)


def _target(target: Session, user: UUID) -> Any:
    return target.execute("SELECT * FROM created_users WHERE id = %s", (user,)).one()


def _cell(target: Session, user: UUID, column: str) -> Any:
    row = _target(target, user)
    return "no row" if row is None else row[column]


def test_a_lone_insert_is_seen_without_another_change_behind_it(
    source: Any, target: Session, eventually: Any
) -> None:
    user = uuid4()
    _insert(source, user, phone="1")
    eventually(lambda: _cell(target, user, "phone"), "1", seconds=30)


def test_an_update_is_seen(source: Any, target: Session, eventually: Any) -> None:
    user = uuid4()
    _insert(source, user, phone="1")
    _run(source, "UPDATE created_users SET phone = '2' WHERE id = %s", str(user))
    eventually(lambda: _cell(target, user, "phone"), "2")


def test_update_to_null_clears_the_cell(source: Any, target: Session, eventually: Any) -> None:
    user = uuid4()
    _insert(source, user, phone="1", email="ada@example.com")
    eventually(lambda: _cell(target, user, "phone"), "1")
    _run(source, "UPDATE created_users SET phone = NULL WHERE id = %s", str(user))
    eventually(lambda: _cell(target, user, "phone"), None)
    assert _cell(target, user, "email") == "ada@example.com"


def test_a_delete_removes_the_row_and_an_insert_brings_it_back(
    source: Any, target: Session, eventually: Any
) -> None:
    user = uuid4()
    _insert(source, user)
    eventually(lambda: _target(target, user) is None, False)
    _run(source, "DELETE FROM created_users WHERE id = %s", str(user))
    eventually(lambda: _target(target, user), None)
    _insert(source, user, phone="again")
    eventually(lambda: _cell(target, user, "phone"), "again")


def test_a_changed_primary_key_moves_the_row(source: Any, target: Session, eventually: Any) -> None:
    old, new = uuid4(), uuid4()
    _insert(source, old, phone="1")
    _run(source, "UPDATE created_users SET id = %s WHERE id = %s", str(new), str(old))
    eventually(lambda: (_target(target, old), _cell(target, new, "phone")), (None, "1"))


def test_a_toasted_value_survives_an_update_that_does_not_touch_it(
    source: Any, target: Session, eventually: Any
) -> None:
    user = uuid4()
    large = "".join(str(uuid4()) for _ in range(2000))
    _insert(source, user, address=large)
    _run(source, "UPDATE created_users SET phone = '2' WHERE id = %s", str(user))
    eventually(lambda: _cell(target, user, "phone"), "2")
    # A large insert is a group of its own, which may be acknowledged after the update behind it.
    eventually(lambda: _cell(target, user, "address"), large)


def test_what_is_rolled_back_is_never_seen(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    rolled_back, committed = uuid4(), uuid4()
    with psycopg2.connect(stack.settings.postgres_dsn()) as transaction:
        _insert(transaction, rolled_back)
        transaction.rollback()
        _insert(transaction, committed, phone="1")
    eventually(lambda: _cell(target, committed, "phone"), "1")
    assert _target(target, rolled_back) is None


def test_the_last_of_many_updates_of_one_row_wins(
    source: Any, target: Session, eventually: Any
) -> None:
    user = uuid4()
    _insert(source, user)
    for number in range(300):
        _run(source, "UPDATE created_users SET phone = %s WHERE id = %s", str(number), str(user))
    eventually(lambda: _cell(target, user, "phone"), "299")


def test_a_row_whose_insert_waited_for_a_delete_is_kept_although_its_lsn_is_lower(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    """T2 inserts the key that T1 has inserted, waits, T1 deletes it and commits, T2 commits.

    T2's row is written to the WAL before it waits. Stamped by LSN, T1's delete would win.
    """
    user, behind = uuid4(), uuid4()
    first = psycopg2.connect(stack.settings.postgres_dsn())
    _insert(first, user, phone="first")
    second = psycopg2.connect(stack.settings.postgres_dsn(), async_=True)
    _poll(second)
    cursor = second.cursor()
    cursor.execute(
        "INSERT INTO created_users (id, first_name, last_name, phone) VALUES (%s, 'A', 'L', 'second')",
        (str(user),),
    )
    eventually(lambda: _waiting(source), 1)
    _run(first, "DELETE FROM created_users WHERE id = %s", str(user))
    first.commit()
    _poll(second)
    first.close()
    second.close()
    _insert(source, behind, phone="behind")
    eventually(lambda: _cell(target, behind, "phone"), "behind")
    eventually(lambda: _cell(target, user, "phone"), "second")
    changes = envelopes_of(stack.settings, user)
    assert [change["op"] for change in changes] == ["c", "d", "c"]
    assert max(changes, key=lambda change: change["source"]["lsn"])["op"] == "d"


def _poll(connection: Any) -> None:
    """Wait for an asynchronous connection, as psycopg2's documentation does it."""
    import select

    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        waits = [connection.fileno()]
        reading = state == psycopg2.extensions.POLL_READ
        select.select(waits if reading else [], [] if reading else waits, [], 30)


def _waiting(source: Any) -> int:
    with source.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND query LIKE 'INSERT INTO created_users%'"
        )
        return int(cursor.fetchone()[0])


def test_both_sides_are_equal_row_by_row_and_column_by_column(
    source: Any, target: Session, eventually: Any
) -> None:
    eventually(lambda: target_rows(target) == source_rows(source), True)
    assert len(source_rows(source)) > 50
