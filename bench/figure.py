"""One measured figure: what, in which unit, of how many runs; as it is stored in JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.percentiles import Spread, spread

LOWER, HIGHER = "lower", "higher"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with every run's value; the median is what is shown."""

    name: str
    """Names it in the JSON and in comparisons: `latency.1000.p50`."""
    what: str
    """For a person: what was measured, from where to where."""
    unit: str
    values: tuple[float, ...]
    better: str = LOWER
    goal: float | None = None
    stretch: float | None = None
    note: str = ""

    @property
    def spread(self) -> Spread:
        return spread(self.values)

    @property
    def reaches_goal(self) -> bool | None:
        """None where the figure has no goal."""
        if self.goal is None:
            return None
        median = self.spread.median
        return median <= self.goal if self.better == LOWER else median >= self.goal

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"median": self.spread.median}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Figure":
        known = {name: value for name, value in stored.items() if name != "median"}
        return cls(**(known | {"values": tuple(known["values"])}))


@dataclass(frozen=True, slots=True)
class Failure:
    """An item that could not be measured, with the sentence that says why."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Series:
    """Points for a plot."""

    name: str
    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    log_y: bool = False
    log_x: bool = False


@dataclass(slots=True)
class Measured:
    """What an item gives: figures, points for plots, and tables of facts beside them."""

    figures: list[Figure] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, other: "Measured") -> None:
        self.figures += other.figures
        self.series += other.series
        self.facts |= other.facts


def merged(runs: Sequence[Sequence[Figure]]) -> list[Figure]:
    """The figures of several runs of one item, each with the values of all runs.

    Raises:
        ValueError: a run lacks a figure that another has: nothing is left out silently.
    """
    names = [[figure.name for figure in run] for run in runs]
    if any(other != names[0] for other in names[1:]):
        raise ValueError(f"runs of one item differ in their figures: {names}")
    return [
        Figure(
            **(
                {name: getattr(same[0], name) for name in Figure.__slots__}
                | {"values": tuple(value for figure in same for value in figure.values)}
            )
        )
        for same in zip(*runs, strict=True)
    ]
