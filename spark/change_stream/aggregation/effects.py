"""From a record to what it says of a counted row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from change_stream.aggregation.entries import Effect
from change_stream.change import Change, Op
from change_stream.columns import UNAVAILABLE_TEXTS, field_names, row_schema
from change_stream.generations import Generations
from change_stream.interpreter import Interpreter
from change_stream.mutation import UNKNOWN, Unknown
from change_stream.record import Record, Undecodable
from change_stream.schemas import SchemaRegistry
from change_stream.stamps import Generation, stamp
from walflow.aggregates import Aggregate, row_id


class Uncountable(Exception):
    """The rows of a table cannot be counted as pipeline.toml says."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """A TRUNCATE of the table that an aggregate counts."""

    lsn: int


class Effects:
    """Reads records of the counted tables."""

    def __init__(
        self,
        registry: SchemaRegistry,
        interpreter: Interpreter,
        generations: Generations,
        aggregates: Sequence[Aggregate],
    ) -> None:
        self._registry = registry
        self._interpreter = interpreter
        self._generations = generations
        self._by_table: dict[tuple[str, str], list[Aggregate]] = {}
        for aggregate in aggregates:
            self._by_table.setdefault((aggregate.schema, aggregate.table), []).append(aggregate)
        self._fields: dict[int, dict[str, str]] = {}

    def of(self, record: Record) -> list[tuple[Aggregate, Effect | Truncated]]:
        """What a record says of each aggregate; nothing for a record that cannot be decoded.

        Such a record is a dead letter of the stream's, and its row is not in Cassandra either.

        Raises:
            Uncountable: a column that is counted by is not there, or of a wrong type.
            RegistryUnavailable: a schema could not be had.
        """
        try:
            found = self._interpreter.change(record)
            if found is None:
                return []
            value_id, change = found
            aggregates = self._by_table.get((change.schema, change.table), [])
            if change.op is Op.TRUNCATE:
                return [(aggregate, Truncated(change.lsn)) for aggregate in aggregates]
            if not aggregates or record.key is None:
                return []
            key = self._registry.decode(record.key)[1]
        except Undecodable:
            return []
        row, place = row_id([key[name] for name in sorted(key)]), self._place(record)
        return [
            (
                aggregate,
                Effect(row, place, change.lsn, self._group(aggregate, change, value_id)),
            )
            for aggregate in aggregates
        ]

    def _place(self, record: Record) -> int:
        generations = lives(self._generations.of(record.topic))
        return stamp(generations, record.partition, record.offset)

    def _group(
        self, aggregate: Aggregate, change: Change, value_id: int
    ) -> tuple[str | Unknown | None, ...] | None:
        if change.after is None or change.op is Op.DELETE:
            return None
        after, names = change.after, self._field_names(value_id)
        return tuple(
            self._value(aggregate, column.source, names, after, column.value)
            for column in aggregate.columns
        )

    def _value(
        self,
        aggregate: Aggregate,
        source: str,
        names: Mapping[str, str],
        row: Mapping[str, Any],
        value_of: Any,
    ) -> str | Unknown | None:
        if source not in names:
            raise Uncountable(
                f"aggregates.{aggregate.name} counts {aggregate.source} by {source}, a column that the"
                " table does not have or publish"
            )
        value = row[names[source]]
        if value in UNAVAILABLE_TEXTS:
            return UNKNOWN
        try:
            text: str | None = value_of(value)
        except ValueError as error:
            raise Uncountable(f"aggregates.{aggregate.name}: {error}") from error
        return text

    def _field_names(self, value_id: int) -> dict[str, str]:
        known = self._fields.get(value_id)
        if known is None:
            known = field_names(row_schema(self._registry.schema(value_id)))
            self._fields[value_id] = known
        return known


def lives(generations: tuple[Generation, ...]) -> tuple[Generation, ...]:
    """The generations that began with a new topic or new partitions.

    Those of a TRUNCATE or a repair begin at offsets that may have been counted already: stamps of
    records would depend on when they are counted, and these must not.
    """
    kept = [
        generation
        for before, generation in zip((None, *generations), generations, strict=False)
        if before is None
        or (before.topic_id, before.partitions) != (generation.topic_id, generation.partitions)
    ]
    return tuple(kept)
