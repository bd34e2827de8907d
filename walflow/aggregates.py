"""Live counts: how many rows a captured table has in each group, as pipeline.toml declares them.

The stream counts by these rules and `walflow verify` by the same ones in SQL (docs/aggregation.md).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Any

from cassandra.metadata import maybe_escape_name

from walflow.errors import ExitCode, WalflowError
from walflow.settings import AggregateSettings, Settings
from walflow.tables import Mask, RuleConflict, TableRules

COUNT = "total"
"""Column of an aggregate's table."""
LONGEST = 1000
"""Characters of a group's value; a longer one is told by its beginning and a digest, since Cassandra
takes at most 64 KiB in a key."""
COUNTABLE = frozenset({"text", "varchar", "int2", "int4", "int8", "bool", "uuid"})
"""Types of PostgreSQL, enums beside them, whose text is the same in SQL and in a record."""
_EXPRESSION = re.compile(
    r"(?P<column>[^(),]+)|last_part\((?P<last>[^(),]+)\)|first\((?P<first>[^(),]+), *(?P<length>\d+)\)"
)

GroupValues = tuple[str | None, ...]
"""Of one group, a value for each column that it is counted by; None for NULL."""


@dataclass(frozen=True, slots=True)
class GroupColumn:
    """A column of an aggregate's table, and what of a source row fills it."""

    name: str
    source: str
    part: str = ""
    """last: what stands behind the last comma and space. first: the first characters. Else all."""
    length: int = 0
    mask: Mask | None = None

    def value(self, value: Any) -> str | None:
        """The group's value of a value as Avro has it.

        Raises:
            ValueError: a value of a kind that groups are not made of.
        """
        if value is None:
            return None
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, int | str):
            text = str(value)
        else:
            raise ValueError(f"rows cannot be counted by {self.source}: it is a {type(value)}")
        match self.part:
            case "last":
                text = text.rpartition(", ")[2]
            case "first":
                text = text[: self.length]
        return self.shown(text)

    def shown(self, text: str | None) -> str | None:
        """What is written of a value whose part was taken: masked like its column, and bounded."""
        if text is None:
            return None
        if self.mask is not None:
            text = self.mask.of(text.encode()).decode()
        if len(text) <= LONGEST:
            return text
        return f"{text[:LONGEST]}… {md5(text.encode(), usedforsecurity=False).hexdigest()}"

    def expression(self, column: str) -> str:
        """SQL of the part that is taken, before `shown`.

        Args:
            column: the source column as SQL names it.
        """
        match self.part:
            case "last":
                return f"regexp_replace({column}::text, '^.*, ', '')"
            case "first":
                return f"left({column}::text, {self.length})"
            case _:
                return f"{column}::text"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A table of Cassandra with the number of a captured table's rows in each group."""

    name: str
    schema: str
    table: str
    """Of PostgreSQL."""
    keyspace: str
    columns: tuple[GroupColumn, ...]

    @property
    def source(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def target(self) -> str:
        return f"{self.keyspace}.{self.name}"

    @property
    def key_columns(self) -> str:
        """CQL's names of the columns of the primary key."""
        return ", ".join(maybe_escape_name(column.name) for column in self.columns)

    @property
    def ddl(self) -> str:
        """CQL that makes the table."""
        names = [maybe_escape_name(column.name) for column in self.columns]
        clustering = "".join(f", {name}" for name in names[1:])
        columns = ", ".join(f"{name} text" for name in names)
        return (
            f"CREATE TABLE IF NOT EXISTS {self.target} ({columns}, {COUNT} bigint,"
            f" PRIMARY KEY (({names[0]}){clustering}))"
        )


def aggregates_of(settings: Settings) -> tuple[Aggregate, ...]:
    """The aggregates that pipeline.toml declares; none where stream.keep_counts is off.

    Raises:
        WalflowError: one counts by a column that the table's own section leaves out.
    """
    rules = TableRules.of(settings)
    try:
        return tuple(
            _aggregate(name, setting, settings, rules)
            for name, setting in settings.kept_aggregates.items()
        )
    except RuleConflict as error:
        raise WalflowError(f"{error}.", ExitCode.USAGE) from error


def _aggregate(
    name: str, setting: AggregateSettings, settings: Settings, rules: TableRules
) -> Aggregate:
    schema, _, table = setting.table.partition(".")
    rule = rules.rule(schema, table)
    columns = []
    for alias, text in setting.group_by.items():
        column = group_column(alias, text)
        written_column = rule.column(column.source)
        if written_column is None:
            raise RuleConflict(
                f'pipeline.toml: tables."{setting.table}" leaves out {column.source}, by which'
                f" aggregates.{name} counts"
            )
        columns.append(replace(column, mask=written_column.mask))
    return Aggregate(name, schema, table, settings.cassandra.keyspace, tuple(columns))


def group_column(name: str, text: str) -> GroupColumn:
    """A group's column from what pipeline.toml says of it.

    Raises:
        RuleConflict: it is neither a column nor a part of one.
    """
    found = _EXPRESSION.fullmatch(text.strip())
    if found is None:
        raise RuleConflict(
            f"pipeline.toml: group_by: {name} = {text!r} is neither a column nor last_part(column)"
            " nor first(column, 2)"
        )
    if found["last"]:
        return GroupColumn(name, found["last"].strip(), "last")
    if found["first"]:
        return GroupColumn(name, found["first"].strip(), "first", int(found["length"]))
    return GroupColumn(name, found["column"].strip())


def written(value: str | None) -> str:
    r"""A group's value as a part of Cassandra's key, which takes no null, and alone no empty text.

    As in COPY's text format, NULL is `\N`, and a backslash at the beginning is doubled; an empty text
    is `\E`.
    """
    if value is None:
        return r"\N"
    if not value:
        return r"\E"
    return f"\\{value}" if value.startswith("\\") else value


def group_id(values: GroupValues) -> str:
    """One text for the values of a group, another one for each group."""
    return json.dumps(values, ensure_ascii=False)


def group_of(identifier: str) -> GroupValues:
    """The values of a `group_id`."""
    return tuple(json.loads(identifier))


def row_id(key: Sequence[Any]) -> str:
    """One text for the primary key of a row: its values as they are in the record, as a JSON array."""
    return json.dumps([_key_text(value) for value in key], ensure_ascii=False)


def _key_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return repr(sorted(value.items()))
    return str(value)
