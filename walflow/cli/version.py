"""version."""

from walflow import __version__


def version() -> None:
    """Print walflow's version."""
    print(__version__)
