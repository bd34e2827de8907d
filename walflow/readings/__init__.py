"""One look at the whole pipeline, from the users table to Cassandra, and what follows from two looks."""
