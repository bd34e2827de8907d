"""From a Kafka record to what it does in Cassandra: decoded, fitted to its target, stamped."""

from dataclasses import dataclass

from change_stream.change import Change, Op, read_envelope
from change_stream.generations import Generations
from change_stream.mutation import Mutation, mutations_of, unknown_of_new_row
from change_stream.record import Record, Undecodable, schema_id
from change_stream.schemas import RegistryUnavailable, SchemaRegistry
from change_stream.stamps import stamp
from change_stream.targets import Targets


@dataclass(frozen=True, slots=True)
class Interpreted:
    mutations: tuple[Mutation, ...]
    unknown: tuple[str, ...] = ()
    """Columns of a new row whose value the record does not tell."""


class Interpreter:
    """Reads records of every topic; keeps no state but what its parts cache."""

    def __init__(
        self, registry: SchemaRegistry, targets: Targets, generations: Generations
    ) -> None:
        self._registry = registry
        self._targets = targets
        self._generations = generations

    def change(self, record: Record) -> tuple[int, Change] | None:
        """Schema id and change of a record; None if it is a tombstone or belongs to no table.

        Raises:
            Undecodable: it is no Debezium envelope in Confluent's wire format.
            RegistryUnavailable: its schema could not be had.
        """
        if record.value is None:
            return None  # the tombstone behind a delete is for Kafka's log compaction
        value_id, datum = self._registry.decode(record.value)
        change = read_envelope(datum)
        # pg_logical_emit_message belongs to no table
        return None if change.op is Op.MESSAGE else (value_id, change)

    def committed_us(self, record: Record) -> int | None:
        """When the change of a record was committed, microseconds since the epoch; None: no such thing.

        Of a record that was applied, so its schema is known.
        """
        try:
            found = self.change(record)
        except (Undecodable, RegistryUnavailable):
            return None
        return None if found is None else found[1].source_us

    def interpret(
        self, record: Record, value_id: int, change: Change, write_time: int | None = None
    ) -> Interpreted:
        """What the change of one row does.

        Args:
            write_time: the stamp, where it is known already; else that of the record's place.

        Raises:
            Undecodable: the record's key cannot be read.
            Unmappable: the change has no place in Cassandra.
            RegistryUnavailable: a schema could not be had.
        """
        registry, targets = self._registry, self._targets
        if record.key is None:
            raise Undecodable(f"op={change.op} of {change.schema}.{change.table} has no key")
        key_id = schema_id(record.key)
        target = targets.known(record.topic, key_id, value_id) or targets.find(
            record.topic,
            change,
            (key_id, registry.schema(key_id)),
            (value_id, registry.schema(value_id)),
        )
        key = registry.decode(record.key)[1] if change.op is Op.DELETE else {}
        if write_time is None:
            write_time = self.stamp(record)
        return Interpreted(
            mutations_of(change, key, target, write_time), unknown_of_new_row(change, target)
        )

    def stamp(self, record: Record) -> int:
        """The write stamp of a record's place; microseconds since 1970."""
        return stamp(self._generations.of(record.topic), record.partition, record.offset)
