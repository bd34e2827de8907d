"""Readings of a pipeline in which all is well, for tests to change what they are about."""

from walflow.readings.judging import judged
from walflow.readings.reading import (
    Applied,
    Broker,
    ConnectorReading,
    DeadLetters,
    Ingest,
    PartitionReading,
    Reading,
    Slot,
    Source,
    Stream,
    TableLag,
    TopicReading,
    Wal,
    Writes,
)

TOPIC = "cdc.public.users"
NOW = 1_000_000.0
SLOT = Slot(
    name="walflow",
    is_captures=True,
    is_active=True,
    wal_status="reserved",
    invalidation=None,
    confirmed=900,
    sent=1000,
    retained_bytes=100,
    lag_bytes=100,
    lag_ms=0.0,
    limit_bytes=4 * 2**30,
    left_bytes=4 * 2**30 - 100,
)
SOURCE = Source(Ingest((Writes("public.users", 10, 5, 1),), ()), Wal(1000), (SLOT,))
CONNECTOR = ConnectorReading("users", "source", True, "RUNNING", ("RUNNING",), "")
BROKER = Broker(
    (
        TopicReading(
            TOPIC,
            "6d0b6f0e-0000-0000-0000-000000000001",
            "public.users",
            (PartitionReading(0, 0, 10, 10), PartitionReading(1, 0, 20, 20)),
        ),
    )
)
STREAM = Stream(True, 2, NOW, (Applied(TOPIC, 0, 8, NOW - 20, NOW - 10, NOW),))
LAG = TableLag("public.users", "spark_streams.users", TOPIC, 30, 28, 0, True, 0.0, 20.0, NOW - 20)


def healthy() -> Reading:
    """Judged."""
    return judged(
        Reading(
            taken_at_ms=NOW,
            took_ms=5.0,
            source=SOURCE,
            connectors=(CONNECTOR,),
            broker=BROKER,
            stream=STREAM,
            dead_letters=DeadLetters("walflow.deadletters", 0, 0, None),
            tables=(LAG,),
            last_verify=None,
            last_canary=None,
        )
    )
