"""A peer without Spark: a Python process a partition, with the stream's own decoding and writer.

It has neither checkpoints nor dead letters, so it is less than the stream; what it is faster by is the
price of Spark. `python -m bench.peers.plain_consumer TOPIC PARTITION` is one such process.
"""

import os
import sys
from typing import Any

import kafka
from kafka import TopicPartition

from bench.peers.processes import Processes
from bench.stack import Stack
from change_stream.config import stream_config
from change_stream.connections import connections, writer
from change_stream.record import Record
from walflow.settings import HOME, load
from walflow.stack.spark import addresses

NAME = "plain Python consumer"
POLL_RECORDS = 2000


class PlainConsumer:
    """The peer as the benchmark starts and stops it; it begins at the topic's first record."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._processes = Processes(stack, "plain-consumer")

    def start(self) -> None:
        topic = self._stack.topic()
        self._processes.start(
            [
                (sys.executable, "-m", __name__, topic, str(partition))
                for partition in range(self._stack.shape.partitions)
            ],
            addresses(self._stack.settings) | {"PYTHONPATH": f"{HOME}:{HOME / 'spark'}"},
        )

    def stop(self) -> None:
        self._processes.stop()

    def require_alive(self) -> None:
        """Raises CannotMeasure: it has ended."""
        self._processes.require_alive()


def consume(topic: str, partition: int) -> None:
    """Apply every record of a partition, for ever."""
    config = stream_config(load(), os.environ)
    connected = connections(config)

    def give_up(reason: Any) -> None:
        print(reason, flush=True)
        os._exit(1)

    target = writer(
        connected.session,
        config,
        refused=lambda record, reason: give_up(f"{record.place}: {reason}"),
        failed=give_up,
    )
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=config.bootstrap_servers,
        isolation_level="read_committed",
        group_id=None,
        fetch_max_wait_ms=5,
        max_poll_records=POLL_RECORDS,
    )
    place = TopicPartition(topic, partition)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    while True:
        for records in consumer.poll(timeout_ms=1000).values():
            for r in records:
                record = Record(topic, partition, r.offset, r.timestamp, r.key, r.value)
                short = connected.shortcuts.statement(record)
                if short is not None:
                    target.write(record, short, more=True)
                    continue
                found = connected.interpreter.change(record)
                if found is None:
                    continue
                for mutation in connected.interpreter.interpret(record, *found).mutations:
                    target.write(record, connected.statements.bind(mutation))
            target.push()


if __name__ == "__main__":
    consume(sys.argv[1], int(sys.argv[2]))
