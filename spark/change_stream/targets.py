"""The Cassandra tables that topics are applied to, made or widened from the Debezium schema."""

from collections.abc import Mapping, Sequence
from typing import Any

from cassandra import DriverException, InvalidRequest
from cassandra.cluster import NoHostAvailable, Session
from cassandra.metadata import TableMetadata, maybe_escape_name

from change_stream.change import Change
from change_stream.columns import Column, Unmappable, columns_of, field_names, row_schema
from change_stream.mutation import Cell, Target
from change_stream.retyping import masked, retyped
from walflow.tables import RuleConflict, TableRule, TableRules


class TableGone(Exception):
    """Somebody drops the table at this moment: the task fails and meets the record again."""


class Targets:
    """The target of each (key schema, value schema) pair, found once and kept."""

    def __init__(self, session: Session, rules: TableRules) -> None:
        self._session = session
        self._rules = rules
        self._known: dict[tuple[str, int, int], Target] = {}

    def known(self, topic: str, key_schema_id: int, value_schema_id: int) -> Target | None:
        return self._known.get((topic, key_schema_id, value_schema_id))

    def find(
        self,
        topic: str,
        change: Change,
        key_schema: tuple[int, Mapping[str, Any]],
        value_schema: tuple[int, Mapping[str, Any]],
    ) -> Target:
        """The target for records of these schemas; creates the table or adds columns if need be.

        Args:
            key_schema, value_schema: schema id and Avro schema, the latter that of the envelope.

        Raises:
            Unmappable: a column's type has no CQL counterpart or not the one that the table has, the
                table's rule does not fit it, or Cassandra refuses the table.
        """
        try:
            rule = self._rules.rule(change.schema, change.table)
            target = target_of(rule, key_schema[1], value_schema[1])
            self._create(target)
            target = self._fitted(target)
        except InvalidRequest as error:
            raise Unmappable(f"{change.schema}.{change.table}: {error}") from error
        except RuleConflict as error:
            raise Unmappable(str(error)) from error
        self._known[(topic, key_schema[0], value_schema[0])] = target
        return target

    def _create(self, target: Target) -> None:
        if self._metadata(target) is not None:
            return
        columns = ", ".join(f"{_name(cell)} {cell.column.cql_type}" for cell in target.cells)
        partition = ", ".join(_name(cell) for cell in target.partition_key)
        clustering = "".join(f", {_name(cell)}" for cell in target.clustering_key)
        self._session.execute(
            f"CREATE TABLE IF NOT EXISTS {qualified(target)}"
            f" ({columns}, PRIMARY KEY (({partition}){clustering}))"
        )

    def _fitted(self, target: Target) -> Target:
        """The target with the types that its table has; adds the columns that it lacks."""
        table = self._present(target)
        for names, cells, what in (
            ([c.name for c in table.partition_key], target.partition_key, "partition key"),
            ([c.name for c in table.clustering_key], target.clustering_key, "clustering key"),
        ):
            if names != [cell.column.name for cell in cells]:
                wanted = ", ".join(cell.column.name for cell in cells) or "none"
                raise Unmappable(
                    f"the {what} of {qualified(target)} is {', '.join(names) or 'none'}, and it should"
                    f" be {wanted}: drop the table and take a snapshot, or set another target"
                )
        self._add(
            target, [cell.column for cell in target.cells if cell.column.name not in table.columns]
        )
        fitted = {cell.source: _fitted_cell(table, cell) for cell in target.cells}
        return Target(
            target.keyspace,
            target.table,
            tuple(fitted[cell.source] for cell in target.partition_key),
            tuple(fitted[cell.source] for cell in target.clustering_key),
            tuple(fitted.values()),
            target.source_key,
        )

    def _add(self, target: Target, columns: Sequence[Column]) -> None:
        """Add columns in one statement: each change of a schema keeps Cassandra busy for a while."""
        if not columns:
            return
        added = ", ".join(f"{maybe_escape_name(c.name)} {c.cql_type}" for c in columns)
        self._session.execute(f"ALTER TABLE {qualified(target)} ADD IF NOT EXISTS ({added})")

    def _present(self, target: Target) -> TableMetadata:
        """The table as Cassandra has it now: what another process made, no answer told this one.

        Raises:
            NoHostAvailable: Cassandra does not tell, as when it has just started; to be asked again.
        """
        try:
            self._session.cluster.refresh_table_metadata(target.keyspace, target.table)
        except DriverException as error:  # of no kind of its own
            raise NoHostAvailable(str(error), {}) from error
        table = self._metadata(target)
        if table is None:
            raise TableGone(f"{qualified(target)} was dropped while the stream was making it")
        return table

    def _metadata(self, target: Target) -> TableMetadata | None:
        keyspace = self._session.cluster.metadata.keyspaces.get(target.keyspace)
        return keyspace.tables.get(target.table) if keyspace is not None else None


def _fitted_cell(table: TableMetadata, cell: Cell) -> Cell:
    """The cell with the type that its table has, if it has the column already."""
    present = table.columns.get(cell.column.name)
    return cell if present is None else Cell(cell.source, retyped(cell.column, present.cql_type))


def target_of(
    rule: TableRule, key_schema: Mapping[str, Any], envelope: Mapping[str, Any]
) -> Target:
    """The target that a rule makes of a table's Avro schemas, whatever Cassandra has.

    Raises:
        Unmappable: a column's type has no CQL counterpart.
        RuleConflict: the rule does not fit the table.
    """
    row = row_schema(envelope)
    fields, source_key = field_names(row), field_names(key_schema)
    columns = {column.name: column for column in columns_of(row, rule.micros)}
    cells = {
        named.source: Cell(fields[named.source], masked(columns[named.source], named))
        for named in rule.columns(columns, source_key)
    }
    partition, clustering = rule.primary_key(source_key)
    return Target(
        rule.keyspace,
        rule.table,
        tuple(cells[name] for name in partition),
        tuple(cells[name] for name in clustering),
        tuple(cells.values()),
        frozenset(source_key.values()),
    )


def _name(cell: Cell) -> str:
    return str(maybe_escape_name(cell.column.name))


def qualified(target: Target) -> str:
    return f"{maybe_escape_name(target.keyspace)}.{maybe_escape_name(target.table)}"
