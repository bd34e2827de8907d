"""How far consumer groups have come in a topic."""

from typing import Any

from kafka import TopicPartition

from walflow.settings import Settings
from walflow.topics.catalogue import Topic
from walflow.topics.clients import admin

MAX_GROUPS = 100


def lags(settings: Settings, topic: Topic) -> tuple[list[dict[str, Any]], int]:
    """The groups with an offset in the topic, and by how much each is behind each partition's end.

    The stream has no group: Spark keeps its offsets itself, and its lag comes with the readings.

    Returns:
        The groups by name, and how many of Kafka's groups were not asked for their offsets.

    Raises:
        WalflowError: Kafka does not answer.
    """
    with admin(settings) as client:
        known = {group["group_id"]: group for group in client.list_groups()}
        names = sorted(known)[:MAX_GROUPS]
        committed = client.list_group_offsets(names) if names else {}
    ends = {
        TopicPartition(topic.name, partition.number): partition.end
        for partition in topic.partitions
    }
    found = [
        {
            "group": name,
            "state": str(known[name].get("group_state", "")),
            "partitions": [
                {"number": place.partition, "offset": at.offset, "lag": max(0, end - at.offset)}
                for place, end in ends.items()
                if (at := committed[name].get(place)) is not None and at.offset >= 0
            ],
        }
        for name in names
        if any(place in ends for place in committed.get(name, {}))
    ]
    return found, len(known) - len(names)
