"""Spark's slots against the partitions that the stream reads."""

from collections.abc import Iterator

from walflow.advice import typed
from walflow.capture.topics import stream_topics
from walflow.doctor.finding import Finding, Severity, by_hand, shell
from walflow.doctor.servers.all import Servers
from walflow.settings import place_of


def partitions_without_slot(servers: Servers) -> Iterator[Finding]:
    """In real-time mode a task keeps its slot for the whole batch: the others wait for ever."""
    if servers.kafka is None or servers.settings.stream.trigger != "real-time":
        return
    names = stream_topics(servers.settings, list(servers.kafka.topics))
    partitions = sum(len(servers.kafka.topics[name].topic.partitions) for name in names)
    slots = servers.spark.slots if servers.spark is not None else servers.settings.stream.slots
    if partitions > slots:
        yield Finding(
            Severity.STALLS,
            "stream",
            f"The stream reads {partitions} partitions of {len(names)} topics and has {slots} slots: in"
            " real-time mode a batch of it cannot begin.",
            place_of("stream", "slots"),
            by_hand(
                f'Set stream.slots = {partitions} or more, or stream.trigger = "micro-batch", in'
                f" pipeline.toml, and run: {typed('restart spark-worker stream')}"
            ),
        )


def fewer_slots(servers: Servers) -> Iterator[Finding]:
    """What runs was started by other settings."""
    wanted = servers.settings.stream.slots
    if servers.spark is not None and servers.spark.slots < wanted:
        yield Finding(
            Severity.KNOW,
            "stream",
            f"The stream runs with {servers.spark.slots} slots, and stream.slots is {wanted}.",
            place_of("stream", "slots"),
            shell(typed("restart spark-worker stream")),
        )
