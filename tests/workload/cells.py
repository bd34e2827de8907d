"""A model of how Cassandra settles writes: cell by cell, by their write times alone.

Source: Cassandra documentation, "Dynamo", "Tunable consistency" (last write wins), and
`org.apache.cassandra.db.rows.Cells#reconcile`: the higher write time wins; at a tie a deletion wins over
a value, and the larger of two values over the smaller.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Values = Mapping[str, str | None]
NEVER = -1


@dataclass(frozen=True, slots=True)
class Write:
    """INSERT … USING TIMESTAMP: marks the row as live; None deletes a cell, an absent one is UNSET."""

    stamp: int
    values: Values


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE … USING TIMESTAMP of a whole row."""

    stamp: int


@dataclass
class CassandraRow:
    """One row, as the writes that it has taken leave it."""

    _deleted: int = NEVER
    _live: int = NEVER
    _cells: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def take(self, mutation: Write | Delete) -> None:
        if isinstance(mutation, Delete):
            self._deleted = max(self._deleted, mutation.stamp)
            return
        self._live = max(self._live, mutation.stamp)
        for name, value in mutation.values.items():
            present = self._cells.get(name)
            new = (mutation.stamp, value)
            if present is None or _order(new) > _order(present):
                self._cells[name] = new

    def values(self) -> dict[str, str | None] | None:
        """What a SELECT gives, or None if there is no such row."""
        alive = {
            name: value
            for name, (stamp, value) in self._cells.items()
            if stamp > self._deleted and value is not None
        }
        if self._live <= self._deleted and not alive:
            return None
        return {name: alive.get(name) for name in self._cells}


def _order(cell: tuple[int, str | None]) -> tuple[int, bool, str]:
    stamp, value = cell
    return stamp, value is None, value or ""
