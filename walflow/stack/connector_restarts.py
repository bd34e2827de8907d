"""supervisord's event listener that restarts failed connectors and tasks, within the same bounds.

Connect itself leaves a failed task until somebody restarts it: one that met a registry or a database
on its way down would stay down when that is long back.
"""

import logging
import sys
import time
from pathlib import Path

from supervisor import childutils

from walflow.connect_api import ConnectApi
from walflow.errors import WalflowError
from walflow.logs import configure, fields
from walflow.stack.restarts import note, read, too_often

log = logging.getLogger("connector-restarts")
TIMEOUT = 4.0
"""Seconds: less than the time between two ticks."""


def key_of(connector: str) -> str:
    """Under which name a connector's failures are noted."""
    return f"connector {connector}"


def restart_failed(
    api: ConnectApi, file: Path, max_restarts: int, window_seconds: float
) -> list[str]:
    """Restart what is FAILED and has not failed too often; returns the connectors' names.

    Args:
        file: where failures are noted.

    Raises:
        WalflowError: Connect is down or busy.
    """
    restarted = []
    for state in api.states():
        key, now = key_of(state.name), time.time()
        if not state.has_failed or gave_up(read(file).get(key, []), max_restarts, window_seconds):
            continue
        note(file, key, now)
        api.restart_failed(state.name)
        restarted.append(state.name)
    return restarted


def gave_up(failures: list[float], max_restarts: int, window_seconds: float) -> bool:
    """Whether a connector that has failed this often is left FAILED for now."""
    return too_often(failures, time.time(), max_restarts - 1, window_seconds)


def main() -> None:
    api = ConnectApi(sys.argv[1], timeout=TIMEOUT, rebalance_seconds=0)
    file, max_restarts, window = Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    configure(log, sys.argv[5])
    while True:
        childutils.listener.wait()
        try:
            for name in restart_failed(api, file, max_restarts, window):
                log.warning("connector restarted", extra=fields(connector=name))
        except WalflowError:
            pass  # Connect is down or busy; the next tick asks again
        childutils.listener.ok()


if __name__ == "__main__":
    main()
