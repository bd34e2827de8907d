"""How large a run of the suite is: five minutes, or long enough to believe its figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    name: str
    runs: int
    warm_up_seconds: int
    """Load before anything is measured: Java compiles meanwhile, which takes a core for minutes."""
    rates: tuple[int, ...]
    """Single-row transactions a second."""
    latency_seconds: int
    """Of the pipeline, at each rate; FULL's are longer than a batch, so that its end counts too."""
    peer_latency_seconds: int
    sustained_seconds: int
    backlog_events: int
    peer_events: int
    """Rows that are written to Cassandra by itself."""
    snapshot_rows: int
    requests: int
    """Of the users API, which has no more than 10,000 pages of one seed."""
    growth_events: int
    partitions: tuple[int, ...]
    tables: tuple[int, ...]
    widths: tuple[int, ...]
    backlogs: tuple[int, ...]
    whole: bool
    """Also the peers that take longest to start, and the rows of other shapes."""


QUICK = Sizes(
    name="quick",
    runs=1,
    warm_up_seconds=10,
    rates=(100, 1000),
    latency_seconds=5,
    peer_latency_seconds=5,
    sustained_seconds=5,
    backlog_events=15_000,
    peer_events=15_000,
    snapshot_rows=15_000,
    requests=3_000,
    growth_events=5_000,
    partitions=(1, 2),
    tables=(1, 3),
    widths=(10, 50),
    backlogs=(5_000, 20_000),
    whole=False,
)

FULL = Sizes(
    name="full",
    runs=3,
    warm_up_seconds=120,
    rates=(100, 1000, 3000),
    latency_seconds=300,
    peer_latency_seconds=60,
    sustained_seconds=30,
    backlog_events=300_000,
    peer_events=200_000,
    snapshot_rows=1_000_000,
    requests=10_000,
    growth_events=50_000,
    partitions=(1, 2, 4, 8),
    tables=(1, 10, 100),
    widths=(10, 25, 50, 100, 200),
    backlogs=(10_000, 100_000, 1_000_000),
    whole=True,
)
