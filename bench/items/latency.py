"""Item 1: commit → visible by a read in Cassandra, single-row transactions in an open loop."""

from collections.abc import Sequence

from bench.figure import Figure, Measured, Series
from bench.measure import Observed, on_schedule
from bench.noise import figure
from bench.percentiles import percentile
from bench.rows import key
from bench.schedule import Schedule
from bench.stack import Stack
from bench.stages import NAMES, lags, moments, monotonic_offset

PERCENTS = (50, 90, 99, 100)
GOALS = {(1000, 50): (15.0, 10.0), (1000, 99): (80.0, 50.0)}
WHAT = "when its commit was due → found by a read in Cassandra"


def measure(stack: Stack, rate: int, seconds: int, name: str = "pipeline") -> Measured:
    """One run at a rate.

    Raises:
        CannotMeasure: rows did not become visible.
    """
    since = stack.readable()
    observed = on_schedule(stack, Schedule(rate, seconds))
    measured = Measured(figures(observed.latencies, rate, name))
    measured.figures.append(
        figure(f"latency.{rate}.{name}", f"{name}: {rate} commits/s", observed.cost.noise)
    )
    measured.facts[f"latency.{rate}.{name}"] = facts(observed)
    measured.series.append(distribution(observed.latencies, rate, name))
    if name == "pipeline":
        measured.series += _stage_series(stack, observed, since, rate)
    return measured


def figures(latencies: Sequence[float], rate: int, name: str) -> list[Figure]:
    """p50, p90, p99 and the maximum; `name` is who applied the changes."""
    made = []
    for percent in PERCENTS:
        goal, stretch = (
            GOALS.get((rate, percent), (None, None)) if name == "pipeline" else (None, None)
        )
        label = "max" if percent == 100 else f"p{percent}"
        made.append(
            Figure(
                f"latency.{rate}.{name}.{label}",
                f"{name}: {rate} single-row commits/s, {WHAT}, {label}",
                "ms",
                (round(percentile(latencies, percent), 2),),
                goal=goal,
                stretch=stretch,
            )
        )
    return made


def facts(observed: Observed) -> dict[str, object]:
    """What one has to know of a run to believe it."""
    commit = observed.from_commit
    return {
        "watched_rows": len(observed.arrivals),
        "transactions": observed.sent.transactions,
        "from_return_of_commit_ms": {
            f"p{p}": round(percentile(commit, p), 2) for p in (50, 90, 99, 100)
        },
        "sender_latest_ms": round(1000 * observed.sent.latest, 1),
        "resolution_p99_ms": round(observed.resolution, 2),
        "cpu_seconds": dict(observed.cost.cpu_seconds),
        "stolen_percent": observed.cost.noise.stolen_percent,
    }


def distribution(latencies: Sequence[float], rate: int, name: str) -> Series:
    """The share of commits that took longer than so many ms."""
    ordered = sorted(latencies)
    count = len(ordered)
    step = max(1, count // 2000)
    points = [(ordered[i], 100 * (count - i) / count) for i in range(0, count, step)]
    points.append((ordered[-1], 100 / count))
    return Series(
        f"latency-distribution-{rate}",
        f"Latency at {rate} commits/s: share of commits that took longer",
        "ms",
        "% of commits",
        {name: points},
        log_x=True,
        log_y=True,
    )


def _stage_series(
    stack: Stack, observed: Observed, since: dict[int, int], rate: int
) -> list[Series]:
    offset = monotonic_offset()
    passed = moments(
        stack, since, {key(observed.run, a.number): a.number for a in observed.arrivals}
    )
    lines: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
    for arrival in observed.arrivals:
        at = arrival.intended - observed.sent.began
        spent = lags(passed[arrival.number], arrival.seen.at + offset)
        for name, milliseconds in zip(NAMES, spent, strict=True):
            lines[name].append((round(at, 3), round(milliseconds, 2)))
    whole = [
        (round(a.intended - observed.sent.began, 3), round(1000 * (a.seen.at - a.intended), 2))
        for a in observed.arrivals
    ]
    return [
        Series(
            f"stages-{rate}", f"Lag of each stage at {rate} commits/s", "s", "ms", lines, log_y=True
        ),
        Series(
            f"latency-over-time-{rate}",
            f"Latency at {rate} commits/s over time",
            "s",
            "ms",
            {"due → visible": whole},
            log_y=True,
        ),
    ]
