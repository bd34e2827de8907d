"""What PostgreSQL's catalog says of a table, as far as its replication depends on it."""

from dataclasses import dataclass
from typing import Any

from walflow.capture.source import CAPTURE_ROLE
from walflow.verify.catalog import OWN_SCHEMA, PUBLICATION


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    sql_name: str
    """As SQL writes it, quoted where need be."""
    not_null: bool


@dataclass(frozen=True, slots=True)
class Index:
    """A unique index."""

    name: str
    sql_name: str
    columns: tuple[str, ...]
    is_primary: bool
    is_usable: bool
    """Whether PostgreSQL takes it as a replica identity: immediate, valid, whole rows and columns
    only (documentation, "ALTER TABLE", REPLICA IDENTITY). Its columns may still hold nulls."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What PostgreSQL logs of an old row. Of a partitioned table, each partition has its own."""

    sql_name: str
    """Of the table or the partition."""
    kind: str
    """pg_class.relreplident: d(efault), n(othing), f(ull) or i(ndex)."""
    columns: tuple[str, ...]
    """Of the index, where it is one."""


@dataclass(frozen=True, slots=True)
class SourceTable:
    schema: str
    name: str
    sql_name: str
    kind: str
    """pg_class.relkind."""
    persistence: str
    """pg_class.relpersistence: p(ermanent), u(nlogged) or t(emporary)."""
    hides_rows: bool
    """Whether row-level security applies to the capture role."""
    published_root: str
    """The table above it that is published in its place, or empty."""
    is_published: bool
    row_filter: str
    """The publication's WHERE, or empty."""
    is_readable: bool
    """Whether the capture role may read it."""
    rows_estimate: int
    """PostgreSQL's own estimate; negative where it has none."""
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    """Unique ones, in the order in which Debezium looks for a key where there is no primary key."""
    identities: tuple[Identity, ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def primary_key(self) -> Index | None:
        return next((index for index in self.indexes if index.is_primary), None)

    @property
    def identity(self) -> str:
        """For people: the kinds of replica identity that it and its partitions have."""
        words = {"d": "default", "n": "nothing", "f": "full", "i": "index"}
        return ", ".join(sorted({words[identity.kind] for identity in self.identities}))


_TABLE = """
SELECT c.oid, n.nspname, c.relname, format('%%I.%%I', n.nspname, c.relname), c.relkind::text,
       c.relpersistence::text,
       c.relrowsecurity AND NOT (r.rolsuper OR r.rolbypassrls),
       coalesce((SELECT a.relid::regclass::text FROM pg_partition_ancestors(c.oid) a
                 JOIN pg_publication_rel p ON p.prrelid = a.relid AND p.prpubid = pub.oid
                 WHERE a.relid <> c.oid LIMIT 1), ''),
       rel.oid IS NOT NULL,
       coalesce(pg_get_expr(rel.prqual, c.oid), ''),
       has_schema_privilege(r.oid, n.oid, 'USAGE') AND has_table_privilege(r.oid, c.oid, 'SELECT'),
       c.reltuples::bigint
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_roles r ON r.rolname = %(role)s
LEFT JOIN pg_publication pub ON pub.pubname = %(publication)s
LEFT JOIN pg_publication_rel rel ON rel.prpubid = pub.oid AND rel.prrelid = c.oid
WHERE n.nspname = %(schema)s AND c.relname = %(name)s
"""

_COLUMNS = """
SELECT attname, quote_ident(attname), attnotnull FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

# The order is that of the PostgreSQL driver's getIndexInfo, of which Debezium takes the first index.
_INDEXES = """
SELECT c.relname, quote_ident(c.relname), i.indisprimary,
       i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = i.indnatts,
       (SELECT array_agg(a.attname::text ORDER BY k.place)
        FROM unnest(i.indkey[:i.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = %s AND i.indisunique AND i.indexprs IS NULL
ORDER BY i.indisclustered DESC, c.relname
"""

_IDENTITIES = """
SELECT c.oid::regclass::text, c.relreplident::text,
       coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum)
                 FROM pg_index i JOIN pg_attribute a
                   ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[:i.indnkeyatts - 1])
                 WHERE i.indrelid = c.oid AND i.indisreplident), '{}')
FROM pg_class c
WHERE c.oid = %(oid)s AND c.relkind <> 'p'
   OR c.oid IN (SELECT relid FROM pg_partition_tree(%(oid)s) WHERE isleaf AND relid <> %(oid)s)
ORDER BY 1
"""

_PUBLISHED = """
SELECT n.nspname, c.relname
FROM pg_publication p
JOIN pg_publication_rel r ON r.prpubid = p.oid
JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.pubname = %s AND n.nspname <> %s
ORDER BY 1, 2
"""


def split_name(name: str) -> tuple[str, str]:
    """Schema and table of `schema.table` or, in public, `table`."""
    schema, dot, table = name.partition(".")
    return (schema, table) if dot else ("public", schema)


def find_table(
    cursor: Any,
    schema: str,
    name: str,
    role: str = CAPTURE_ROLE,
    publication: str = PUBLICATION,
) -> SourceTable | None:
    """A table, view or whatever has this name; None if nothing has.

    Args:
        role: that captures it.
        publication: by which it is captured.
    """
    parameters = {"schema": schema, "name": name, "role": role, "publication": publication}
    cursor.execute(_TABLE, parameters)
    row = cursor.fetchone()
    if row is None:
        return None
    oid, *facts = row
    cursor.execute(_COLUMNS, (oid,))
    columns = tuple(Column(*column) for column in cursor.fetchall())
    cursor.execute(_INDEXES, (oid,))
    indexes = tuple(
        Index(index, sql_name, tuple(names or ()), is_primary, is_usable)
        for index, sql_name, is_primary, is_usable, names in cursor.fetchall()
    )
    cursor.execute(_IDENTITIES, {"oid": oid})
    identities = tuple(Identity(of, kind, tuple(names)) for of, kind, names in cursor.fetchall())
    return SourceTable(*(*facts, columns, indexes, identities))


def published_tables(cursor: Any) -> list[SourceTable]:
    """The tables of the publication, without those that the pipeline keeps for itself."""
    cursor.execute(_PUBLISHED, (PUBLICATION, OWN_SCHEMA))
    found = [find_table(cursor, schema, name) for schema, name in cursor.fetchall()]
    return [table for table in found if table is not None]
