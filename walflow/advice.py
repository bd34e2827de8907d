"""Commands in sentences, as a reader types them: for the mode that is in force here.

A plain `walflow up` acts in the mode that pipeline.toml names. Where another is in force, by --mode, by
WALFLOW_MODE or within a container, each command names it: a reader's other shells know nothing of it.
"""

import tomllib
from functools import cache
from pathlib import Path

from walflow import settings


def program() -> str:
    """What a command line begins with: `walflow`, with the mode where a plain one would mean another."""
    mode = settings.load().mode
    return "walflow" if mode == _mode_in(settings.SETTINGS_FILE) else f"walflow --mode {mode}"


def typed(command: str) -> str:
    """A command line of walflow.

    Args:
        command: without the program's name: `up kafka`.
    """
    return f"{program()} {command}"


def ticked(command: str) -> str:
    """The same in backticks, as it stands in a sentence."""
    return f"`{typed(command)}`"


@cache
def _mode_in(file: Path) -> str:
    """Empty where the file names none."""
    return str(tomllib.loads(file.read_text()).get("mode", ""))
