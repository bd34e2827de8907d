"""When each transaction is due, whatever became of those before it, and which of them are watched."""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_WATCHED_PER_SECOND = 25
"""Each watched row costs a dozen reads. 200 of them a second, asked for every 2 ms, took a third of what
Cassandra did."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An open loop: transaction n is due n / rate seconds after the beginning.

    A sender that is late sends at once and counts from the time at which it should have sent. A
    closed loop would wait while the system is slow, and so leave out what it is to measure
    ("coordinated omission").
    """

    rate: float
    """Transactions a second."""
    seconds: float

    @property
    def count(self) -> int:
        return round(self.rate * self.seconds)

    def due(self, number: int) -> float:
        """Seconds from the beginning."""
        return number / self.rate

    def of_sender(self, sender: int, senders: int) -> range:
        """The transactions of one of several senders: every n-th."""
        return range(sender, self.count, senders)

    @property
    def stride(self) -> int:
        """Every so many transactions, one is watched."""
        return stride(self.rate)

    def watched(self) -> Iterator[int]:
        return iter(range(0, self.count, self.stride))


def stride(rate: float, most: float = MAX_WATCHED_PER_SECOND) -> int:
    """The smallest distance between watched transactions that keeps to a number of them a second.

    Raises:
        ValueError: a rate that is not above 0.
    """
    if rate <= 0:
        raise ValueError(f"{rate} transactions a second are no load")
    return max(1, -int(-rate // most))
