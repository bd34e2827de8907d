"""Which tables are refused, in which words, and with which SQL."""

from dataclasses import replace

import pytest

from walflow.capture.catalog import Column, Identity, Index, SourceTable
from walflow.capture.problems import problems_of, shared_targets
from walflow.settings import TableSettings
from walflow.tables import TableRule, TableRules

PRIMARY = Index("orders_pkey", "orders_pkey", ("id",), is_primary=True, is_usable=True)
UNIQUE = Index("orders_code", "orders_code", ("code",), is_primary=False, is_usable=True)
ORDERS = SourceTable(
    schema="public",
    name="orders",
    sql_name="public.orders",
    kind="r",
    persistence="p",
    hides_rows=False,
    published_root="",
    is_published=True,
    row_filter="",
    is_readable=True,
    rows_estimate=10,
    columns=(
        Column("id", "id", True),
        Column("code", "code", True),
        Column("region", "region", False),
    ),
    indexes=(PRIMARY,),
    identities=(Identity("orders", "d", ()),),
)


def rule(**setting: object) -> TableRule:
    tables = (("public.orders", TableSettings.model_validate(setting)),)
    return TableRules("spark_streams", tables, b"secret").rule("public", "orders")


def refusal(table: SourceTable, **setting: object) -> tuple[str, tuple[str, ...]]:
    (problem,) = problems_of(table, rule(**setting))
    return problem.sentence, problem.sql


def identities(kind: str, *columns: str) -> tuple[Identity, ...]:
    return (Identity("orders", kind, columns),)


@pytest.mark.parametrize(
    "table",
    [
        ORDERS,
        replace(ORDERS, kind="p", identities=(Identity("orders_1", "d", ()),)),
        replace(ORDERS, kind="p", identities=()),
        replace(ORDERS, identities=identities("f")),
        replace(ORDERS, identities=identities("i", "id", "code")),
        replace(ORDERS, indexes=(UNIQUE,), identities=identities("i", "code")),
    ],
    ids=["ordinary", "partitioned", "no partition yet", "full", "index with the key", "by index"],
)
def test_a_table_whose_changes_tell_their_key_is_fit(table: SourceTable) -> None:
    assert problems_of(table, rule()) == []


def test_a_table_without_a_key_is_refused_with_the_column_that_would_be_one() -> None:
    sentence, sql = refusal(replace(ORDERS, indexes=(), columns=ORDERS.columns[1:]))
    assert "public.orders has no primary key, and its replica identity is default" in sentence
    assert sql == (
        "ALTER TABLE public.orders ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    )


def test_without_a_key_full_identity_is_refused_too() -> None:
    keyless = replace(ORDERS, indexes=(), identities=identities("f"))
    assert "its replica identity is full" in refusal(keyless)[0]


def test_a_unique_index_becomes_the_key_by_replica_identity() -> None:
    sentence, sql = refusal(replace(ORDERS, indexes=(UNIQUE,)))
    assert "not the index orders_code" in sentence
    assert sql == ("ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_code",)


@pytest.mark.parametrize(
    "index",
    [
        replace(UNIQUE, is_usable=False),
        replace(UNIQUE, columns=("region",)),
    ],
    ids=["partial", "with nulls"],
)
def test_an_index_that_does_not_tell_all_rows_apart_is_no_key(index: Index) -> None:
    sentence, sql = refusal(replace(ORDERS, indexes=(index,)))
    assert "have no key" in sentence
    assert sql[0].endswith("PRIMARY KEY")


def test_the_first_index_counts_since_debezium_takes_that_one() -> None:
    first = replace(UNIQUE, name="a", sql_name="a", is_usable=False)
    table = replace(ORDERS, indexes=(first, UNIQUE), identities=identities("i", "code"))
    assert refusal(table)[1] == ("ALTER TABLE public.orders ADD PRIMARY KEY (code)",)


@pytest.mark.parametrize(
    ("table", "sql"),
    [
        (
            replace(ORDERS, identities=identities("n")),
            "ALTER TABLE orders REPLICA IDENTITY DEFAULT",
        ),
        (
            replace(ORDERS, identities=identities("i", "code")),
            "ALTER TABLE orders REPLICA IDENTITY DEFAULT",
        ),
        (
            replace(ORDERS, indexes=(replace(PRIMARY, is_usable=False),)),
            "ALTER TABLE orders REPLICA IDENTITY FULL",
        ),
        (
            replace(
                ORDERS,
                kind="p",
                identities=(Identity("orders_1", "d", ()), Identity("orders_2", "n", ())),
            ),
            "ALTER TABLE orders_2 REPLICA IDENTITY DEFAULT",
        ),
    ],
    ids=["nothing", "another index", "deferrable key", "one partition"],
)
def test_a_delete_has_to_tell_the_primary_key(table: SourceTable, sql: str) -> None:
    sentence, statements = refusal(table)
    assert "a delete would not tell which row it was" in sentence
    assert statements == (sql,)


def test_a_cassandra_key_beyond_the_tables_key_needs_whole_old_rows() -> None:
    not_null = (*ORDERS.columns[:2], Column("region", "region", True))
    sentence, sql = refusal(
        replace(ORDERS, columns=not_null), partition_key=["region"], clustering_key=["id"]
    )
    assert "region is in Cassandra's primary key" in sentence
    assert sql == ("ALTER TABLE orders REPLICA IDENTITY FULL",)
    full = replace(ORDERS, columns=not_null, identities=identities("f"))
    assert problems_of(full, rule(partition_key=["region"], clustering_key=["id"])) == []


def test_a_cassandra_key_cannot_be_null() -> None:
    full = replace(ORDERS, identities=identities("f"))
    sentence, sql = refusal(full, partition_key=["region"], clustering_key=["id"])
    assert "region of public.orders can be null" in sentence
    assert sql == ("ALTER TABLE public.orders ALTER COLUMN region SET NOT NULL",)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"partition_key": ["code"]}, "id of the table's key is in neither"),
        ({"partition_key": ["id", "nothing"]}, "names nothing"),
        ({"exclude": ["id"]}, "leaves out id"),
        ({"target": "x" * 49}, "Cassandra takes no table name"),
    ],
)
def test_a_rule_that_does_not_fit_is_named(setting: dict[str, object], expected: str) -> None:
    assert expected in refusal(ORDERS, **setting)[0]


@pytest.mark.parametrize(
    ("table", "expected", "sql"),
    [
        (replace(ORDERS, kind="v"), "is a view", ()),
        (replace(ORDERS, kind="f"), "is a foreign table", ()),
        (replace(ORDERS, schema="walflow"), "belongs to the system", ()),
        (replace(ORDERS, persistence="t"), "is temporary", ()),
        (
            replace(ORDERS, persistence="u"),
            "is unlogged",
            ("ALTER TABLE public.orders SET LOGGED",),
        ),
        (replace(ORDERS, published_root="all_orders"), "is a partition of all_orders", ()),
        (
            replace(ORDERS, hides_rows=True),
            "Row-level security",
            ("ALTER ROLE walflow_capture BYPASSRLS",),
        ),
        (
            replace(ORDERS, row_filter="(id > 5)"),
            "with a filter, WHERE (id > 5)",
            (
                "ALTER PUBLICATION walflow DROP TABLE public.orders",
                "ALTER PUBLICATION walflow ADD TABLE public.orders",
            ),
        ),
    ],
)
def test_what_is_not_all_in_the_log_is_refused(
    table: SourceTable, expected: str, sql: tuple[str, ...]
) -> None:
    sentence, statements = refusal(table)
    assert expected in sentence
    assert statements == sql


def test_two_tables_with_one_target_are_both_named() -> None:
    rules = TableRules("spark_streams", (), b"secret")
    found = shared_targets([rules.rule("public", "a_b"), rules.rule("a", "b")])
    assert set(found) == {"public.a_b", "a.b"}
    assert "both go to spark_streams.a_b" in found["a.b"].sentence


def test_a_problem_reads_as_a_sentence_with_its_sql() -> None:
    (problem,) = problems_of(replace(ORDERS, persistence="u"), rule())
    assert problem.text.endswith("Run in PostgreSQL: ALTER TABLE public.orders SET LOGGED;")


@pytest.mark.parametrize(
    "table",
    [
        replace(ORDERS, name="two words"),
        replace(ORDERS, name="a.b"),
        replace(ORDERS, name="it's"),
        replace(ORDERS, schema="my sales"),
    ],
    ids=lambda table: f"{table.schema}.{table.name}",
)
def test_a_name_that_debezium_cannot_find_is_refused(table: SourceTable) -> None:
    sentence, _ = refusal(table)
    assert "a name with a space, a dot or a quote is not found" in sentence


def test_a_name_with_capitals_or_a_hyphen_is_taken() -> None:
    assert not problems_of(replace(ORDERS, name="Order-Größe"), rule())
