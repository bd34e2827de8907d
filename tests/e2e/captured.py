"""What Debezium has written of one row, read from its topic."""

from typing import Any
from uuid import UUID

import kafka

from change_stream.schemas import SchemaRegistry
from walflow.settings import Settings
from walflow.stack.registry import confluent_url


def envelopes_of(settings: Settings, user: UUID) -> list[dict[str, Any]]:
    """The envelopes of a user, in the order of their partition; tombstones are left out."""
    registry = SchemaRegistry(confluent_url(settings), 10)
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=settings.address("kafka"), isolation_level="read_committed"
    )
    try:
        topic = settings.source_topic
        places = [kafka.TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(places)
        found = []
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    # The topic has other tests' malformed records too, which no one could decode.
                    if record.value and record.key and str(user).encode() in record.key:
                        found.append(registry.decode(record.value)[1])
        return found
    finally:
        consumer.close()
