"""What the stack needs of this machine, checked before anything is started."""

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from walflow.errors import WalflowError
from walflow.install.jars import DEPS
from walflow.install.prerequisites import require_java
from walflow.settings import HOME, Settings
from walflow.stack.airflow import AIRFLOW
from walflow.stack.catalogue import services
from walflow.stack.ports import require_free
from walflow.stack.supervision import Supervisor
from walflow.stack.unprivileged import account

GIGABYTE = 10**9
NEEDED_MEMORY_GIGABYTES = 6


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    finding: str
    """What was found or, where it failed, what is wrong and what to do."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(settings: Settings) -> Iterator[Check]:
    """All checks, one after the other, so that each can be shown as it is known."""
    yield check("settings", lambda: f"{HOME / 'pipeline.toml'} is valid")
    yield check("Java", require_java)
    yield check("installation", _installation)
    yield check("disk", lambda: _disk(settings))
    yield check("memory", _memory)
    yield check("loopback", _loopback)
    yield check("ports", lambda: _ports(settings))
    yield check("account", lambda: _account(settings))


def check(name: str, look: Callable[[], str]) -> Check:
    """A check's outcome: what `look` returns, or the sentence that it raises."""
    try:
        return Check(name, True, look())
    except WalflowError as error:
        return Check(name, False, error.sentence)


def _installation() -> str:
    parts = [DEPS / "kafka", DEPS / "cassandra", DEPS / "registry", DEPS / "spark", AIRFLOW]
    missing = [str(part.relative_to(HOME)) for part in parts if not part.exists()]
    if missing:
        raise WalflowError(f"{', '.join(missing)} is missing. Run: make install")
    return "jars and Airflow are in place"


def _disk(settings: Settings) -> str:
    place = settings.run_dir if settings.run_dir.exists() else HOME
    free = shutil.disk_usage(place).free
    needed = settings.supervision.min_free_disk_gigabytes * GIGABYTE
    if free < needed:
        raise WalflowError(
            f"{place} has {free / GIGABYTE:.1f} GB free, and the stack needs"
            f" {needed / GIGABYTE:.0f} GB (supervision.min_free_disk_gigabytes)."
            " Make room, or set paths.run to a larger disk."
        )
    return f"{free / GIGABYTE:.0f} GB free in {place}"


def _memory() -> str:
    total = psutil.virtual_memory().total
    if total < NEEDED_MEMORY_GIGABYTES * GIGABYTE:
        raise WalflowError(
            f"This machine has {total / GIGABYTE:.1f} GB of memory; the stack takes about"
            f" {NEEDED_MEMORY_GIGABYTES} GB."
        )
    return f"{total / GIGABYTE:.0f} GB"


def _loopback() -> str:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=2).close()
    except OSError as error:
        raise WalflowError(f"127.0.0.1 cannot be used: {error}. Is the interface lo up?") from error
    return "127.0.0.1 answers"


def _ports(settings: Settings) -> str:
    states = Supervisor(settings).states()
    known = services(settings).values()
    stopped = [s for s in known if not (s.name in states and states[s.name].is_up)]
    require_free(stopped)
    running = len(states) - len(stopped)
    return "all free" if not states or running <= 0 else "free, or held by this stack"


def _account(settings: Settings) -> str:
    run_as = account(settings)
    if run_as.user is None:
        return "not root: PostgreSQL runs as you"
    return f"root: PostgreSQL, which refuses root, runs as {run_as.user} in {run_as.home}"
