"""Where a PostgreSQL table goes in Cassandra."""

from change_stream.targets import table_name


def test_a_table_of_the_public_schema_keeps_its_name() -> None:
    assert table_name("public", "created_users") == "created_users"


def test_a_table_of_another_schema_is_told_apart_by_it() -> None:
    assert table_name("sales", "orders") == "sales_orders"
