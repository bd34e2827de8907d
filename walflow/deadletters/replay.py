"""Dead letters applied again, by the stream's own modules and with the stamps of their origins."""

import time

from cassandra import DriverException, InvalidRequest
from cassandra.cluster import NoHostAvailable

from change_stream.change import Change, Op
from change_stream.columns import Unmappable
from change_stream.connections import Connections
from change_stream.letter import Letter
from change_stream.mutation import Delete, Mutation
from change_stream.record import Undecodable
from change_stream.schemas import RegistryUnavailable
from change_stream.stamps import Generation, NoGeneration, stamp
from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError

DEFAULT_GC_GRACE_SECONDS = 864_000
SUPERSEDED = "older than a TRUNCATE of its table: nothing to write"


class NotApplied(Exception):
    """The letter stays open; the message is its new reason."""


class Replay:
    """Applies letters one by one; each may be applied any number of times."""

    def __init__(self, connected: Connections) -> None:
        self._connected = connected

    def apply(self, letter: Letter) -> str:
        """Apply a letter and say what was done.

        Raises:
            NotApplied: it still cannot be applied, or its stamp cannot be told.
            WalflowError: Cassandra or the registry does not answer.
        """
        try:
            value_id, change, write_time = self._placed(letter)
            if write_time is None:
                return SUPERSEDED
            interpreted = self._connected.interpreter.interpret(
                letter.record, value_id, change, write_time
            )
            for mutation in interpreted.mutations:
                self._require_remembered_deletes(letter, mutation)
                self._write(mutation)
        except (Undecodable, Unmappable) as error:
            raise NotApplied(str(error)) from error
        except RegistryUnavailable as error:
            raise WalflowError(
                f"{error}. {ticked('status')} shows its state.", ExitCode.NOT_READY
            ) from error
        except (NoHostAvailable, DriverException) as error:
            raise WalflowError(
                f"{letter.record.place}: Cassandra did not take the write: {error}. {ticked('status')}"
                " shows its state.",
                ExitCode.NOT_READY,
            ) from error
        if interpreted.unknown:
            raise NotApplied(
                f"written, but without {', '.join(interpreted.unknown)}, which its event does not"
                f" tell: {ticked(f'repair {change.schema}.{change.table}')} mends the row"
            )
        return what_is_done(interpreted.mutations)

    def foreseen(self, letter: Letter) -> str:
        """What `apply` would try, as a sentence; writes nothing."""
        try:
            _, change, write_time = self._placed(letter)
        except (NotApplied, Undecodable) as error:
            return f"would fail: {error}"
        except RegistryUnavailable as error:
            return f"would have to wait: {error}"
        if write_time is None:
            return SUPERSEDED
        what = "delete" if change.op is Op.DELETE else "write"
        return f"would {what} a row of {change.schema}.{change.table} with stamp {write_time}"

    def _placed(self, letter: Letter) -> tuple[int, Change, int | None]:
        """Schema id, change and stamp; no stamp where a later TRUNCATE undoes the change."""
        found = self._connected.interpreter.change(letter.record)
        if found is None:
            raise NotApplied("its value holds no change of a table")
        if found[1].op is Op.TRUNCATE:
            raise NotApplied("a TRUNCATE can only be carried out by the stream, in its order")
        generations = self._connected.generations.registered(letter.record.topic)
        write_time = write_time_of(letter, generations)
        return *found, None if is_truncated(write_time, generations) else write_time

    def _require_remembered_deletes(self, letter: Letter, mutation: Mutation) -> None:
        """Cassandra forgets a delete after gc_grace_seconds: an older write could undo it."""
        target = mutation.target
        keyspace = self._connected.session.cluster.metadata.keyspaces.get(target.keyspace)
        table = keyspace.tables.get(target.table) if keyspace is not None else None
        options = table.options if table is not None else {}
        grace = int(options.get("gc_grace_seconds", DEFAULT_GC_GRACE_SECONDS))
        age = time.time() - letter.record.timestamp_ms / 1000
        if age >= grace:
            raise NotApplied(
                f"it is {age / 86400:.1f} days old, and {target.keyspace}.{target.table} remembers"
                f" deletes for {grace / 86400:.1f} days: it could bring back a deleted row."
                f" {ticked('repair')} reads such rows anew"
            )

    def _write(self, mutation: Mutation) -> None:
        try:
            self._connected.session.execute(self._connected.statements.bind(mutation))
        except InvalidRequest as error:
            raise NotApplied(f"Cassandra refuses it: {error}") from error


def write_time_of(letter: Letter, generations: tuple[Generation, ...]) -> int:
    """The stamp of a letter's record.

    What is registered now says it best: a TRUNCATE may have moved the record to a later generation
    after the letter was sent. The letter's own stamp stands in where its generation is not found.

    Args:
        generations: all of the topic's name, those of its former lives too; oldest first.

    Raises:
        NotApplied: neither is known.
    """
    record = letter.record
    life = tuple(g for g in generations if g.topic_id == letter.topic_id)
    try:
        return stamp(life, record.partition, record.offset)
    except NoGeneration:
        if letter.stamp is not None:
            return letter.stamp
    raise NotApplied(
        f"its stamp is not known: no header tells it, and no registered generation of {record.topic}"
        f" holds it. A write with another stamp could undo later changes; {ticked('repair')} reads the"
        " row anew"
    )


def is_truncated(write_time: int, generations: tuple[Generation, ...]) -> bool:
    """Whether the table was truncated after a record of this stamp."""
    return any(g.truncate_lsn and write_time < g.epoch_us for g in generations)


def what_is_done(mutations: tuple[Mutation, ...]) -> str:
    """Mutations that were carried out, in words."""
    return ", ".join(
        f"{'deleted from' if isinstance(m, Delete) else 'written to'}"
        f" {m.target.keyspace}.{m.target.table} with stamp {m.stamp}"
        for m in mutations
    )
