"""Dead letters of the workload's tables: each is a change that did not arrive."""

import kafka
from kafka import TopicPartition

from tests.workload.tables import TABLES
from walflow.settings import Settings

Positions = dict[int, int]
"""Partition of the dead-letter topic → offset."""


def ends(settings: Settings) -> Positions:
    """Where the topic ends now."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=settings.address("kafka"))
    try:
        return _ends(consumer, settings.topics.dead_letters)
    finally:
        consumer.close()


def since(settings: Settings, start: Positions) -> list[str]:
    """`topic-partition@offset: reason` of each later dead letter of the workload's tables."""
    topic = settings.topics.dead_letters
    topics = {f"{settings.topics.prefix}.public.{table.name}" for table in TABLES}
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=settings.address("kafka"), consumer_timeout_ms=3000
    )
    found = []
    try:
        places = {TopicPartition(topic, p): offset for p, offset in start.items()}
        if all(_ends(consumer, topic)[place.partition] == o for place, o in places.items()):
            return []
        consumer.assign(list(places))
        for place, offset in places.items():
            consumer.seek(place, offset)
        for record in consumer:
            about = {name: (value or b"").decode() for name, value in record.headers}
            if about.get("walflow.topic") in topics:
                found.append(_text({k.removeprefix("walflow."): v for k, v in about.items()}))
    finally:
        consumer.close()
    return found


def _ends(consumer: kafka.KafkaConsumer, topic: str) -> Positions:
    partitions = consumer.partitions_for_topic(topic) or set()
    ends = consumer.end_offsets([TopicPartition(topic, p) for p in partitions])
    return {place.partition: int(end) for place, end in ends.items()}


def _text(about: dict[str, str]) -> str:
    return f"{about['topic']}-{about['partition']}@{about['offset']}: {about['reason']}"
