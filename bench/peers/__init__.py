"""What the pipeline is held against: its own limits, and other ways to do the same."""
