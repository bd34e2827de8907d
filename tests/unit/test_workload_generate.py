"""A seed makes one workload, and the mix decides what is in it."""

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workload.generate import WEIGHTS, Mix, generate
from tests.workload.plan import Workload, from_json
from tests.workload.tables import DOCUMENTS, TABLES, added_columns

SEEDS = st.integers(0, 2**32)


def sql_of(workload: Workload) -> list[str]:
    return [s.sql for session in workload.sessions for t in session for s in t.statements]


@given(SEEDS)
def test_the_same_seed_gives_the_same_workload(seed: int) -> None:
    mix = Mix(transactions=4, truncates=True)
    assert generate(seed, mix) == generate(seed, mix)


def test_other_seeds_give_other_workloads() -> None:
    scripts = {generate(seed, Mix(transactions=2)).script() for seed in range(50)}
    assert len(scripts) == 50


def test_a_workload_has_everything_that_the_issue_names() -> None:
    sql = "\n".join(sql_of(generate(1, Mix(truncates=True))))
    for part in (
        "INSERT INTO",
        "ON CONFLICT (id) DO UPDATE",
        "SET id = ",
        "SET region = ",
        "DELETE FROM",
        "NULL",
        "repeat(md5(",
        "TRUNCATE public.",
        "ADD COLUMN",
        "SAVEPOINT s",
        "ROLLBACK TO SAVEPOINT",
        "RELEASE SAVEPOINT",
        "FOR UPDATE",
    ):
        assert part in sql, part


def test_some_transactions_roll_back_and_some_are_serializable() -> None:
    transactions = [t for session in generate(1, Mix()).sessions for t in session]
    assert {t.commits for t in transactions} == {True, False}
    assert Counter(t.isolation for t in transactions).keys() == {
        "READ COMMITTED",
        "REPEATABLE READ",
        "SERIALIZABLE",
    }


@pytest.mark.parametrize(
    ("mix", "absent"),
    [
        (Mix(truncates=False), "TRUNCATE"),
        (Mix(added_columns=False), "ADD COLUMN"),
        (Mix(savepoints=0), "SAVEPOINT"),
        (Mix(weights={"insert": 1}, added_columns=False), "UPDATE"),
    ],
)
def test_what_the_mix_leaves_out_is_not_there(mix: Mix, absent: str) -> None:
    for seed in range(20):
        assert not [sql for sql in sql_of(generate(seed, mix)) if absent in sql]


def test_a_changed_key_writes_every_large_value_unless_the_mix_allows_untouched_ones() -> None:
    only_key_changes = Mix(weights={"key_change": 1}, added_columns=False)
    untouched = 0
    for seed in range(10):
        for sql in sql_of(generate(seed, only_key_changes)):
            if DOCUMENTS.name in sql:
                for column in DOCUMENTS.columns:
                    assert not column.is_large or f"{column.name} = " in sql
        allowed = replace(only_key_changes, toast_key_changes=True)
        untouched += sum(
            DOCUMENTS.name in sql and "body = " not in sql
            for sql in sql_of(generate(seed, allowed))
        )
    assert untouched


def test_an_added_column_has_a_default_only_where_the_mix_says_so() -> None:
    def added(mix: Mix) -> list[str]:
        return [
            sql for seed in range(5) for sql in sql_of(generate(seed, mix)) if "ADD COLUMN" in sql
        ]

    assert not [sql for sql in added(Mix()) if "DEFAULT" in sql]
    assert all("DEFAULT" in sql for sql in added(Mix(column_defaults=True)))


def test_a_name_of_an_added_column_always_has_one_type() -> None:
    names = [column.name for column in added_columns()]
    assert len(names) == len(set(names))


@given(SEEDS)
def test_statements_of_a_session_are_in_the_order_of_the_schedule(seed: int) -> None:
    for session in generate(seed, Mix(transactions=5)).sessions:
        times = [step.at for transaction in session for step in transaction.steps()]
        assert times == sorted(times)


@given(SEEDS)
def test_a_workload_survives_its_json(seed: int) -> None:
    workload = generate(seed, Mix(sessions=2, transactions=3))
    assert from_json(workload.to_json()) == workload


def test_different_numbers_have_different_keys() -> None:
    for table in TABLES:
        keys = {table.key_of(number) for number in range(1000)}
        assert len(keys) == 1000


def test_every_kind_of_statement_is_drawn() -> None:
    for kind in WEIGHTS:
        mix = Mix(weights={kind: 1}, truncates=True, added_columns=False, savepoints=0)
        workload = generate(7, mix)
        assert all(
            re.match(r"INSERT|UPDATE|DELETE|SELECT|TRUNCATE", sql) for sql in sql_of(workload)
        )
