"""The daemon that Spark forks its Python workers from, with all that they need imported already.

A worker would import for 2 s of CPU by itself, which a start of the query with many partitions pays
for each of them. Spark starts it as `spark.python.daemon.module` and names the worker's module to it.
"""

import gc
import os
from collections.abc import Iterator

import pandas
import pyarrow
import pyspark.worker
from pyspark.daemon import manager
from pyspark.sql.conversion import ArrowBatchTransformer
from pyspark.sql.pandas.serializers import ArrowStreamSerializer

import change_stream.aggregation.task
import change_stream.task
from change_stream.arrow_stream import Batch, Stream, batches

FOR_THE_WORKERS = (
    change_stream.aggregation.task,
    change_stream.task,
    pandas,
    pyarrow,
    pyspark.worker,
)
"""Imported before the first fork, and shared in memory by all that follow."""

READ_BYTES = 65536
"""A worker reads as much as has come, up to so much. Java's buffer of 64 bytes, which is there to send
each record at once, would have it ask the kernel for a record in pieces."""


def read_by_ourselves() -> None:
    """Have what `mapInArrow` calls given a `Batch` for each of Arrow's."""

    def load_stream(_: ArrowStreamSerializer, stream: Stream) -> Iterator[Batch]:
        return batches(stream)

    def flatten_struct(batch: Batch) -> Batch:
        return batch

    ArrowStreamSerializer.load_stream = load_stream
    ArrowBatchTransformer.flatten_struct = flatten_struct


if __name__ == "__main__":
    read_by_ourselves()
    os.environ["SPARK_BUFFER_SIZE"] = str(READ_BYTES)
    # In the executor's folder, which goes with it, since a daemon that is killed leaves its socket.
    os.environ["PYTHON_WORKER_FACTORY_SOCK_DIR"] = os.curdir
    # A collection writes to each object that it looks at, and so copies what a worker shares: 41 MB of a
    # worker's memory were its own, 5 MB are. Objects that live as long as the process are left out.
    gc.collect()
    gc.freeze()
    manager()
