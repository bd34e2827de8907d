"""Bytes that a load leaves behind: in PostgreSQL's log, in Kafka's topic, in Cassandra's tables."""

from dataclasses import dataclass
from pathlib import Path

from bench.rows import USERS, Table
from bench.stack import Stack


@dataclass(frozen=True, slots=True)
class Position:
    """Where the logs end."""

    wal: int
    kafka: int


def position(stack: Stack, table: Table = USERS) -> Position:
    """Byte counts now; only differences mean something."""
    wal = stack.value("SELECT pg_current_wal_insert_lsn() - '0/0'")
    logs = (stack.settings.run_dir / "data" / "kafka").glob(f"{stack.topic(table)}-*/*.log")
    return Position(wal, sum(file.stat().st_size for file in logs))


def cassandra_bytes(stack: Stack, table: Table = USERS) -> int:
    """Size of a table's files. Cassandra must have been stopped, which writes its memory to them."""
    data = stack.settings.run_dir / "data" / "cassandra" / "data"
    folders = (data / stack.settings.cassandra.keyspace).glob(f"{table.name}-*")
    return sum(_size(folder) for folder in folders)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
