"""The daemon that Spark forks its Python workers from, with all that they need imported already.

A worker would import for 2 s of CPU by itself, which a start of the query with many partitions pays
for each of them. Spark starts it as `spark.python.daemon.module` and names the worker's module to it.
"""

import gc
import os

import pandas
import pyarrow
import pyspark.worker
from pyspark.daemon import manager
from pyspark.sql.conversion import ArrowBatchTransformer

import change_stream.aggregation.task
import change_stream.task

FOR_THE_WORKERS = (
    change_stream.aggregation.task,
    change_stream.task,
    pandas,
    pyarrow,
    pyspark.worker,
)
"""Imported before the first fork, and shared in memory by all that follow."""

READ_BYTES = "65536"
"""A worker reads as much as has come. Java's buffer of 64 bytes, which is there to send each record at
once, would have it ask the kernel for a record in pieces."""


def flattened(batch: pyarrow.RecordBatch, column_index: int = 0) -> pyarrow.RecordBatch:
    """The columns that a struct column of a batch holds, as a batch.

    In place of Spark's own, which makes a schema in Python for each batch, and so for each record:
    10 µs, of which this takes 3.
    """
    return pyarrow.RecordBatch.from_struct_array(batch.column(column_index))


if __name__ == "__main__":
    ArrowBatchTransformer.flatten_struct = flattened
    os.environ["SPARK_BUFFER_SIZE"] = READ_BYTES
    # In the executor's folder, which goes with it, since a daemon that is killed leaves its socket.
    os.environ["PYTHON_WORKER_FACTORY_SOCK_DIR"] = os.curdir
    # A collection writes to each object that it looks at, and so copies what a worker shares: 41 MB of a
    # worker's memory were its own, 5 MB are. Objects that live as long as the process are left out.
    gc.collect()
    gc.freeze()
    manager()
