"""A generation above everything that was ever written, so that repairs win, and changes over repairs.

A write by hand has the time of its clock, or whatever it names; the stream's stamps may be lower. So
the topic gets a generation whose epoch is above every write time that was found and above the present
time, and the query is started again: whatever the stream applies from then on has a higher stamp.
"""

import time
from collections.abc import Callable

import kafka.errors
from cassandra.cluster import Session

from change_stream.generations import Generations
from change_stream.restart_requests import RestartRequests
from change_stream.stamps import Generation
from walflow.advice import ticked
from walflow.capture import topics
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings

FURTHEST_US = 2**63 - 2**61
"""Where the search for a hidden write time ends."""
TOO_HIGH_US = 2**63 - 2**60
"""A write time from here on is not outbid: a write time is a signed number of 64 bits, and what is left
is for the offsets and for later generations."""
IN_FORCE_SECONDS = 120.0
"""A query starts again in about two seconds, the whole stream in twenty."""
POLL_SECONDS = 0.1


class TopicGenerations:
    """Raises the generation of one table's topic."""

    def __init__(
        self, settings: Settings, session: Session, topic: str, show: Callable[[str], None]
    ) -> None:
        self._topic = topic
        self._show = show
        self._generations = Generations(session, settings.address("kafka"))
        self._restarts = RestartRequests(session)
        if topic not in topics.read_by_stream(settings):
            raise WalflowError(
                f"Kafka has no topic {topic}: no change of the table was ever captured. See"
                f" {ticked('tables list')} and {ticked('connectors list')}.",
                ExitCode.NOT_READY,
            )

    def raise_above(self, write_time: int, reach_us: int = 0) -> Generation:
        """A generation above a write time and above the present time, once it is in force.

        It begins at the topic's present ends. When this returns, no query from before it runs, and
        whatever is committed from now on is stamped by it.

        Args:
            reach_us: how much further than the present time it has to reach.

        Raises:
            WalflowError: the stream does not start its query again.
        """
        reached = min(time.time_ns() // 1000 + reach_us, FURTHEST_US)
        new = self._registered(max(reached, write_time + 1))
        self._restarts.add(f"generation {new.number} of {self._topic}, for a repair")
        self._show(f"waiting until the stream stamps by generation {new.number}")
        give_up = time.monotonic() + IN_FORCE_SECONDS
        while not self._restarts.are_taken_up():
            if time.monotonic() > give_up:
                raise WalflowError(
                    f"The stream has not started its query again within {IN_FORCE_SECONDS:g} s, so the"
                    f" new generation of {self._topic} is not known to be in force, and nothing is"
                    f" mended without it. See {ticked('status')} and {ticked('logs stream')}; then run"
                    f" {ticked('repair')} again."
                )
            time.sleep(POLL_SECONDS)
        return new

    def _registered(self, at_least_us: int) -> Generation:
        try:
            # None: another process has registered one first, which may be too low.
            while (new := self._generations.raise_to(self._topic, None, at_least_us)) is None:
                continue
        except kafka.errors.KafkaError as error:
            raise WalflowError(
                f"Kafka does not tell of {self._topic}: {error!r}. See {ticked('status')}.",
                ExitCode.NOT_READY,
            ) from error
        return new
