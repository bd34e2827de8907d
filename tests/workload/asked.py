"""What a test run is asked for by environment variables; docs/soak.md lists them."""

import os
import random

SEED = "WORKLOAD_SEED"
MINUTES = "SOAK_MINUTES"
KILLS = "SOAK_KILLS"


def seed() -> int:
    """The seed that was asked for, or one that no run had before."""
    return int(os.environ.get(SEED) or random.SystemRandom().randrange(1, 1_000_000))


def soak_minutes() -> float:
    """Length of each of the two long runs."""
    return float(os.environ.get(MINUTES, "25"))


def soak_kills() -> int:
    return int(os.environ.get(KILLS, "24"))
