"""The store against a real PostgreSQL: idempotent, sparing with changes, patient with outages."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest

from users.store import SetAside, Stored, StoreError, UserStore
from users.user import CreatedUser


def new_user(**changes: object) -> CreatedUser:
    user = CreatedUser(
        id=uuid4(),
        first_name="Zoë",
        last_name="O'Neill",
        gender="female",
        address="12 High Street, Leeds",
        post_code="SW1A 1AA",
        email="zoe@example.com",
        username="zoe1",
        dob=datetime(1966, 6, 26, 11, 50, 25, 558_000, UTC),
        registered_date=None,
        phone="0151",
        picture=None,
    )
    return replace(user, **changes)  # type: ignore[arg-type]


@pytest.fixture
def admin(users_admin_dsn: str) -> Iterator[Any]:
    with closing(psycopg2.connect(users_admin_dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def row_of(admin: Any, user_id: UUID) -> Any:
    admin.execute("SELECT * FROM public.created_users WHERE id = %s", (str(user_id),))
    return admin.fetchone()


def version_of(admin: Any, user_id: UUID) -> Any:
    admin.execute("SELECT ctid FROM public.created_users WHERE id = %s", (str(user_id),))
    return admin.fetchone()


def test_every_column_is_stored_as_it_is(users_dsn: str, admin: Any) -> None:
    user = new_user()

    with UserStore(users_dsn, "run") as store:
        assert store.save([user]) == Stored(1, 0, 0, 0)

    assert row_of(admin, user.id) == (
        *(str(user.id), "Zoë", "O'Neill", "female", "12 High Street, Leeds", "SW1A 1AA"),
        *("zoe@example.com", "zoe1", user.dob, None, "0151", None),
    )


@pytest.mark.parametrize(
    "text", ["a\tb\nc\rd\\e", "\\N", "\\.", "'; DROP TABLE created_users", "", "😀 ی", "\x01\x7f"]
)
def test_any_text_comes_back_unchanged(users_dsn: str, admin: Any, text: str) -> None:
    user = new_user(address=text)

    with UserStore(users_dsn, "run") as store:
        store.save([user])

    assert row_of(admin, user.id)[4] == text


def test_a_repeated_user_is_not_duplicated_and_not_rewritten(users_dsn: str, admin: Any) -> None:
    users = [new_user() for _ in range(50)]

    with UserStore(users_dsn, "run") as store:
        assert store.save(users) == Stored(50, 0, 0, 0)
        before = [version_of(admin, user.id) for user in users]
        assert store.save(users) == Stored(0, 0, 50, 0)

    # The same row version at the same place: no change, hence no change event.
    assert [version_of(admin, user.id) for user in users] == before


def test_only_changed_users_are_rewritten(users_dsn: str, admin: Any) -> None:
    kept, changed, cleared = new_user(), new_user(), new_user()

    with UserStore(users_dsn, "run") as store:
        store.save([kept, changed, cleared])
        stored = store.save(
            [kept, replace(changed, phone="0999"), replace(cleared, phone=None), new_user()]
        )

    assert stored == Stored(1, 2, 1, 0)
    assert row_of(admin, changed.id)[10] == "0999"
    assert row_of(admin, cleared.id)[10] is None


def test_the_last_of_a_user_repeated_in_a_batch_stands(users_dsn: str, admin: Any) -> None:
    user = new_user()

    with UserStore(users_dsn, "run") as store:
        stored = store.save([user, replace(user, phone="1"), replace(user, phone="2")])

    assert stored == Stored(1, 0, 0, 0)
    assert row_of(admin, user.id)[10] == "2"


def test_an_empty_batch_is_nothing(users_dsn: str) -> None:
    with UserStore(users_dsn, "run") as store:
        assert store.save([]) == Stored(0, 0, 0, 0)


def test_malformed_users_are_set_aside_with_the_reason(users_dsn: str, admin: Any) -> None:
    run = f"run {uuid4()}"
    raw = {"name": {"first": None}}

    with UserStore(users_dsn, run) as store:
        assert store.save([new_user()], [SetAside("name.first is missing", raw)]).set_aside == 1

    admin.execute("SELECT reason, payload FROM public.set_aside_users WHERE run_id = %s", (run,))
    assert admin.fetchall() == [("name.first is missing", raw)]


@pytest.mark.parametrize(
    "raw", ["a\0b", {"k\0": 1}, "\ud800", float("nan"), [1e400], "\\u0000", None, [[]]]
)
def test_what_jsonb_refuses_is_set_aside_whole(users_dsn: str, admin: Any, raw: object) -> None:
    run = f"run {uuid4()}"

    with UserStore(users_dsn, run) as store:
        store.save([], [SetAside("unusable", raw)])

    admin.execute("SELECT payload::text FROM public.set_aside_users WHERE run_id = %s", (run,))
    kept = json.loads(admin.fetchone()[0])
    assert kept == raw or kept == {"text": json.dumps(raw)}


def test_parallel_runs_over_the_same_users_do_not_deadlock(
    users_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    users = [new_user() for _ in range(300)]

    def run(number: int) -> int:
        order = users if number % 2 else users[::-1]
        with UserStore(users_dsn, f"run {number}") as store:
            return sum(
                store.save([replace(user, phone=f"{number}-{step}") for user in order]).inserted
                for step in range(5)
            )

    with ThreadPoolExecutor(4) as pool:
        inserted = list(pool.map(run, range(4)))

    assert sum(inserted) == 300
    # A deadlock would have been healed by another try, which is logged.
    assert [record.message for record in caplog.records] == []


def test_a_broken_connection_is_replaced(users_dsn: str, admin: Any) -> None:
    with UserStore(users_dsn, "run") as store:
        store.save([new_user()])
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'user_automation'"
        )
        assert store.save([new_user()]) == Stored(1, 0, 0, 0)


def test_an_outage_is_waited_out(users_dsn: str, users_admin_dsn: str, admin: Any) -> None:
    def end_the_outage() -> None:
        with closing(psycopg2.connect(users_admin_dsn)) as connection, connection:
            connection.cursor().execute("ALTER ROLE users_writer LOGIN")

    # Without LOGIN, connecting fails just as it does while a server starts or recovers.
    admin.execute("ALTER ROLE users_writer NOLOGIN")
    timer = threading.Timer(0.5, end_the_outage)
    timer.start()
    try:
        with UserStore(users_dsn, "run") as store:
            assert store.save([new_user()]) == Stored(1, 0, 0, 0)
    finally:
        timer.join()


def test_an_outage_without_end_is_a_sentence() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        dsn = f"host=127.0.0.1 port={reserved.getsockname()[1]} user=u dbname=users"

        with UserStore(dsn, "run", patience_seconds=0.1) as store, pytest.raises(StoreError) as out:
            store.save([new_user()])

    assert "1 users could not be written to PostgreSQL within 0.1 s: connection" in str(out.value)
    assert "users_db" in str(out.value)
    assert "\n" not in str(out.value)


def test_missing_rights_are_a_sentence_at_once(users_dsn: str, admin: Any) -> None:
    admin.execute("REVOKE INSERT ON public.set_aside_users FROM users_writer")
    try:
        with UserStore(users_dsn, "run") as store, pytest.raises(StoreError) as refused:
            store.save([new_user()], [SetAside("r", {})])
    finally:
        admin.execute("GRANT INSERT ON public.set_aside_users TO users_writer")

    assert "permission denied for table set_aside_users" in str(refused.value)


def test_a_batch_is_all_or_nothing(users_dsn: str, admin: Any) -> None:
    user = new_user()
    admin.execute("REVOKE INSERT ON public.set_aside_users FROM users_writer")
    try:
        with UserStore(users_dsn, "run") as store, pytest.raises(StoreError):
            store.save([user], [SetAside("r", {})])
    finally:
        admin.execute("GRANT INSERT ON public.set_aside_users TO users_writer")

    assert row_of(admin, user.id) is None
