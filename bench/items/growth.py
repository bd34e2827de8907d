"""Item 8: how time and memory grow with partitions, tables, row width and backlog."""

from bench.figure import HIGHER, Figure, Measured, Series
from bench.items.backlog import DRAIN_GOALS, load_into_kafka
from bench.measure import Backlog, Drained, drain, fill
from bench.rows import USERS, Table, like_users, wide
from bench.stack import SOURCE_SIDE, STREAM_SIDE, Shape, Stack, stack

GOALS = {"growth.backlog.1000000": DRAIN_GOALS}
MOST_REAL_TIME_TABLES = 10
"""Each partition keeps a Python worker in real-time mode, of some 120 MB."""


def by_backlog(running: Stack, sizes: tuple[int, ...]) -> Measured:
    """Backlogs of several sizes, each on top of the rows before it. The stream must not run."""
    points = []
    for events in sizes:
        backlog = load_into_kafka(running, events)
        points.append((events, _drained(running, backlog)))
    return _grown("backlog", "events that wait in Kafka", points)


def by_width(running: Stack, tables: tuple[Table, ...], events: int) -> Measured:
    """Rows of several widths, each table drained by itself. The stream must not run."""
    points = []
    for table in tables:
        backlog = fill(running, events, table=table)
        running.await_captured()
        points.append((len(table.columns) + 1, _drained(running, backlog)))
    return _grown("width", "columns of a row", points)


def width_tables(widths: tuple[int, ...]) -> tuple[Table, ...]:
    return tuple(wide(columns) for columns in widths)


def by_partitions(partitions: tuple[int, ...], events: int) -> Measured:
    """One table, its topic in several numbers of partitions; a stack for each."""
    points = []
    for count in partitions:
        shape = Shape(partitions=count, slots=max(count, 2))
        with stack(shape, _BEFORE_STREAM) as running:
            running.connect()
            running.await_captured()
            backlog = load_into_kafka(running, events)
            points.append((count, _drained(running, backlog)))
    return _grown("partitions", "partitions of the topic", points)


def by_tables(counts: tuple[int, ...], events: int) -> Measured:
    """The same number of events spread over several tables, one partition each; a stack for each."""
    points = []
    for count in counts:
        tables = tuple(like_users(f"bench_t{i:03}") for i in range(1, count))
        trigger = "real-time" if count <= MOST_REAL_TIME_TABLES else "micro-batch"
        shape = Shape(partitions=1, slots=max(count, 2), trigger=trigger, tables=tables)
        if trigger == "micro-batch":
            shape = Shape(partitions=1, slots=8, trigger=trigger, tables=tables)
        with stack(shape, _BEFORE_STREAM) as running:
            running.connect()
            running.await_captured()
            backlogs = [fill(running, events // count, table=table) for table in (USERS, *tables)]
            running.await_captured()
            points.append((count, _drained(running, *backlogs[::-1])))
    return _grown("tables", "captured tables (above 10: micro-batches)", points)


_BEFORE_STREAM = (*SOURCE_SIDE, *(name for name in STREAM_SIDE if name != "stream"))


def _drained(running: Stack, backlog: Backlog, *others: Backlog) -> Drained:
    try:
        drained = drain(running, backlog, lambda: running.up(["stream"]), others)
    finally:
        running.stop("stream")
    return drained


def _grown(name: str, what: str, points: list[tuple[int, Drained]]) -> Measured:
    """Rate and memory over what grows."""
    memory = {"all processes": [(float(x), sum(d.cost.peak_megabytes.values())) for x, d in points]}
    for role in ("python-workers", "spark-executor", "cassandra", "connect"):
        memory[role] = [(float(x), d.cost.peak_megabytes.get(role, 0.0)) for x, d in points]
    rates = [(float(x), round(d.events_per_second, 1)) for x, d in points]
    figures = []
    for x, rate in rates:
        key = f"growth.{name}.{int(x)}"
        text = f"drain at {int(x)} {what}"
        figures.append(Figure(key, text, "events/s", (rate,), HIGHER, *GOALS.get(key, ())))
    return Measured(
        figures,
        [
            Series(
                f"growth-{name}-rate",
                f"Drain by {what}",
                what,
                "events/s",
                {"rate": rates},
                log_x=True,
            ),
            Series(f"growth-{name}-memory", f"Memory by {what}", what, "MB", memory, log_x=True),
        ],
        {
            f"growth.{name}": {
                str(x): {
                    "events": d.events,
                    "seconds_to_first_row": round(d.first_after, 2),
                    "cpu_seconds": dict(d.cost.cpu_seconds),
                }
                for x, d in points
            }
        },
    )
