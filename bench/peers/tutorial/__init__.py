"""The job as the tutorials build it: Spark 3.5, its Kafka source, DataStax's connector, micro-batches.

Connector page: github.com/datastax/spark-cassandra-connector, "Structured Streaming".
"""
