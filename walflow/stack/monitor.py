"""The monitor in the browser."""

import sys

from walflow.settings import HOME, Settings
from walflow.stack.http import get_json
from walflow.stack.service import YIELDING, Readiness, Service


def url(settings: Settings) -> str:
    return f"http://{settings.address('monitor')}"


def monitor(settings: Settings) -> Service:
    """It needs nothing to start: what does not answer yet, its pages say."""

    def check() -> None:
        get_json(f"{url(settings)}/health")

    return Service(
        name="monitor",
        command=(*YIELDING, sys.executable, "-m", "walflow.monitor"),
        readiness=Readiness("answers its health page", check),
        ports={"monitor": settings.ports.of("monitor")},
        environment={"PYTHONPATH": f"{HOME}:{HOME / 'spark'}"},
        stop_seconds=10,
        url=url(settings),
    )
