"""Where one key is at every hop from PostgreSQL to Cassandra."""
