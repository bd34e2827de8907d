"""Where a change was when: the lag of each stage, from the records in Kafka and the reads in Cassandra.

PostgreSQL's commit time and Debezium's time of reading it are in the envelope, Connect's producer puts
its own into the record. Their clock is that of the machine, in microseconds and milliseconds; the
benchmark's clock does not jump, and is laid beside it once.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from bench.failure import CannotMeasure
from bench.stack import Stack
from change_stream.kafka_log import KafkaLog
from change_stream.schemas import SchemaRegistry
from walflow.stack.registry import confluent_url

REGISTRY_SECONDS = 30.0
NAMES = (
    "COMMIT logged → read by Debezium",
    "read by Debezium → sent to Kafka",
    "sent to Kafka → visible in Cassandra",
)


@dataclass(frozen=True, slots=True)
class Moments:
    """When a change passed each stage; seconds of the machine's clock."""

    committed: float
    captured: float
    produced: float


def monotonic_offset() -> float:
    """What is added to the monotonic clock to get the machine's."""
    before, wall, after = time.monotonic(), time.time(), time.monotonic()
    return wall - (before + after) / 2


def moments(stack: Stack, since: Mapping[int, int], keys: Mapping[UUID, int]) -> dict[int, Moments]:
    """Transaction → its moments, for the rows with these keys, from the records behind some offsets.

    Args:
        since: partition → first offset.
        keys: id of the row → transaction.

    Raises:
        CannotMeasure: a record is missing.
    """
    registry = SchemaRegistry(confluent_url(stack.settings), REGISTRY_SECONDS)
    found: dict[int, Moments] = {}
    with KafkaLog(stack.settings.address("kafka"), stack.topic()) as log:
        for partition, start in since.items():
            end = log.bounds(partition)[1]
            for record in log.read(partition, start, end):
                number = (
                    keys.get(UUID(registry.decode(record.key)[1]["id"])) if record.key else None
                )
                if number is None or record.value is None:
                    continue
                envelope = registry.decode(record.value)[1]
                found[number] = Moments(
                    envelope["source"]["ts_us"] / 1e6,
                    envelope["ts_us"] / 1e6,
                    record.timestamp_ms / 1e3,
                )
    if len(found) < len(keys):
        raise CannotMeasure(f"Kafka has {len(found)} of {len(keys)} watched changes.")
    return found


def lags(passed: Moments, visible: float) -> tuple[float, float, float]:
    """Milliseconds in each of the stages of `NAMES`.

    Args:
        visible: seconds of the machine's clock.
    """
    return (
        1000 * (passed.captured - passed.committed),
        1000 * (passed.produced - passed.captured),
        1000 * (visible - passed.produced),
    )
