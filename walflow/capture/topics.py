"""The topics of captured tables, and the Spark slots that their partitions need."""

import contextlib
import re
from collections.abc import Iterable, Mapping

import kafka.errors
from kafka.admin import NewTopic

from change_stream.restart_requests import RestartRequests
from change_stream.topic_watch import subscribed
from walflow.advice import typed
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.cassandra import cluster
from walflow.tables import TableRule, stream_pattern
from walflow.topics.clients import admin
from walflow.verify.target import failures_told

REAL_TIME = "real-time"


def stream_topics(settings: Settings, names: Iterable[str]) -> list[str]:
    """Those that the stream subscribes to."""
    pattern = re.compile(stream_pattern(settings.topics.prefix))
    return [name for name in names if pattern.fullmatch(name)]


def read_by_stream(settings: Settings) -> dict[str, int]:
    """Topic → partitions, of all topics that the stream reads.

    Raises:
        WalflowError: Kafka does not answer.
    """
    with admin(settings) as client:
        return subscribed(client, stream_pattern(settings.topics.prefix))


def require_slots(settings: Settings, present: Mapping[str, int], topic: str) -> None:
    """Refuse a new topic for whose partitions the stream has no slots.

    In real-time mode a task keeps its slot for its whole batch, so each partition needs one; the
    stream would stop at a topic too many.

    Raises:
        WalflowError: naming the setting, and the mode that needs fewer slots.
    """
    if settings.stream.trigger != REAL_TIME or topic in present:
        return
    needed = sum(present.values()) + settings.topics.partitions
    slots = settings.stream.slots
    if needed > slots:
        raise WalflowError(
            f"The stream has {slots} slots (stream.slots) and reads {sum(present.values())} partitions"
            f" of {len(present)} topics; {topic} would add {settings.topics.partitions}, and in"
            f" real-time mode each needs a slot. Set stream.slots to {needed} or more, or"
            ' stream.trigger = "micro-batch", which needs fewer, and run:'
            f" {typed('restart spark-worker stream')}. Nothing was changed.",
            ExitCode.USAGE,
        )


def create(settings: Settings, topic: str) -> None:
    """Make a table's topic, with the partitions that pipeline.toml says."""
    with admin(settings) as client, contextlib.suppress(kafka.errors.TopicAlreadyExistsError):
        new = NewTopic(topic, settings.topics.partitions, settings.topics.replication)
        client.create_topics([new])


def ask_stream_to_begin_anew(settings: Settings, reason: str) -> None:
    """Have the stream's query started again, which takes up new topics and forgets what it knew of
    targets; else its next batch would find the topic, and its tasks would write to a table that is
    gone.
    """
    with failures_told(), cluster(settings) as connected:
        RestartRequests(connected.connect()).add(reason)


def has_target(settings: Settings, rule: TableRule) -> bool:
    """Whether Cassandra has the table that a rule names."""
    with failures_told(), cluster(settings) as connected:
        connected.connect()
        keyspace = connected.metadata.keyspaces.get(rule.keyspace)
        return keyspace is not None and rule.table in keyspace.tables
