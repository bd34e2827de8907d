"""Rules that say where a table goes and in which form."""

import hashlib
import hmac
import re

import pytest

from walflow.settings import TableSettings
from walflow.tables import (
    RuleConflict,
    TableRule,
    TableRules,
    TargetColumn,
    stream_pattern,
    topic_of,
)


def rules(**tables: TableSettings) -> TableRules:
    named = tuple((name.replace("__", "."), setting) for name, setting in tables.items())
    return TableRules("spark_streams", named, b"secret")


def rule(**setting: object) -> TableRule:
    return rules(public__orders=TableSettings.model_validate(setting)).rule("public", "orders")


def test_a_table_keeps_its_name_and_one_of_another_schema_gets_the_schema_before_it() -> None:
    public, sales = rules().rule("public", "orders"), rules().rule("sales", "orders")
    assert (public.keyspace, public.table) == ("spark_streams", "orders")
    assert (sales.keyspace, sales.table) == ("spark_streams", "sales_orders")


@pytest.mark.parametrize(
    ("target", "expected"),
    [("shop.o", ("shop", "o")), ("o", ("spark_streams", "o")), ("", ("spark_streams", "orders"))],
)
def test_a_target_is_a_table_with_or_without_its_keyspace(
    target: str, expected: tuple[str, str]
) -> None:
    found = rule(target=target)
    assert (found.keyspace, found.table) == expected


def test_columns_can_be_chosen_left_out_and_renamed() -> None:
    chosen = rule(columns=["id", "a", "b"], exclude=["b"], rename={"a": "alpha"})
    assert chosen.columns(["id", "a", "b", "c"], ["id"]) == (
        TargetColumn("id", "id"),
        TargetColumn("a", "alpha"),
    )


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"exclude": ["id"]}, "leaves out id"),
        ({"columns": ["a"]}, "leaves out id"),
        ({"mask": {"id": "redact"}}, "can only be hash"),
        ({"rename": {"a": "b"}}, "one name"),
    ],
)
def test_columns_that_would_lose_a_row_are_refused(setting: dict[str, object], said: str) -> None:
    with pytest.raises(RuleConflict, match=said):
        rule(**setting).columns(["id", "a", "b"], ["id"])


def test_the_whole_key_is_the_partition_key_unless_said_otherwise() -> None:
    assert rule().primary_key(["a", "b"]) == (("a", "b"), ())
    assert rule(clustering_key=["b"]).primary_key(["a", "b"]) == (("a",), ("b",))
    assert rule(partition_key=["c"], clustering_key=["a"]).primary_key(["a"]) == (("c",), ("a",))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"partition_key": ["a"]}, "b of the table's key is in neither"),
        ({"clustering_key": ["a", "b"]}, "a column can be in one"),
        ({"partition_key": ["a", "b"], "clustering_key": ["b"]}, "a column can be in one"),
    ],
)
def test_keys_that_would_merge_rows_are_refused(setting: dict[str, object], said: str) -> None:
    with pytest.raises(RuleConflict, match=said):
        rule(**setting).primary_key(["a", "b"])


def test_masks_write_a_keyed_hash_a_constant_or_the_first_characters() -> None:
    setting = {"mask": {"a": "hash", "b": "redact", "c": "truncate:2"}}
    masks = [column.mask for column in rule(**setting).columns(["a", "b", "c"], [])]
    values = [mask.of("añb".encode()) for mask in masks if mask is not None]
    hashed = hmac.new(b"secret", "añb".encode(), hashlib.sha256).hexdigest()
    assert values == [hashed.encode(), b"***", "añ".encode()]


def test_topics_are_named_as_debezium_names_them() -> None:
    assert topic_of("cdc", "public", "Order") == "cdc.public.Order"
    assert topic_of("cdc", "my schema", "größe") == "cdc.my_schema.gr__e"


@pytest.mark.parametrize(
    ("topic", "is_read"),
    [
        ("eu-1.cdc.public.orders", True),
        ("eu-1.cdc.sales.walflow.x", True),
        ("eu-1.cdc.walflow.heartbeat", False),
        ("eu-1xcdc.public.orders", False),
        ("my.eu-1.cdc.public.orders", False),
        ("eu-1.cdc", False),
    ],
)
def test_the_stream_reads_the_tables_of_every_schema_but_walflows_own(
    topic: str, is_read: bool
) -> None:
    assert bool(re.fullmatch(stream_pattern("eu-1.cdc"), topic)) is is_read
