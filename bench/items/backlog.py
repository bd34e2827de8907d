"""Items 3 and 4, and the peers that read the same topic: how fast what waits is applied."""

from bench.figure import HIGHER, Figure, Measured, Series
from bench.measure import Backlog, Drained, drain, fill, rate_over_time
from bench.stack import Stack

DRAIN_GOALS = (15_000.0, 25_000.0)
SNAPSHOT_GOALS = (12_000.0, 20_000.0)
"""Events and rows a second: the one to reach, and the one to try for."""


def load_into_kafka(stack: Stack, events: int) -> Backlog:
    """A backlog in Kafka: committed, captured, and applied by nobody yet. The stream must not run."""
    backlog = fill(stack, events)
    stack.await_captured()
    return backlog


def snapshot(stack: Stack, rows: int) -> Measured:
    """Rows that were there before the connector, by Debezium's initial snapshot."""
    backlog = fill(stack, rows, rows=1000)
    drained = drain(stack, backlog, stack.connect)
    return of(
        drained,
        "snapshot",
        f"snapshot of {rows} rows, first row → last row visible in Cassandra",
        *SNAPSHOT_GOALS,
        whole="the connector's creation",
    )


def snapshot_again(stack: Stack, rows: int) -> Measured:
    """The same where all but the stream have run for a while; the connector begins anew."""
    stack.stop("stream")
    stack.start_over()
    stack.pause_capture()
    backlog = fill(stack, rows, rows=1000)
    stack.forget_capture()
    stack.up(["stream"])
    drained = drain(stack, backlog, stack.resume_capture)
    return of(
        drained,
        "snapshot.again",
        f"the same of {rows} other rows, by servers that have run for a while",
        *SNAPSHOT_GOALS,
        whole="the connector's resumption",
    )


def of(
    drained: Drained,
    name: str,
    what: str,
    goal: float | None = None,
    stretch: float | None = None,
    whole: str = "the start of its process",
) -> Measured:
    """The figures of a drain, its curve and its cost.

    Args:
        whole: what it was started by, for its second figure.
    """
    rate = round(drained.events_per_second, 1)
    curve = rate_over_time([seen.at for seen in drained.seen], drained.events_apart)
    return Measured(
        [
            Figure(name, what, "events/s", (rate,), HIGHER, goal, stretch),
            Figure(
                f"{name}.whole",
                f"the same, from {whole}",
                "events/s",
                (round(drained.events / drained.seconds, 1),),
                HIGHER,
            ),
        ],
        [
            Series(
                "drain-over-time",
                "A backlog applied, second by second",
                "s",
                "events/s",
                {name: curve},
            )
        ],
        {
            name: {
                "events": drained.events,
                "seconds_to_first_row": round(drained.first_after, 2),
                "seconds": round(drained.seconds, 2),
                "disk_stood_still_seconds": drained.cost.noise.slow_disk_seconds,
                **drained.cost.facts(drained.events),
            }
        },
    )
