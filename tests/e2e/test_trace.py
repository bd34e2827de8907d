"""One key at every hop of the real pipeline, where all hops have happened and where one has not."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.test_status import insert, paused
from tests.servers import EXECUTOR
from walflow.readings.reader import read
from walflow.trace.tracing import Request
from walflow.trace.tracing import trace as traced

TABLE, TARGET = "e2e_traced", "e2e_traced_by_name"
WHOLE_TOPIC = 1_000_000
"""More records than the tests of a run leave."""


def trace(stack: Stack, table: str, key: str, scan: int = 1000) -> Any:
    """What is told of a key, as JSON has it."""
    return traced(stack.settings, Request(table, key, 5, scan)).as_dict()


def _held_up_by(stack: Stack) -> str:
    """How the sentence begins that names it."""
    return (read(stack.settings).held_up_by or "")[: len("apply: public.created_users is")]


def test_a_row_is_followed_from_its_transaction_to_the_write_time_of_each_column(
    stack: Stack, source: Any, eventually: Any
) -> None:
    user = insert(source)
    with source.cursor() as cursor:
        cursor.execute("UPDATE created_users SET phone = '2' WHERE id = %s", (user,))
    eventually(lambda: trace(stack, "created_users", user)["agree"], True)
    told = trace(stack, "created_users", user.upper())
    create, update = told["kafka"]["events"]
    assert (create["op"], update["op"]) == ("create", "update")
    assert update["xid"] == told["postgresql"]["xmin"]
    assert update["lsn"] == told["postgresql"]["commit_lsn"]
    assert update["after"]["phone"] == "2"
    assert update["value"]["schema_id"] is not None
    assert told["kafka"]["by_partitioner"]
    assert update["applied"]
    assert told["cassandra"]["phone"] == {
        "value": "2",
        "writetime": update["stamp"],
        "differs": False,
    }
    assert [hop["happened"] for hop in told["hops"]] == [True, True]
    shown = stack.walflow("trace", "created_users", user)
    assert shown.returncode == 0
    for part in ("PostgreSQL", f"{update['place']}: applied", "WRITETIME", "agree"):
        assert part in shown.stdout


def test_a_row_that_was_deleted_is_gone_on_both_sides_and_its_events_tell_of_it(
    stack: Stack, source: Any, eventually: Any
) -> None:
    user = insert(source)
    with source.cursor() as cursor:
        cursor.execute("DELETE FROM created_users WHERE id = %s", (user,))
    eventually(
        lambda: [e["op"] for e in trace(stack, "created_users", user)["kafka"]["events"]],
        ["create", "delete", "tombstone"],
    )
    told = trace(stack, "created_users", user)
    assert (told["postgresql"], told["cassandra"]) == (None, None)
    assert told["sentence"] == ("PostgreSQL and Cassandra agree: neither has a row with this key.")


def test_a_capture_that_has_not_happened_is_named_with_what_holds_it_up(
    stack: Stack, source: Any, eventually: Any
) -> None:
    with paused(stack):
        user = insert(source)
        # All of the topic is looked at: otherwise the event might be older than what was.
        told = trace(stack, "created_users", user, scan=WHOLE_TOPIC)
        assert not told["agree"]
        assert told["hops"][0]["happened"] is False
        assert "only PostgreSQL has the row" in told["sentence"]
        assert "capture has not happened" in told["sentence"]
        assert "Connector users is PAUSED" in told["sentence"]
        answer = stack.walflow(
            *("trace", "created_users", user, "--scan", str(WHOLE_TOPIC), "-o", "json")
        )
        assert answer.returncode == 1
        assert json.loads(answer.stdout)["sentence"] == told["sentence"]
    eventually(lambda: trace(stack, "created_users", user)["agree"], True)


def test_an_apply_that_has_not_happened_is_named_with_where_the_stream_stands(
    stack: Stack, source: Any, eventually: Any
) -> None:
    with stack.servers.paused(EXECUTOR):
        user = insert(source)
        eventually(lambda: len(trace(stack, "created_users", user)["kafka"]["events"]), 1)
        told = trace(stack, "created_users", user)
        assert not told["agree"]
        assert [hop["happened"] for hop in told["hops"]] == [True, False]
        assert "apply has not happened. The stream has not applied" in told["sentence"]
        eventually(lambda: _held_up_by(stack), "apply: public.created_users is", 60)
    eventually(lambda: trace(stack, "created_users", user)["agree"], True)


def test_a_write_of_somebody_else_is_told_as_such(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    user = insert(source)
    eventually(lambda: trace(stack, "created_users", user)["agree"], True)
    target.execute("UPDATE created_users SET phone = 'foreign' WHERE id = %s", (UUID(user),))
    told = trace(stack, "created_users", user)
    assert "columns phone" in told["sentence"]
    assert "by somebody else than the stream" in told["sentence"]
    assert stack.walflow("repair", "public.created_users", "--keys", user, "--yes").returncode == 0
    assert trace(stack, "created_users", user)["agree"]


@pytest.fixture(scope="module")
def composite(stack: Stack, target: Session) -> Iterator[str]:
    """A captured table with a rule (tests/table_rules.py), whose key is of a time and a masked text."""
    with closing(psycopg2.connect(stack.settings.postgres_dsn())) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(
            f"CREATE TABLE {TABLE} (at timestamptz, name text, amount numeric(12,2), email text,"
            " phone text, post_code text, secret text, PRIMARY KEY (at, name))"
        )
        try:
            added = stack.walflow("tables", "add", TABLE)
            assert added.returncode == 0, added.stderr
            yield TABLE
        finally:
            stack.walflow("tables", "remove", TABLE)
            cursor.execute(f"DROP TABLE {TABLE}")
    target.execute(f"TRUNCATE {TARGET}")


def test_a_composite_key_with_converted_types_is_found_in_every_partition(
    stack: Stack, source: Any, composite: str, eventually: Any
) -> None:
    at = datetime(2026, 11, 21, 18, 50, 0, 123000, tzinfo=UTC)
    with source.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {composite} (at, name, amount) VALUES (%s, 'DE', 1.50), (%s, 'FR', 2)",
            (at, at),
        )
    key = json.dumps([at.isoformat(), "DE"])
    eventually(lambda: trace(stack, composite, key)["agree"], True, 120)
    told = trace(stack, composite, key)
    assert [event["op"] for event in told["kafka"]["events"]] == ["create"]
    assert told["cassandra"]["Amount due"]["value"] == "1.50"
    assert not told["kafka"]["by_partitioner"]


def test_masked_and_renamed_columns_agree_and_a_change_made_by_hand_is_named(
    stack: Stack, source: Any, target: Session, composite: str, eventually: Any
) -> None:
    def masked(text: str) -> str:
        key = stack.settings.masking.key.encode()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    at = datetime(2026, 11, 21, 18, 50, 0, 456000, tzinfo=UTC)
    with source.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {composite} VALUES (%s, 'Ada', 2, 'a@b', '123', '80331', 'unsaid')", (at,)
        )
        cursor.execute(f"UPDATE {composite} SET amount = 3.50 WHERE at = %s", (at,))
    key = json.dumps([at.isoformat(), "Ada"])
    eventually(lambda: trace(stack, composite, key)["agree"], True, 120)
    told = trace(stack, composite, key)
    assert [event["op"] for event in told["kafka"]["events"]] == ["create", "update"]
    assert told["postgresql"]["columns"]["email"] == "a@b"
    assert {name: cell["value"] for name, cell in told["cassandra"].items()} == {
        "at": "2026-11-21T18:50:00.456+00:00",
        "name": masked("Ada"),
        "Amount due": "3.50",
        "email": masked("a@b"),
        "phone": "***",
        "post_code": "80",
    }

    target.execute(
        f"""UPDATE {TARGET} SET "Amount due" = 9, email = 'a@b' WHERE at = %s AND name = %s""",
        (at, masked("Ada")),
    )
    told = trace(stack, composite, key)
    assert told["sentence"].startswith(
        "They differ (columns amount, email), though every hop has happened. Amount due, email in"
        " Cassandra was written later than the last event's stamp"
    )
    differing = [name for name, cell in told["cassandra"].items() if cell["differs"]]
    assert differing == ["Amount due", "email"]
    shown = stack.walflow("trace", composite, key)
    assert shown.returncode == 1
    for part in (f"{stack.settings.cassandra.keyspace}.{TARGET}", "Amount due", masked("a@b")[:40]):
        assert part in shown.stdout


def test_a_key_that_nobody_has_and_a_table_that_is_not_captured(stack: Stack) -> None:
    told = trace(stack, "created_users", str(uuid4()), scan=10)
    assert told["agree"]
    assert told["kafka"]["events"] == []
    wrong = stack.walflow("trace", "created_users", "no uuid")
    assert wrong.returncode == 2
    assert "no uuid is no key of public.created_users (id)" in wrong.stderr
    absent = stack.walflow("trace", "nothing", "1")
    assert absent.returncode == 2
    assert "There is no captured table nothing." in absent.stderr
