"""What is compared with what: a table's columns on both sides, and the conversion of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from cassandra.metadata import TableMetadata, maybe_escape_name

from walflow.advice import ticked
from walflow.errors import WalflowError
from walflow.tables import Mask, RuleConflict, TableRule, TargetColumn
from walflow.verify.catalog import SourceColumn, SourceTable, quoted
from walflow.verify.conversions import (
    Conversion,
    Convert,
    Unsupported,
    conversion,
    natural_type,
)


class CannotTell(WalflowError):
    """The table cannot be compared; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A conversion whose result is masked; a class, since processes hand it to each other."""

    convert: Convert | None
    mask: Mask

    def __call__(self, value: bytes) -> bytes | None:
        unmasked = value if self.convert is None else self.convert(value)
        return None if unmasked is None else self.mask.of(unmasked)


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """One column on both sides."""

    source: str
    target: str
    cql_type: str
    declared: str
    """PostgreSQL's type."""
    conversion: Conversion
    in_target: bool = True
    """Whether the target has the column yet; if not, it reads as null."""

    def expression(self, table: str = "") -> str:
        """SQL that reads it, of a table of this alias if one is given."""
        name = quoted(self.source)
        return self.conversion.expression.format(column=f"{table}.{name}" if table else name)


@dataclass(frozen=True, slots=True)
class Plan:
    """One table's comparison."""

    source: SourceTable
    keyspace: str
    table: str
    key: tuple[ComparedColumn, ...]
    """The target's primary key, the partition key first."""
    partition_key_size: int
    rest: tuple[ComparedColumn, ...]
    """The other columns; those that the target does not have come last."""
    notes: tuple[str, ...]

    @property
    def target_name(self) -> str:
        return f"{maybe_escape_name(self.keyspace)}.{maybe_escape_name(self.table)}"

    @property
    def rest_in_target(self) -> tuple[ComparedColumn, ...]:
        return tuple(column for column in self.rest if column.in_target)

    @property
    def finds_by_key(self) -> bool:
        """Whether PostgreSQL can look rows up by a key that was read from Cassandra."""
        return all(column.conversion.match is not None for column in self.key)


def plan(source: SourceTable, rule: TableRule, target: TableMetadata | None) -> Plan:
    """How a table is compared.

    Args:
        target: the table in Cassandra as the driver's metadata describes it.

    Raises:
        CannotTell: a side lacks table or key, the rule does not fit, or a type is not known.
    """
    if not source.key:
        raise CannotTell(
            f"{source.full_name} has no primary key, so its rows cannot be told apart. Give it one:"
            f" ALTER TABLE {source.full_name} ADD PRIMARY KEY (…)."
        )
    if target is None:
        raise CannotTell(
            f"Cassandra has no table {rule.keyspace}.{rule.table} for {source.full_name}. The stream"
            " makes it with the table's first record: is it running, and does the connector capture"
            f" the table? See {ticked('status')} and {ticked('connectors list')}."
        )
    try:
        partition, clustering = rule.primary_key(source.key)
        wanted = rule.columns([column.name for column in source.columns], source.key)
    except RuleConflict as error:
        raise CannotTell(f"{error}.") from error
    by_name = {column.name: column for column in source.columns}
    key_names = (*partition, *clustering)
    compared = {
        w.source: _compared(
            source, by_name[w.source], w, target, w.source in key_names, rule.micros
        )
        for w in wanted
    }
    key = tuple(compared.pop(name) for name in key_names)
    _check_key(source, rule, key, target)
    rest = sorted(compared.values(), key=lambda column: not column.in_target)
    return Plan(
        source,
        rule.keyspace,
        rule.table,
        key,
        len(partition),
        tuple(rest),
        tuple(_notes(wanted, rest, target.columns)),
    )


def _compared(
    source: SourceTable,
    column: SourceColumn,
    wanted: TargetColumn,
    target: TableMetadata,
    in_key: bool,
    micros: bool,
) -> ComparedColumn:
    there = target.columns.get(wanted.target)
    natural = natural_type(column.type, micros)
    cql_type = there.cql_type if there is not None else natural
    try:
        if wanted.mask is None:
            found = conversion(column.type, cql_type, exact=in_key)
        else:
            found = _masked(conversion(column.type, natural, exact=True), wanted.mask)
    except Unsupported as error:
        raise CannotTell(
            f"{source.full_name}: column {column.name} cannot be compared: {error}. Leave it out with"
            f" `exclude` in pipeline.toml, or add the types to walflow/verify/conversions.py."
        ) from error
    return ComparedColumn(
        column.name, wanted.target, cql_type, column.declared, found, there is not None
    )


def _masked(plain: Conversion, mask: Mask) -> Conversion:
    return Conversion(Masked(plain.convert, mask), expression=plain.expression, match=None)


def _check_key(
    source: SourceTable, rule: TableRule, key: tuple[ComparedColumn, ...], target: TableMetadata
) -> None:
    there = tuple(column.name for column in target.primary_key)
    expected = tuple(column.target for column in key)
    if there != expected:
        raise CannotTell(
            f"{source.full_name}: the primary key of {rule.keyspace}.{rule.table} is"
            f" ({', '.join(there)}), but by pipeline.toml and PostgreSQL it is"
            f" ({', '.join(expected)}). Rows cannot be paired."
        )


def _notes(
    wanted: tuple[TargetColumn, ...], rest: list[ComparedColumn], there: Mapping[str, object]
) -> list[str]:
    notes = []
    names = {column.target for column in wanted}
    if foreign := [name for name in there if name not in names]:
        notes.append(
            f"Not compared: {', '.join(foreign)}; only Cassandra has them (dropped or left out)."
        )
    if absent := [column.target for column in rest if not column.in_target]:
        notes.append(f"Cassandra does not have {', '.join(absent)} yet: compared as null.")
    return notes
