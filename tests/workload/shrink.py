"""Delta debugging: the smaller workload that still fails.

Source: A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002 (ddmin).
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.workload.plan import Place, Workload

T = TypeVar("T")
RUNS = 200


class _Spent(Exception):
    """As many runs as were allowed are done."""


class _Search:
    """Remembers the smallest workload that failed, and bounds the number of runs."""

    def __init__(self, workload: Workload, fails: Callable[[Workload], bool], runs: int) -> None:
        self.smallest = workload
        self._fails = fails
        self._left = runs

    def keeps_failing(self, workload: Workload) -> bool:
        if self._left == 0:
            raise _Spent
        self._left -= 1
        failed = self._fails(workload)
        if failed:
            self.smallest = workload
        return failed


def shrink(workload: Workload, fails: Callable[[Workload], bool], runs: int = RUNS) -> Workload:
    """Drop sessions, then transactions, then statements, as long as what is left still fails.

    Args:
        fails: runs a workload; it is called at most `runs` times.
    """
    search = _Search(workload, fails, runs)
    try:
        while True:
            before = search.smallest
            for unit in (_session, _transaction, _statement):
                _shrink_by(search, unit)
            if search.smallest == before:
                return before
    except _Spent:
        return search.smallest


def _session(place: Place) -> Place:
    return (place[0], 0, 0)


def _transaction(place: Place) -> Place:
    return (place[0], place[1], 0)


def _statement(place: Place) -> Place:
    return place


def _shrink_by(search: _Search, unit: Callable[[Place], Place]) -> None:
    """Drop whole units of the smallest workload so far."""
    workload = search.smallest
    places = list(workload.places())

    def fails(kept: Sequence[Place]) -> bool:
        units = set(kept)
        return search.keeps_failing(workload.only(p for p in places if unit(p) in units))

    ddmin(sorted({unit(place) for place in places}), fails)


def ddmin(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """A part of the items that fails, and of which no single item can be dropped."""
    parts = 2
    while len(items) >= 2:
        size = -(-len(items) // parts)
        for start in range(0, len(items), size):
            rest = [*items[:start], *items[start + size :]]
            if rest and fails(rest):
                items, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return items
            parts = min(parts * 2, len(items))
    return items
