"""The tutorial's job, for its own Spark 3.5: Kafka → from_avro → DataStax's Cassandra connector.

Runs in `.venv-tutorial` and imports nothing of this project. Arguments: bootstrap servers, registry,
topic, Cassandra's host, port, keyspace and table, checkpoint.
"""

import json
import sys
import urllib.request

from pyspark.sql import SparkSession
from pyspark.sql.avro.functions import from_avro
from pyspark.sql.functions import col, expr

MOMENTS = ("dob", "registered_date")
RECORDS_A_BATCH = 200_000
"""As in our own micro-batches."""


def main() -> None:
    servers, registry, topic, host, port, keyspace, table, checkpoint = sys.argv[1:]
    with urllib.request.urlopen(f"{registry}/subjects/{topic}-value/versions/latest") as answer:
        schema = json.load(answer)["schema"]
    spark = (
        SparkSession.builder.appName("tutorial")
        .config("spark.cassandra.connection.host", host)
        .config("spark.cassandra.connection.port", port)
        # The connector's advice for streams: keep connections, and more writes at a time than 5.
        .config("spark.cassandra.connection.keepAliveMS", "60000")
        .config("spark.cassandra.output.concurrent.writes", "32")
        .config("spark.cassandra.output.consistency.level", "LOCAL_QUORUM")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("WARN")
    changes = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("kafka.isolation.level", "read_committed")
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", RECORDS_A_BATCH)
        .load()
        .where("value IS NOT NULL")
        # Confluent's wire format: five bytes before the datum.
        .select(from_avro(expr("substring(value, 6)"), schema).alias("change"))
        .where("change.after IS NOT NULL")
        .select("change.after.*")
    )
    for name in MOMENTS:
        changes = changes.withColumn(name, col(name).cast("timestamp"))
    query = (
        changes.writeStream.format("org.apache.spark.sql.cassandra")
        .option("checkpointLocation", checkpoint)
        .option("keyspace", keyspace)
        .option("table", table)
        .outputMode("append")
        .start()
    )
    query.awaitTermination()


if __name__ == "__main__":
    main()
