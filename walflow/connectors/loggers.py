"""Log levels of Connect's workers, changed while they run.

Source: KIP-495; KIP-976 for the scope, which workers before Kafka 3.7 do not know: they change only
themselves.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from walflow.connectors.transport import Transport, require_ok


class Level(StrEnum):
    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    FATAL = "FATAL"
    OFF = "OFF"


class Scope(StrEnum):
    CLUSTER = "cluster"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Logger:
    name: str
    level: str
    changed_ms: int | None
    """When its level was changed since the worker began, milliseconds since the epoch."""

    @property
    def changed_at(self) -> str:
        if self.changed_ms is None:
            return ""
        return datetime.fromtimestamp(self.changed_ms / 1000, UTC).isoformat(timespec="seconds")

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "level": self.level, "changed_at": self.changed_at or None}


def levels(transport: Transport) -> list[Logger]:
    """The loggers of the worker whose level is set explicitly.

    Raises:
        WalflowError: Connect does not answer.
    """
    answer = transport.read("/admin/loggers", "the list of loggers")
    return [
        Logger(name, entry["level"], entry.get("last_modified"))
        for name, entry in sorted(answer.items())
    ]


def set_level(transport: Transport, name: str, level: Level, scope: Scope) -> None:
    """Change the level of a logger and of those below it, until the worker ends.

    The other workers of a cluster take it up soon after, not at once.

    Raises:
        WalflowError: Connect does not answer, or refuses.
    """
    path = f"/admin/loggers/{quote(name, safe='')}?scope={scope}"
    require_ok(transport.call("PUT", path, {"level": level.value}), f"logger {name}")
