"""Percentiles and medians that leave nothing out."""

from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of all are not above (nearest rank).

    No value is interpolated, trimmed or smoothed: what is returned was measured.

    Raises:
        ValueError: no values, or a percentage outside 0 to 100.
    """
    if not values:
        raise ValueError("no values: nothing was measured")
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} is no percentage")
    ordered = sorted(values)
    # Whole numbers, since 0.99 * 100 is 99.00000000000001 to a computer and would take the next one.
    rank = -(-len(ordered) * round(percent * 1000) // 100_000)
    return ordered[max(rank, 1) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """Several runs of one measurement."""

    median: float
    low: float
    high: float
    runs: int

    @property
    def percent(self) -> float:
        """Half the distance between the lowest and the highest run, in percent of the median."""
        return 50 * (self.high - self.low) / self.median if self.median else 0.0


def spread(values: Sequence[float]) -> Spread:
    """Median, lowest and highest of all runs.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no runs: nothing was measured")
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Spread(median, ordered[0], ordered[-1], len(ordered))
