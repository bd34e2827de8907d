"""The servers of local mode: one file per service, and their supervision."""
