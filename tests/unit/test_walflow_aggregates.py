"""What pipeline.toml says of counts: group values, masks, keys, SQL and CQL."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.aggregates import (
    LONGEST,
    aggregates_of,
    group_column,
    group_id,
    group_of,
    row_id,
    written,
)
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.tables import Mask

USERS = "public.created_users"


def settings() -> Settings:
    return Settings()  # type: ignore[call-arg]  # the fields come from the sources


def test_no_counts_are_kept_where_the_stream_is_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALFLOW_STREAM__KEEP_COUNTS", "false")

    assert aggregates_of(settings()) == ()


def test_the_shipped_counts_are_of_users_by_country_and_gender() -> None:
    (aggregate,) = aggregates_of(settings())

    assert aggregate.source == USERS
    assert aggregate.ddl == (
        "CREATE TABLE IF NOT EXISTS spark_streams.users_by_country_and_gender"
        " (country text, gender text, total bigint, PRIMARY KEY ((country), gender))"
    )
    country, gender = aggregate.columns
    assert country.value("7 High Street, Leeds, Yorkshire, United Kingdom") == "United Kingdom"
    assert country.value("Germany") == "Germany"
    assert gender.value(None) is None
    assert country.expression('t."address"') == "regexp_replace(t.\"address\"::text, '^.*, ', '')"


def test_the_area_of_a_post_code_is_its_first_characters() -> None:
    area = group_column("area", "first(post_code, 2)")

    assert area.value("SW1A 1AA") == "SW"
    assert area.expression("post_code") == "left(post_code::text, 2)"


def test_values_have_the_text_that_postgresql_gives_them() -> None:
    column = group_column("x", "x")

    assert [column.value(value) for value in (True, False, -7, "ü")] == ["true", "false", "-7", "ü"]
    with pytest.raises(ValueError, match="cannot be counted by x"):
        column.value(1.5)


def test_a_long_value_is_told_by_its_beginning_and_a_digest() -> None:
    column = group_column("x", "x")
    long = "a" * LONGEST

    assert column.value(long) == long
    assert column.value(long + "b") != column.value(long + "c")
    assert len(column.value(long * 100) or "") < LONGEST + 40


def test_a_masked_column_is_counted_by_what_is_written_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WALFLOW_TABLES", json.dumps({USERS: {"mask": {"gender": "hash"}}}))

    gender = aggregates_of(settings())[0].columns[1]

    expected = Mask("hash", secret=b"walflow").of(b"male").decode()
    assert gender.value("male") == gender.shown("male") == expected
    assert gender.value(None) is None


def test_a_column_that_is_left_out_of_cassandra_cannot_be_counted_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WALFLOW_TABLES", json.dumps({USERS: {"exclude": ["gender"]}}))

    with pytest.raises(
        WalflowError, match=r"leaves out gender, by which aggregates\.users"
    ) as told:
        aggregates_of(settings())
    assert told.value.exit_code is ExitCode.USAGE


GROUP_VALUES = st.lists(st.one_of(st.none(), st.text()), min_size=1, max_size=3).map(tuple)


@given(GROUP_VALUES, GROUP_VALUES)
def test_different_groups_have_different_ids_and_keys(
    one: tuple[str | None, ...], other: tuple[str | None, ...]
) -> None:
    assert group_of(group_id(one)) == one
    assert (group_id(one) == group_id(other)) == (one == other)
    assert (tuple(map(written, one)) == tuple(map(written, other))) == (one == other)
    assert all(map(written, one))


def test_ids_of_rows_are_told_apart_by_every_column_of_the_key() -> None:
    assert len({row_id(key) for key in (["1", 2], ["1", "2", 3], ["12"], [12, ""], [b"\x12"])}) == 4
    assert row_id([12]) == row_id(["12"])
