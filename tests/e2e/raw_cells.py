"""Rows of Cassandra with their cells as bytes: Python has no datetime for many of them."""

import io
from typing import Any, ClassVar

from cassandra.cluster import Session
from cassandra.protocol import ProtocolHandler, ResultMessage, read_int
from cassandra.query import tuple_factory

from walflow.settings import Settings
from walflow.stack.cassandra import cluster


class _RawResult(ResultMessage):  # type: ignore[misc]
    def recv_results_rows(self, f: io.BytesIO, *about: Any) -> None:
        self.recv_results_metadata(f, about[1])
        columns = self.column_metadata or about[2]
        self.column_names = [column[2] for column in columns]
        self.column_types = [column[3] for column in columns]
        self.parsed_rows = [self.recv_row(f, len(columns)) for _ in range(read_int(f))]


class _RawProtocol(ProtocolHandler):  # type: ignore[misc]
    message_types_by_opcode: ClassVar[dict[int, type]] = {
        **ProtocolHandler.message_types_by_opcode,
        _RawResult.opcode: _RawResult,
    }


def cql_types(settings: Settings, table: str) -> dict[str, str]:
    """Column → CQL type, of a table of the target keyspace."""
    with cluster(settings) as connected:
        connected.connect()
        keyspace = connected.metadata.keyspaces[settings.cassandra.keyspace]
        return {c.name: c.cql_type for c in keyspace.tables[table].columns.values()}


def rows_by_id(settings: Settings, table: str) -> dict[int, dict[str, bytes | None]]:
    """The rows of a table whose key is an int named id."""
    with cluster(settings) as connected:
        session: Session = connected.connect(settings.cassandra.keyspace)
        session.client_protocol_handler = _RawProtocol
        session.row_factory = tuple_factory
        names = list(cql_types(settings, table))
        cells = [
            dict(zip(names, row, strict=True))
            for row in session.execute(f"SELECT {', '.join(names)} FROM {table}")
        ]
    return {int.from_bytes(row["id"], "big"): row for row in cells}
