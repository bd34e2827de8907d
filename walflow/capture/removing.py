"""The end of a table's capture. What Cassandra has of it stays, and changes no more."""

from dataclasses import dataclass
from pathlib import Path

from walflow.capture import include_list
from walflow.capture.adding import replaced
from walflow.capture.catalog import find_table, published_tables, split_name
from walflow.capture.connector import capturing, connect_api
from walflow.capture.source import CAPTURE_ROLE, connected, transaction
from walflow.connect_api import Connector, read_connector
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.tables import TableRules, topic_of
from walflow.verify.catalog import PUBLICATION


@dataclass(frozen=True, slots=True)
class Removed:
    table: str
    target: str
    topic: str


def remove(settings: Settings, name: str, file: Path | None = None) -> Removed:
    """Capture a table no more: neither published nor read nor readable.

    Args:
        name: `schema.table` or, in public, `table`. It may have been dropped.
        file: a connector's JSON to take the table out of.

    Raises:
        WalflowError: it is not captured, or is by a pattern of the connector.
    """
    schema, table_name = split_name(name)
    full_name = f"{schema}.{table_name}"
    api = connect_api(settings)
    connector = capturing(api)
    in_file = None
    if file is not None:
        before = read_connector(file).config
        if include_list.captures(before, full_name):
            after = include_list.without_table(before, full_name)
            in_file = replaced(file.read_text(), before, after)
    with connected(settings) as connection:
        with connection.cursor() as cursor:
            table = find_table(cursor, schema, table_name)
            known = ", ".join(t.full_name for t in published_tables(cursor)) or "none"
        is_published = table is not None and table.is_published
        is_included = full_name in include_list.literal_names(connector.config)
        if not (is_published or is_included):
            raise WalflowError(
                f"{full_name} is not captured. Captured tables: {known}.", ExitCode.USAGE
            )
        if include_list.captures(connector.config, full_name):
            config = include_list.without_table(connector.config, full_name)
            api.apply(Connector(connector.name, config), f"connector {connector.name}")
        if table is not None and is_published:
            with transaction(connection) as cursor:
                cursor.execute(f"ALTER PUBLICATION {PUBLICATION} DROP TABLE {table.sql_name}")
                cursor.execute(f"REVOKE SELECT ON {table.sql_name} FROM {CAPTURE_ROLE}")
    if file is not None and in_file is not None:
        file.write_text(in_file)
    rule = TableRules.of(settings).rule(schema, table_name)
    topic = topic_of(settings.topics.prefix, schema, table_name)
    return Removed(full_name, f"{rule.keyspace}.{rule.table}", topic)
