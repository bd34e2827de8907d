"""What a benchmark raises where it cannot measure."""

from walflow.errors import WalflowError


class CannotMeasure(WalflowError):
    """A sentence: what could not be measured, and why. Its row in the table says so; the run fails."""
