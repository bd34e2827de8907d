"""What each figure is held against: its goal, its limits and its peers, as ratios above 1 for better."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.figure import LOWER, Failure, Figure

COMPARED = {
    "latency.{rate}.pipeline.p50": (
        "latency.{rate}.Debezium → Kafka alone.p50",
        "latency.{rate}.micro-batch trigger.p50",
        "latency.{rate}.plain Python consumer.p50",
        "latency.{rate}.tutorial's job (Spark 3.5.7, connector 3.5.1).p50",
    ),
    "latency.{rate}.pipeline.p99": (
        "latency.{rate}.Debezium → Kafka alone.p99",
        "latency.{rate}.micro-batch trigger.p99",
        "latency.{rate}.plain Python consumer.p99",
        "latency.{rate}.tutorial's job (Spark 3.5.7, connector 3.5.1).p99",
    ),
    "sustained.100-row": ("limit.slot", "limit.debezium", "limit.cassandra"),
    "drain": (
        "limit.cassandra",
        "drain.micro-batch",
        "drain.plain",
        "drain.tutorial",
    ),
    "drain.whole": ("drain.micro-batch.whole", "drain.plain.whole", "drain.tutorial.whole"),
    "snapshot": ("limit.cassandra",),
    "snapshot.again": ("limit.cassandra",),
}
"""Our figure → those it is compared with; {rate} stands for each rate that was measured."""
PEER_RATE = 1000
"""The rate at which peers are measured."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    what: str
    value: str
    spread: str
    against: str
    ratio: float | None
    """Ours over the other, so that above 1 is better than it; None where nothing is compared."""
    is_failure: bool = False


def rows(figures: Sequence[Figure], failures: Iterable[Failure]) -> list[Row]:
    """A line for each figure, one for each of its comparisons, and one for each failure."""
    by_name = {figure.name: figure for figure in figures}
    lines: list[Row] = []
    for figure in figures:
        lines += _of_figure(figure, by_name)
    lines += [Row(f.name, "FAILED", "", f.sentence, None, is_failure=True) for f in failures]
    return lines


def ratio(ours: Figure, other: float) -> float | None:
    """Ours against another value of the same unit: above 1 is better; None against nothing."""
    median = ours.spread.median
    if not other or not median:
        return None
    return other / median if ours.better == LOWER else median / other


def number(value: float) -> str:
    """Three digits that matter, thousands set apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def compared_with(name: str) -> tuple[str, ...]:
    """Names of the figures that a figure is compared with."""
    if name in COMPARED:
        return COMPARED[name]
    for pattern, others in COMPARED.items():
        if name == pattern.format(rate=PEER_RATE):
            return tuple(other.format(rate=PEER_RATE) for other in others)
    return ()


def _of_figure(figure: Figure, by_name: dict[str, Figure]) -> list[Row]:
    value = f"{number(figure.spread.median)} {figure.unit}"
    runs = figure.spread
    shown = (
        f"{runs.runs} runs, {number(runs.low)}–{number(runs.high)}" if runs.runs > 1 else "1 run"
    )
    against: list[tuple[str, float]] = []
    if figure.goal is not None:
        against.append((f"goal {number(figure.goal)}", figure.goal))
    if figure.stretch is not None:
        against.append((f"stretch goal {number(figure.stretch)}", figure.stretch))
    for name in compared_with(figure.name):
        if (other := by_name.get(name)) is not None:
            median = other.spread.median
            against.append((f"{name}: {number(median)}", median))
    if not against:
        return [Row(figure.what, value, shown, "", None)]
    first, *rest = [(text, ratio(figure, other)) for text, other in against]
    return [
        Row(figure.what, value, shown, *first),
        *(Row("", "", "", text, found) for text, found in rest),
    ]
