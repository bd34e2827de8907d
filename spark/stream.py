"""spark-submit's entry: Debezium's topics, applied to Cassandra."""

import os
import sys

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import array, col, explode, lit, when
from pyspark.sql.streaming import DataStreamWriter

from change_stream.config import StreamConfig
from change_stream.task import INPUT_COLUMNS, apply_changes
from walflow.errors import WalflowError
from walflow.settings import Settings, load

MICRO_BATCH_RECORDS = 2000
"""Records in one Arrow batch where a batch is full of records anyway."""


def stream_config(settings: Settings) -> StreamConfig:
    """Bounds from pipeline.toml; addresses from the environment, since they differ by mode."""
    stream = settings.stream
    return StreamConfig(
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        registry_url=os.environ["SCHEMA_REGISTRY_URL"],
        cassandra_hosts=tuple(os.environ["CASSANDRA_HOSTS"].split(",")),
        cassandra_port=int(os.environ["CASSANDRA_PORT"]),
        keyspace=settings.cassandra.keyspace,
        consistency=settings.cassandra.consistency,
        topic_prefix=settings.topics.prefix,
        dead_letters=settings.topics.dead_letters,
        group_rows=stream.group_rows,
        group_bytes=stream.group_kilobytes * 1024,
        groups_in_flight=stream.groups_in_flight,
        pending_rows=stream.pending_rows,
        retry_seconds=stream.write_retry_seconds,
    )


def start(spark: SparkSession, settings: Settings, config: StreamConfig) -> None:
    """Run the stream until it fails or is stopped."""
    prefix = config.topic_prefix.replace(".", "\\.")
    reader = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", config.bootstrap_servers)
        # Tables of every schema but walflow's own, whose heartbeat is no data.
        .option("subscribePattern", rf"{prefix}\.(?!walflow\.).*")
        .option("kafka.isolation.level", "read_committed")
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("includeHeaders", "true")
    )
    if settings.stream.trigger == "micro-batch":
        reader = reader.option("maxOffsetsPerTrigger", settings.stream.max_offsets_per_trigger)
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", MICRO_BATCH_RECORDS)
        source = reader.load().selectExpr(*INPUT_COLUMNS)
    else:
        source = _pushed(reader.load().selectExpr(*INPUT_COLUMNS))
    applied = source.mapInArrow(apply_changes(config), "applied long")
    writer = (
        applied.writeStream.format("noop")
        .queryName("changes")
        .outputMode("update")
        .option("checkpointLocation", os.environ["CHECKPOINT_LOCATION"])
    )
    _triggered(writer, settings).start().awaitTermination()


def _pushed(records: DataFrame) -> DataFrame:
    """Each record followed by an empty row, which pushes it to Python at once.

    Spark 4.2 asks for the row after a full Arrow batch before it sends the batch
    (BatchedPythonArrowInput.writeSizedBatch), so without company a record would wait for the next
    one, or for the end of the real-time batch. The empty row waits in its place.
    """
    doubled = records.withColumn("real", explode(array(lit(True), lit(False))))
    return doubled.select(*(when(col("real"), col(name)).alias(name) for name in records.columns))


def _triggered(writer: DataStreamWriter, settings: Settings) -> DataStreamWriter:
    if settings.stream.trigger == "micro-batch":
        return writer.trigger(processingTime="0 seconds")
    return writer.trigger(realTime=f"{settings.stream.batch_seconds} seconds")


def main() -> int:
    try:
        settings = load()
        spark = SparkSession.builder.getOrCreate()
        start(spark, settings, stream_config(settings))
    except WalflowError as error:
        print(error.sentence, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
