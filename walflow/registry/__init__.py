"""The Schema Registry, looked at: which schemas there are, how they differ, what would fit."""
