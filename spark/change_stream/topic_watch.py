"""Notices topics and partitions that a running real-time query does not read yet.

Spark looks for them where a batch begins, which in real-time mode is once in `stream.batch_seconds`; the
first changes of a new table would wait for that.
"""

import re
import time
from collections.abc import Callable

import kafka
from kafka.errors import KafkaError

LOOK_SECONDS = 2.0
"""Between two looks at Kafka; what came is taken up once a look finds no more of it."""
REQUEST_MS = 5_000

Partitions = frozenset[tuple[str, int]]
"""Topics, each with the number of its partitions."""


class TopicWatch:
    """Compares what Kafka has with what it had when the query was started.

    Args:
        look: the topics that the query subscribes to; raises KafkaError while Kafka is away.
    """

    def __init__(
        self, look: Callable[[], Partitions], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._clock = clock
        self._read: Partitions | None = None
        self._last: Partitions | None = None
        self._next = 0.0

    def begin(self) -> None:
        """A query is about to be started, and will read what there is now."""
        self._read = self._last = self._found()
        self._next = self._clock() + LOOK_SECONDS

    def new(self) -> list[str]:
        """Topics that the query does not read, or not in full; none while more are being made, or while
        Kafka is away."""
        if self._clock() < self._next:
            return []
        found = self._found()
        self._next = self._clock() + LOOK_SECONDS
        if found is None:
            return []
        if self._read is None:
            self._read = self._last = found
            return []
        is_steady, self._last = found == self._last, found
        return sorted(name for name, _ in found - self._read) if is_steady else []

    def _found(self) -> Partitions | None:
        try:
            return self._look()
        except (KafkaError, ValueError):  # kafka-python's for a broker that it cannot reach at all
            return None


class TopicList:
    """Asks Kafka for the topics whose whole name fits a pattern; a `look` for `TopicWatch`."""

    def __init__(self, bootstrap_servers: str, pattern: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._pattern = pattern
        self._admin: kafka.KafkaAdminClient | None = None

    def __call__(self) -> Partitions:
        """
        Raises:
            KafkaError, ValueError: Kafka does not answer.
        """
        if self._admin is None:
            self._admin = kafka.KafkaAdminClient(
                bootstrap_servers=self._bootstrap_servers,
                request_timeout_ms=REQUEST_MS,
                bootstrap_timeout_ms=REQUEST_MS,
            )
        return frozenset(subscribed(self._admin, self._pattern).items())


def subscribed(client: kafka.KafkaAdminClient, pattern: str) -> dict[str, int]:
    """Topic → partitions, of the topics whose whole name fits a pattern, as Spark subscribes to them.

    Raises:
        KafkaError: Kafka does not answer.
    """
    names = [name for name in client.list_topics() if re.fullmatch(pattern, name)]
    if not names:
        return {}
    return {each["name"]: len(each["partitions"]) for each in client.describe_topics(names)}
