"""Rows of PostgreSQL read again by their keys, a bounded number at a time.

Debezium keeps the condition of an incremental snapshot in the connector's position, which is written
with every commit of it. So a condition is kept short.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from walflow.settings import Settings
from walflow.snapshots.reading import Progress, read_again
from walflow.verify.catalog import SourceTable, quoted

KEYS = 1000
"""At most so many in one condition: a chunk of the connector's incremental.snapshot.chunk.size."""
CONDITION_BYTES = 64 * 1024
MANY_ROWS = 5000
SHARE_OF_TABLE = 50
"""A condition takes seconds, in which the whole table gives many times as many rows."""


def reads_whole_table(rows: int, table_rows: int | None) -> bool:
    """Whether so many rows of a table are read again faster with all the others.

    Args:
        table_rows: None where it is not known.
    """
    return table_rows is not None and rows > MANY_ROWS and rows * SHARE_OF_TABLE > table_rows


def read_rows(
    settings: Settings,
    source: SourceTable,
    literals: Iterable[Sequence[str]],
    show: Callable[[Progress], None],
) -> int:
    """Read rows again and wait until they are applied; returns how many PostgreSQL still had.

    Args:
        literals: of each row the values of its key, as SQL.

    Raises:
        WalflowError: the connector or the stream does not do its part.
    """
    return sum(
        read_again(settings, source.full_name, condition, show)
        for condition in conditions(source.key, literals)
    )


def conditions(key: Sequence[str], literals: Iterable[Sequence[str]]) -> Iterator[str]:
    """SQL conditions for which just these rows hold, each of bounded size.

    Literals without a type are taken for one of the column's (PostgreSQL documentation, "Operator
    Type Resolution"), so an index of the key serves.
    """
    names = ", ".join(quoted(name) for name in key)
    columns = names if len(key) == 1 else f"({names})"
    batch: list[str] = []
    size = 0
    for values in literals:
        row = values[0] if len(values) == 1 else f"({', '.join(values)})"
        length = len(row.encode())
        if batch and (len(batch) == KEYS or size + length > CONDITION_BYTES):
            yield f"{columns} IN ({', '.join(batch)})"
            batch, size = [], 0
        batch.append(row)
        size += length + 2
    if batch:
        yield f"{columns} IN ({', '.join(batch)})"
