"""The command line of `walflow`."""
