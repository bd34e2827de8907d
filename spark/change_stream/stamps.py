"""Write stamps: Cassandra write times that rise in commit order for each key.

Kafka's partition order is commit order per key; `source.lsn` is not (docs/exactness.md). A stamp is
the epoch of the topic's generation plus the record's offset, so it is unique per key and the same
whenever a record is applied again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True)
class Generation:
    """A stretch of a topic: since it was made, got partitions, was truncated, or was repaired."""

    number: int
    topic_id: UUID
    partitions: int
    epoch_us: int
    """Microseconds since 1970; above every stamp of the generation before."""
    first_offsets: Mapping[int, int] = field(default_factory=dict)
    """Partition → first offset that belongs to this generation; 0 where not named."""
    truncate_lsn: int = 0
    """LSN of the TRUNCATE that began it, or 0."""
    opened_by: str = ""
    """Run of the query that registered it for a TRUNCATE."""


class NoGeneration(Exception):
    """A record is older than every registered generation of its topic."""


def stamp(generations: tuple[Generation, ...], partition: int, offset: int) -> int:
    """The write time of a record, microseconds since 1970.

    A newer generation may begin at a lower offset than an older one. Even then stamps rise with the
    offset: a higher offset belongs to at least as new a generation.

    Args:
        generations: those of the topic's present id, oldest first.

    Raises:
        NoGeneration: none of them holds the record.
    """
    for generation in reversed(generations):
        if offset >= generation.first_offsets.get(partition, 0):
            return generation.epoch_us + offset
    raise NoGeneration(f"no registered generation holds partition {partition} offset {offset}")


def next_generation(
    before: Generation | None,
    topic_id: UUID,
    partitions: int,
    end_offsets: Mapping[int, int],
    highest_offset_before: int,
    now_us: int,
) -> Generation:
    """The generation to register when a topic's id or its number of partitions is new.

    Args:
        before: the newest one registered, if any.
        end_offsets: partition → next offset to be written, read after the change was seen.
        highest_offset_before: at least the highest offset that got a stamp of `before`.
        now_us: the clock, which may have been set back: the epoch never falls for that.
    """
    if before is None:
        return Generation(1, topic_id, partitions, now_us)
    same_topic = before.topic_id == topic_id
    # A partition that the change added belongs to the new generation from its first record on.
    first_offsets = {
        p: end for p, end in end_offsets.items() if same_topic and p < before.partitions
    }
    epoch_us = _epoch_above(before, highest_offset_before, now_us)
    return Generation(before.number + 1, topic_id, partitions, epoch_us, first_offsets)


def raised_generation(
    before: Generation,
    first_offsets: Mapping[int, int],
    highest_offset_before: int,
    at_least_us: int,
    truncate_lsn: int = 0,
    opened_by: str = "",
) -> Generation:
    """A generation of the same topic that begins at the given offsets.

    Args:
        at_least_us: a time that the epoch must not be below: the clock's, or that of writes which
            did not come from the stream.
    """
    return Generation(
        before.number + 1,
        before.topic_id,
        before.partitions,
        _epoch_above(before, highest_offset_before, at_least_us),
        first_offsets,
        truncate_lsn,
        opened_by,
    )


def _epoch_above(before: Generation, highest_offset: int, at_least_us: int) -> int:
    return max(at_least_us, before.epoch_us + highest_offset + 1)
