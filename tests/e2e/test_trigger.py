"""The stream by micro-batches, from the checkpoint that the real-time trigger left, and back."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.tables import sides_are_equal


@pytest.fixture(scope="module")
def micro_batches(stack: Stack) -> Iterator[None]:
    changed = stack.walflow("restart", "stream", WALFLOW_STREAM__TRIGGER="micro-batch")
    assert changed.returncode == 0, changed.stderr
    yield
    back = stack.walflow("restart", "stream")
    assert back.returncode == 0, back.stderr


def _insert(source: Any, phone: str) -> UUID:
    user = uuid4()
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name, phone) VALUES (%s, 'A', 'L', %s)",
            (str(user), phone),
        )
    return user


def _phone(target: Session, user: UUID) -> Any:
    row = target.execute("SELECT phone FROM created_users WHERE id = %s", (user,)).one()
    return "no row" if row is None else row["phone"]


def test_micro_batches_apply_inserts_updates_and_deletes(
    micro_batches: None, source: Any, target: Session, eventually: Any
) -> None:
    changed, deleted = _insert(source, "1"), _insert(source, "1")
    eventually(lambda: (_phone(target, changed), _phone(target, deleted)), ("1", "1"))
    with source.cursor() as cursor:
        cursor.execute("UPDATE created_users SET phone = '2' WHERE id = %s", (str(changed),))
        cursor.execute("DELETE FROM created_users WHERE id = %s", (str(deleted),))
    eventually(lambda: (_phone(target, changed), _phone(target, deleted)), ("2", "no row"))


def test_micro_batches_start_where_the_real_time_trigger_stopped(
    micro_batches: None, stack: Stack, source: Any, eventually: Any
) -> None:
    for number in range(300):
        _insert(source, str(number))
    eventually(lambda: sides_are_equal(stack.settings), True)
