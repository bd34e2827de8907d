"""What is remembered of each row that is counted, and what a change does to it.

The counts are sums over the remembered rows and nothing else. What is remembered of a row depends on the
newest change of it alone, so neither a repeated record nor a late one nor a snapshot counts twice.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from change_stream.mutation import Unknown
from walflow.aggregates import GroupValues


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the source, as its newest change left it."""

    place: int
    """Of that change: rises in commit order for each key."""
    lsn: int
    """Of that change, 0 if it told none; compared with those of TRUNCATEs only."""
    group: GroupValues | None
    """Where the row is counted; None: it was deleted, which is remembered for a while."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one change says of the row with this id."""

    row: str
    place: int
    lsn: int
    group: tuple[str | Unknown | None, ...] | None
    """None: there is no such row. UNKNOWN: a TOASTed value that the change did not touch."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a number of effects come to."""

    entries: Mapping[str, Entry]
    """Those that are to be written, by row."""
    counts: Mapping[GroupValues, int] = field(default_factory=dict)
    """By how much each group's count changes, where it does."""


def applied(before: Mapping[str, Entry], effects: Iterable[Effect], truncated_lsn: int) -> Outcome:
    """Apply the effects of changes, in the order of their offsets for each row.

    Args:
        before: what is remembered of the rows that the effects are about.
        truncated_lsn: that of the table's newest TRUNCATE, 0 for none.
    """
    entries: dict[str, Entry] = {}
    for effect in effects:
        old = entries.get(effect.row) or before.get(effect.row)
        if old is not None and effect.place <= old.place:
            continue
        if 0 < effect.lsn < truncated_lsn:
            continue
        entries[effect.row] = Entry(effect.place, effect.lsn, _group(old, effect))
    return Outcome(entries, _moved(before, entries))


def truncated(before: Mapping[str, Entry], lsn: int) -> Outcome:
    """The rows that a TRUNCATE with an LSN removes; they are to be forgotten, not written.

    PostgreSQL truncates under an ACCESS EXCLUSIVE lock: against a TRUNCATE, LSN order is commit order.
    """
    removed = {row: entry for row, entry in before.items() if entry.lsn < lsn}
    gone = Counter(entry.group for entry in removed.values() if entry.group is not None)
    return Outcome(removed, {group: -count for group, count in gone.items()})


def _group(old: Entry | None, effect: Effect) -> GroupValues | None:
    """The row's group; a value that nothing tells counts as NULL, until the row is read again."""
    if effect.group is None:
        return None
    known: GroupValues = (None,) * len(effect.group)
    if old is not None and old.group is not None and len(old.group) == len(effect.group):
        known = old.group
    return tuple(
        was if isinstance(value, Unknown) else value
        for value, was in zip(effect.group, known, strict=True)
    )


def _moved(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> dict[GroupValues, int]:
    counts: Counter[GroupValues] = Counter()
    for row, entry in after.items():
        old = before.get(row)
        if old is not None and old.group is not None:
            counts[old.group] -= 1
        if entry.group is not None:
            counts[entry.group] += 1
    return {group: change for group, change in counts.items() if change}
