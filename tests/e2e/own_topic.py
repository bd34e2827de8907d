"""A topic of a test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from walflow.settings import Settings
from walflow.topics.clients import admin


@contextmanager
def topic_of_two_partitions(settings: Settings) -> Iterator[str]:
    """Its name; the topic is gone afterwards."""
    name = f"e2e_{uuid4().hex[:8]}"
    with admin(settings) as client:
        client.create_topics({name: {"num_partitions": 2, "replication_factor": 1}})
        client.wait_for_topics([name])
        yield name
        client.delete_topics([name])
