"""The checks of running servers: each a function of what the servers told."""
