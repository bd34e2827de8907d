"""What the stack needs to know of a service, whatever it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

HALTED = 79
"""Exit code of a service that would stop at the same place again: it is not restarted by itself."""
YIELDING = ("nice", "-n", "10")
"""Before the command of a service that computes much: what moves changes goes first."""


class NotReady(Exception):
    """The condition does not hold yet; the message says what is missing."""


@dataclass(frozen=True)
class Readiness:
    """A named condition that makes a service usable, which is more than that it listens."""

    condition: str
    check: Callable[[], None]
    """Returns when the condition holds and raises `NotReady` while it does not."""


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Service:
    """One supervised process of the stack."""

    name: str
    command: tuple[str, ...]
    readiness: Readiness
    needs: tuple[str, ...] = ()
    """Names of the services that must be ready before this one is started."""
    beside: tuple[str, ...] = ()
    """Names of the services that must be up too, for which this one waits by itself."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Setting under `[ports]` → port it listens on, offset included."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    """Operating-system user to run as; None for the user who runs walflow."""
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    """How long it may take to end before it is killed."""
    url: str = ""
    """What a person opens or connects to."""
    prepare: Callable[[], None] = _nothing
    """Before the process starts: directories, rendered configuration, first-time set-up."""
    after_ready: Callable[[], None] = _nothing
    """Once ready, before anything that needs it: schemas, topics. May raise `NotReady` too."""
