"""Why a table cannot be replicated exactly, with the SQL that would change it.

A row is found again by its key, so every change has to tell the key of the row that it changes, and
nothing may be left out of the write-ahead log.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from walflow.capture.catalog import Identity, Index, SourceTable
from walflow.capture.source import CAPTURE_ROLE
from walflow.tables import RuleConflict, TableRule
from walflow.verify.catalog import OWN_SCHEMA, PUBLICATION

TABLE_KINDS = ("r", "p")
"""pg_class.relkind: an ordinary or a partitioned table."""
_OTHER_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a composite type",
}
_CQL_NAME = re.compile(r"\w{1,48}", re.ASCII)
_UNREADABLE = re.compile(r"[\s.\"'`]")
"""What Debezium 3.7 does not take in the name of a table whose snapshot is asked for: it reads
`schema.table` with a parser that wants quotes, and gives it none (TableIdParser,
AbstractIncrementalSnapshotContext: "Unable to parse table identifier … Skipping it")."""
"""Cassandra's limit for the name of a table (documentation, "Data definition")."""


@dataclass(frozen=True, slots=True)
class Problem:
    sentence: str
    sql: tuple[str, ...] = ()
    """Statements that would solve it, where SQL can."""

    @property
    def text(self) -> str:
        if not self.sql:
            return self.sentence
        return f"{self.sentence} Run in PostgreSQL: {' '.join(f'{line};' for line in self.sql)}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def problems_of(table: SourceTable, rule: TableRule) -> list[Problem]:
    """What keeps a table from being replicated exactly; empty where nothing does."""
    unfit = _unfit(table)
    if unfit is not None:
        return [unfit]
    found = [*_hidden_rows(table), *_target(rule)]
    key = _key(table)
    if isinstance(key, Problem):
        return [*found, key]
    return [*found, *_rule(table, rule, key)]


def source_problems_of(table: SourceTable, role: str, publication: str) -> list[Problem]:
    """The same for any other connector's table, to which pipeline.toml's rules do not apply.

    Args:
        role: that the connector logs in as.
        publication: that it reads.
    """
    unfit = _unfit(table)
    if unfit is not None:
        return [unfit]
    key = _key(table)
    return [
        *_hidden_rows(table, role, publication),
        *([key] if isinstance(key, Problem) else []),
    ]


def not_there(schema: str, name: str) -> Problem:
    return Problem(f"PostgreSQL has no table {schema}.{name}.")


def shared_targets(rules: Sequence[TableRule]) -> dict[str, Problem]:
    """Source tables that go to the same table of Cassandra, each with the problem."""
    by_target: dict[tuple[str, str], list[TableRule]] = {}
    for rule in rules:
        by_target.setdefault((rule.keyspace, rule.table), []).append(rule)
    return {
        rule.source: Problem(
            f"{' and '.join(r.source for r in group)} both go to {rule.keyspace}.{rule.table}."
            f' Set another target for one: [tables."{rule.source}"] target in pipeline.toml.'
        )
        for group in by_target.values()
        if len(group) > 1
        for rule in group
    }


def _unfit(table: SourceTable) -> Problem | None:
    name = table.sql_name
    if table.kind not in TABLE_KINDS:
        what = _OTHER_KINDS.get(table.kind, "no table")
        return Problem(
            f"{name} is {what}: PostgreSQL logs no changes of it. Capture the tables behind it."
        )
    if table.schema in (OWN_SCHEMA, "pg_catalog", "information_schema"):
        return Problem(f"{name} belongs to the system or to walflow itself: it is not captured.")
    if _UNREADABLE.search(table.schema) or _UNREADABLE.search(table.name):
        return Problem(
            f"Debezium cannot read the rows of {name}: a name with a space, a dot or a quote is not"
            " found. Give the table, and its schema, a name without."
        )
    if table.persistence == "t":
        return Problem(f"{name} is temporary: its changes are in no log.")
    if table.persistence == "u":
        return Problem(
            f"{name} is unlogged: its changes are not in the write-ahead log.",
            (f"ALTER TABLE {name} SET LOGGED",),
        )
    if table.published_root:
        return Problem(
            f"{name} is a partition of {table.published_root}, which is captured with all of them."
        )
    return None


def _hidden_rows(
    table: SourceTable, role: str = CAPTURE_ROLE, publication: str = PUBLICATION
) -> Iterator[Problem]:
    if table.row_filter:
        yield Problem(
            f"The publication holds {table.sql_name} with a filter, WHERE {table.row_filter}: rows"
            " outside it are not captured.",
            (
                f"ALTER PUBLICATION {publication} DROP TABLE {table.sql_name}",
                f"ALTER PUBLICATION {publication} ADD TABLE {table.sql_name}",
            ),
        )
    if table.hides_rows:
        yield Problem(
            f"Row-level security of {table.sql_name} may hide rows from {role}, so a snapshot"
            " would lack them.",
            (f"ALTER ROLE {role} BYPASSRLS",),
        )


def _target(rule: TableRule) -> Iterator[Problem]:
    if not _CQL_NAME.fullmatch(rule.table):
        yield Problem(
            f"Cassandra takes no table name {rule.table!r}: at most 48 letters, digits and _. Set"
            f' [tables."{rule.source}"] target in pipeline.toml.'
        )


def _key(table: SourceTable) -> tuple[str, ...] | Problem:
    """The columns of the record's key, of which the primary key is the one that can be relied on.

    Without one Debezium takes the first unique index that it meets, which may be partial or hold
    nulls, so that rows share a key. It is accepted where PostgreSQL itself uses it to tell rows apart.
    """
    primary = table.primary_key
    if primary is not None:
        return _logged_key(table, primary)
    first = table.indexes[0] if table.indexes else None
    if first is not None and _tells_rows_apart(table, first):
        if all(i.kind == "i" and set(i.columns) == set(first.columns) for i in table.identities):
            return first.columns
        return Problem(
            f"{table.sql_name} has no primary key, and its replica identity is {table.identity}, not"
            f" the index {first.sql_name}: its rows have no key.",
            tuple(
                f"ALTER TABLE {i.sql_name} REPLICA IDENTITY USING INDEX {first.sql_name}"
                for i in table.identities
            )
            if table.kind == "r"
            else (_add_primary_key(table),),
        )
    return Problem(
        f"{table.sql_name} has no primary key, and its replica identity is {table.identity}: its rows"
        " have no key by which they could be found again.",
        (_add_primary_key(table),),
    )


def _logged_key(table: SourceTable, primary: Index) -> tuple[str, ...] | Problem:
    for identity in table.identities:
        if not _logs(identity, primary):
            kind = "DEFAULT" if primary.is_usable else "FULL"
            return Problem(
                f"The replica identity of {identity.sql_name} does not have its primary key"
                f" ({', '.join(primary.columns)}): a delete would not tell which row it was.",
                (f"ALTER TABLE {identity.sql_name} REPLICA IDENTITY {kind}",),
            )
    return primary.columns


def _logs(identity: Identity, primary: Index) -> bool:
    """A deferrable primary key is no replica identity (PostgreSQL, RelationGetReplicaIndex)."""
    match identity.kind:
        case "f":
            return True
        case "d":
            return primary.is_usable
        case "i":
            return set(primary.columns) <= set(identity.columns)
        case _:
            return False


def _rule(table: SourceTable, rule: TableRule, key: tuple[str, ...]) -> Iterator[Problem]:
    by_name = {column.name: column for column in table.columns}
    try:
        partition, clustering = rule.primary_key(key)
        named = [name for name in (*partition, *clustering) if name not in by_name]
        if named:
            yield Problem(
                f'pipeline.toml: tables."{rule.source}" names {", ".join(named)}, and'
                f" {table.sql_name} has no such column."
            )
            return
        rule.columns(by_name, key)
    except RuleConflict as error:
        yield Problem(f"{error}.")
        return
    beyond = [name for name in (*partition, *clustering) if name not in key]
    if nullable := [by_name[name].sql_name for name in beyond if not by_name[name].not_null]:
        yield Problem(
            f"{', '.join(nullable)} of {table.sql_name} can be null, and is in Cassandra's primary key"
            f' by pipeline.toml (tables."{rule.source}").',
            tuple(
                f"ALTER TABLE {table.sql_name} ALTER COLUMN {name} SET NOT NULL"
                for name in nullable
            ),
        )
    lacking = [identity for identity in table.identities if identity.kind != "f"]
    if beyond and lacking:
        yield Problem(
            f"{', '.join(beyond)} is in Cassandra's primary key by pipeline.toml"
            f' (tables."{rule.source}") but not in the key of {table.sql_name}: an update that moves a'
            " row has to tell where it was.",
            tuple(f"ALTER TABLE {i.sql_name} REPLICA IDENTITY FULL" for i in lacking),
        )


def _tells_rows_apart(table: SourceTable, index: Index) -> bool:
    not_null = {column.name for column in table.columns if column.not_null}
    return index.is_usable and set(index.columns) <= not_null


def _add_primary_key(table: SourceTable) -> str:
    """By the columns of an index that tells rows apart, else by a column that is added."""
    sql_names = {column.name: column.sql_name for column in table.columns}
    for index in table.indexes:
        if _tells_rows_apart(table, index):
            names = ", ".join(sql_names[name] for name in index.columns)
            return f"ALTER TABLE {table.sql_name} ADD PRIMARY KEY ({names})"
    name = next(n for n in ("id", "row_id", "walflow_id") if n not in sql_names)
    return (
        f"ALTER TABLE {table.sql_name} ADD COLUMN {name} bigint GENERATED ALWAYS AS IDENTITY"
        " PRIMARY KEY"
    )
