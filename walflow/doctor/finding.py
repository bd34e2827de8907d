"""A finding: what is wrong with a setting, how bad that is, where it stands and what mends it."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    LOSES = "loses data"
    """Changes are lost, or will be with the next restart, outage or delete."""
    STALLS = "stalls"
    """Capture or the stream stands still, or will; nothing is lost by that alone."""
    KNOW = "worth knowing"


class Tool(StrEnum):
    """What a fix is given to."""

    SHELL = "shell"
    POSTGRESQL = "PostgreSQL"
    CASSANDRA = "Cassandra"
    EDITOR = "editor"
    """A sentence: only a person can decide or do it."""


@dataclass(frozen=True, slots=True)
class Fix:
    command: str
    tool: Tool = Tool.SHELL
    at: str = ""
    """Address of the server, and the database of PostgreSQL."""

    @property
    def text(self) -> str:
        match self.tool:
            case Tool.SHELL:
                return f"Run: {self.command}"
            case Tool.EDITOR:
                return self.command
            case _:
                return f"Run in {self.tool.value} ({self.at}): {self.command}"


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    subject: str
    """The connector, slot, table or topic that it is about."""
    what: str
    """A sentence."""
    where: str
    """File and line of this repository, or the server and its setting."""
    fixes: tuple[Fix, ...]
    """One after the other."""
    check: str = ""
    """Name of the check that found it."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def shell(command: str) -> tuple[Fix, ...]:
    return (Fix(command),)


def by_hand(sentence: str) -> tuple[Fix, ...]:
    return (Fix(sentence, Tool.EDITOR),)
