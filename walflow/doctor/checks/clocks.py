"""Clocks of the servers against that of this machine."""

from collections.abc import Iterator

from walflow.doctor.finding import Finding, Severity, by_hand
from walflow.doctor.servers.all import Servers

TOLERATED_SECONDS = 1.0


def skewed_clocks(servers: Servers) -> Iterator[Finding]:
    """Nothing is ordered by a clock, but lag is told by them, and retention goes by them."""
    clocks = [(f"PostgreSQL at {source.at}", source.skew_seconds) for source in servers.sources]
    if servers.cassandra is not None:
        clocks.append((f"Cassandra at {servers.cassandra.at}", servers.cassandra.skew_seconds))
    for what, skew in clocks:
        if abs(skew) > TOLERATED_SECONDS:
            yield Finding(
                Severity.KNOW,
                what,
                f"The clock of {what} is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this"
                " machine's: lags are wrong by as much.",
                what,
                by_hand("Have NTP set the clocks of all machines (chrony or systemd-timesyncd)."),
            )
