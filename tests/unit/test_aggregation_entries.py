"""Counts follow the newest change of each row, whatever is repeated, late, read again or truncated."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from change_stream.aggregation.entries import Effect, Entry, Outcome, applied, truncated
from change_stream.mutation import UNKNOWN
from walflow.aggregates import GroupValues

ROWS = ("a", "b", "c", "d")
GROUPS: tuple[GroupValues, ...] = (("DE", "male"), ("DE", None), (None, None))


@dataclass
class Truncate:
    lsn: int


Event = Effect | Truncate


@dataclass
class Bucket:
    """A bucket as the state keeps it: what is read is what the last writer left."""

    entries: dict[str, Entry] = field(default_factory=dict)
    counts: Counter[GroupValues] = field(default_factory=Counter)
    truncated_lsn: int = 0

    def take(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Truncate):
                self.truncated_lsn = max(self.truncated_lsn, event.lsn)
                self._write(truncated(self.entries, event.lsn), forgets=True)
            else:
                self._write(applied(self.entries, [event], self.truncated_lsn))

    def take_at_once(self, effects: Sequence[Effect]) -> None:
        self._write(applied(self.entries, effects, self.truncated_lsn))

    def _write(self, outcome: Outcome, forgets: bool = False) -> None:
        for row, entry in outcome.entries.items():
            if forgets:
                del self.entries[row]
            else:
                self.entries[row] = entry
        for group, change in outcome.counts.items():
            self.counts[group] += change

    @property
    def shown(self) -> dict[GroupValues, int]:
        return {group: count for group, count in self.counts.items() if count}


def expected(events: Sequence[Event]) -> dict[GroupValues, int]:
    """What GROUP BY says of a table after these changes, in commit order."""
    table: dict[str, GroupValues] = {}
    for event in events:
        if isinstance(event, Truncate):
            table.clear()
        elif event.group is None:
            table.pop(event.row, None)
        else:
            table[event.row] = tuple(None if v is UNKNOWN else v for v in event.group)
    return dict(Counter(table.values()))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Changes in commit order, each with a place and an LSN of its own."""
    events: list[Event] = []
    for number in range(1, draw(st.integers(1, 25)) + 1):
        if draw(st.integers(0, 9)) == 0:
            events.append(Truncate(lsn=number))
            continue
        group = draw(st.sampled_from((*GROUPS, None)))
        events.append(Effect(draw(st.sampled_from(ROWS)), 1000 + number, number, group))
    return events


def partitions(events: Sequence[Event], data: st.DataObject) -> list[list[Event]]:
    """The events as they are in a topic: a row's in one partition, a TRUNCATE in any."""
    found: list[list[Event]] = [[], []]
    for event in events:
        if isinstance(event, Truncate):
            found[data.draw(st.integers(0, 1))].append(event)
        else:
            found[ROWS.index(event.row) % 2].append(event)
    return found


@given(st.data())
def test_counts_are_those_of_group_by_in_whatever_order_partitions_are_read(
    data: st.DataObject,
) -> None:
    history = data.draw(histories())
    left, right = partitions(history, data)
    bucket = Bucket()
    while left or right:
        part = left if left and (not right or data.draw(st.booleans())) else right
        bucket.take([part.pop(0)])

    assert bucket.shown == expected(history)
    assert all(count >= 0 for count in bucket.counts.values())


@given(st.data())
def test_a_stretch_that_is_read_again_counts_nothing_twice(data: st.DataObject) -> None:
    history = data.draw(histories())
    bucket = Bucket()
    bucket.take(history)
    start = data.draw(st.integers(0, len(history) - 1))
    bucket.take(history[start:])

    assert bucket.shown == expected(history)


@given(st.data())
def test_late_changes_of_a_task_that_was_thought_dead_count_nothing(data: st.DataObject) -> None:
    history = data.draw(histories())
    late = data.draw(st.lists(st.sampled_from(history), max_size=10))
    bucket = Bucket()
    bucket.take(history)
    bucket.take(late)

    assert bucket.shown == expected(history)


@given(histories())
def test_a_snapshot_read_again_counts_nothing_twice(history: list[Event]) -> None:
    bucket = Bucket()
    bucket.take(history)
    rows = {row: entry for row, entry in bucket.entries.items() if entry.group is not None}
    bucket.take([Effect(row, 5000, 5000, entry.group) for row, entry in rows.items()])

    assert bucket.shown == expected(history)


@given(histories())
def test_many_effects_at_once_are_the_same_as_one_by_one(history: list[Event]) -> None:
    effects = [event for event in history if isinstance(event, Effect)]
    at_once, one_by_one = Bucket(), Bucket()
    at_once.take_at_once(effects)
    one_by_one.take(effects)

    assert at_once == one_by_one


def test_a_snapshot_moves_a_row_whose_change_was_never_captured() -> None:
    bucket = Bucket()
    bucket.take([Effect("a", 1, 1, ("DE", "male")), Effect("a", 9, 9, ("FR", "male"))])

    assert bucket.shown == {("FR", "male"): 1}


def test_an_untouched_toasted_value_is_what_it_was() -> None:
    bucket = Bucket()
    bucket.take([Effect("a", 1, 1, ("DE", "male")), Effect("a", 2, 2, (UNKNOWN, None))])

    assert bucket.shown == {("DE", None): 1}


def test_a_change_without_an_lsn_is_never_taken_for_older_than_a_truncate() -> None:
    bucket = Bucket()
    bucket.take([Truncate(7), Effect("a", 1, 0, ("DE", "male"))])

    assert bucket.shown == {("DE", "male"): 1}
