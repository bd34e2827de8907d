"""Debezium change events applied to Cassandra, exactly: decode, mutate, write."""
