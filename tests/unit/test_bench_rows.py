"""Rows are known beforehand, by their number."""

import hashlib
from uuid import UUID

from bench.rows import KEY_SQL, LARGE, USERS, key, wide


def test_a_key_is_the_md5_that_postgresql_makes_of_it() -> None:
    assert KEY_SQL.format(run="'r'", number="7") == "md5('r' || ':' || 7)::uuid"
    assert key("r", 7) == UUID(hashlib.md5(b"r:7").hexdigest())


def test_keys_of_runs_and_rows_differ() -> None:
    assert len({key(run, n) for run in ("a", "b") for n in range(1000)}) == 2000


def test_a_wide_table_has_the_columns_asked_for() -> None:
    table = wide(50)

    assert len(table.columns) == 50
    assert table.create.count(",") == 50
    assert "INSERT INTO bench_wide_50 (id, c000, " in table.prepare


def test_large_values_are_kept_uncompressed() -> None:
    assert "ALTER COLUMN payload SET STORAGE EXTERNAL" in LARGE.create


def test_users_are_those_of_the_pipeline() -> None:
    assert USERS.create.startswith("CREATE TABLE IF NOT EXISTS created_users (id uuid PRIMARY KEY,")
