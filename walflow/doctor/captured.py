"""Which tables a Debezium connector takes.

Source: Debezium documentation, PostgreSQL connector, "table.include.list" and its three sisters.
"""

import re

from walflow.capture import include_list
from walflow.doctor.servers.connect import ConnectorConfig


def takes(connector: ConnectorConfig, schema: str, table: str) -> bool:
    """Whether a connector captures a table; its own signals and heartbeats are none."""
    full_name = f"{schema}.{table}"
    if full_name in own_tables(connector):
        return False
    lists = (
        (_listed(connector, "schema.include.list"), schema, True),
        (_listed(connector, "schema.exclude.list"), schema, False),
        (_listed(connector, "table.include.list"), full_name, True),
        (_listed(connector, "table.exclude.list"), full_name, False),
    )
    return all(not entries or _any(entries, name) is wanted for entries, name, wanted in lists)


def own_tables(connector: ConnectorConfig) -> frozenset[str]:
    """Tables that are published for the connector's own sake: signals and heartbeats."""
    found = {connector.value("signal.data.collection")}
    beat = heartbeat_table(connector)
    return frozenset(filter(None, (*found, beat)))


_WRITES = re.compile(r"\b(?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?)\s+([\w.\"]+)", re.IGNORECASE)


def heartbeat_table(connector: ConnectorConfig) -> str:
    """`schema.table` that the heartbeat's statement writes to; empty: none, or it is not seen."""
    written = _WRITES.search(connector.value("heartbeat.action.query"))
    if written is None:
        return ""
    name = written[1].replace('"', "")
    return name if "." in name else f"public.{name}"


def _listed(connector: ConnectorConfig, key: str) -> list[str]:
    return include_list.entries(connector.value(key))


def _any(entries: list[str], name: str) -> bool:
    return any(include_list.matches(entry, name) for entry in entries)
