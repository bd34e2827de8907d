"""Where output goes: data to stdout, messages to stderr, colour only on a terminal."""

from enum import StrEnum

from rich.console import Console
from rich.table import Table

MIN_WIDTH = 130
"""Tables are never cut: a narrower terminal wraps their lines."""

messages = Console(stderr=True, soft_wrap=True)
data = Console(width=max(MIN_WIDTH, Console().width))


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


def table(*columns: str) -> Table:
    """A table without frames, so that its lines can be read by other programs too."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        grid.add_column(column, no_wrap=True)
    return grid
