"""What PostgreSQL's catalog says of the captured tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from walflow.errors import ExitCode, WalflowError
from walflow.verify.conversions import PgType

PUBLICATION = "walflow"
OWN_SCHEMA = "walflow"
"""Its heartbeat is no data."""


@dataclass(frozen=True, slots=True)
class SourceColumn:
    name: str
    type: PgType
    declared: str
    """The type as SQL writes it, for casts."""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A captured table."""

    schema: str
    name: str
    oid: int
    is_partitioned: bool
    heap_bytes: int
    rows_estimate: int
    """PostgreSQL's own estimate; negative where it has none."""
    columns: tuple[SourceColumn, ...]
    """Those that are published, in the table's order."""
    key: tuple[str, ...]
    """Columns of the primary key, else of the index that is the replica identity."""

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def from_clause(self) -> str:
        """For FROM. Rows of tables that inherit from this one are captured as their own."""
        only = "" if self.is_partitioned else "ONLY "
        return f"{only}{quoted(self.schema)}.{quoted(self.name)}"


def quoted(name: str) -> str:
    """An identifier of PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


_TABLES = """
SELECT p.schemaname, p.tablename, c.oid, c.relkind = 'p', c.reltuples, p.attnames,
       (SELECT coalesce(sum(pg_table_size(t.relid)), 0) FROM pg_partition_tree(c.oid) t)
FROM pg_publication_tables p
JOIN pg_namespace n ON n.nspname = p.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
WHERE p.pubname = %s AND p.schemaname <> %s
ORDER BY 1, 2
"""

# A domain is followed down to the type below it.
_COLUMNS = """
WITH RECURSIVE resolved AS (
    SELECT attnum, attname, atttypid AS type, atttypmod AS modifier,
           format_type(atttypid, atttypmod) AS declared
    FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT r.attnum, r.attname, t.typbasetype, greatest(t.typtypmod, r.modifier), r.declared
    FROM resolved r JOIN pg_type t ON t.oid = r.type WHERE t.typtype = 'd'
)
SELECT r.attname, r.modifier, r.declared,
       CASE WHEN t.typcategory = 'A' THEN e.typname || '[]' ELSE t.typname END,
       coalesce(CASE WHEN t.typcategory = 'A' THEN e.typtype END, t.typtype) = 'e'
FROM resolved r
JOIN pg_type t ON t.oid = r.type AND t.typtype <> 'd'
LEFT JOIN pg_type e ON e.oid = t.typelem
ORDER BY r.attnum
"""

_KEY = """
SELECT a.attname
FROM pg_index i
CROSS JOIN unnest(i.indkey[:i.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indexrelid = (
    SELECT indexrelid FROM pg_index WHERE indrelid = %s AND (indisprimary OR indisreplident)
    ORDER BY indisprimary DESC LIMIT 1
)
ORDER BY k.place
"""


def captured_tables(cursor: Any, names: Sequence[str]) -> list[SourceTable]:
    """The tables of the publication, or of them those that are named.

    Args:
        names: `schema.table`, or `table` for one of the schema public.

    Raises:
        WalflowError: a name is that of no captured table.
    """
    cursor.execute(_TABLES, (PUBLICATION, OWN_SCHEMA))
    rows = {f"{row[0]}.{row[1]}": row for row in cursor.fetchall()}
    wanted = list(dict.fromkeys(_full_name(name, rows) for name in names)) or list(rows)
    return [_table(cursor, rows[name]) for name in wanted]


def _full_name(name: str, known: dict[str, Any]) -> str:
    for candidate in (name, f"public.{name}"):
        if candidate in known:
            return candidate
    captured = ", ".join(known) or "none"
    raise WalflowError(
        f"There is no captured table {name}. Tables of the publication {PUBLICATION}: {captured}.",
        ExitCode.USAGE,
    )


def _table(cursor: Any, row: tuple[Any, ...]) -> SourceTable:
    schema, name, oid, is_partitioned, estimate, published, heap_bytes = row
    cursor.execute(_COLUMNS, (oid,))
    columns = tuple(
        SourceColumn(column, PgType(type_name, modifier, is_enum), declared)
        for column, modifier, declared, type_name, is_enum in cursor.fetchall()
        if column in published
    )
    cursor.execute(_KEY, (oid,))
    key = tuple(column for (column,) in cursor.fetchall())
    return SourceTable(
        schema, name, oid, is_partitioned, int(heap_bytes), int(estimate), columns, key
    )
