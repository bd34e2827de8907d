"""supervisord's event listener: counts deaths and stops what dies too often.

supervisord bounds failed starts only; a service that runs for a while and dies, again and again, would
be restarted for ever.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path

from supervisor import childutils

from walflow.logs import configure, fields

log = logging.getLogger("restarts")
KEPT = 50


def read(file: Path) -> dict[str, list[float]]:
    """Service → times of its deaths, seconds since the epoch, oldest first."""
    try:
        deaths: dict[str, list[float]] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return deaths


def note(file: Path, name: str, now: float) -> list[float]:
    """Add a death and return all of that service."""
    deaths = read(file)
    deaths[name] = [*deaths.get(name, []), now][-KEPT:]
    unfinished = file.with_suffix(".new")
    unfinished.write_text(json.dumps(deaths))
    unfinished.rename(file)
    return deaths[name]


def too_often(deaths: list[float], now: float, max_restarts: int, window_seconds: float) -> bool:
    return sum(now - death <= window_seconds for death in deaths) > max_restarts


def main() -> None:
    file, max_restarts, window = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    configure(log, sys.argv[4])
    rpc = childutils.getRPCInterface(os.environ)
    while True:
        headers, payload = childutils.listener.wait()
        event, _ = childutils.eventdata(payload + "\n")
        if event.get("expected") == "1":  # it has halted by itself (service.HALTED): no death
            childutils.listener.ok()
            continue
        name, now = event["processname"], time.time()
        deaths = note(file, name, now)
        # A failed start (BACKOFF) is bounded by supervisord itself.
        if headers["eventname"] == "PROCESS_STATE_EXITED" and too_often(
            deaths, now, max_restarts, window
        ):
            log.error("service left stopped", extra=fields(service=name, deaths=len(deaths)))
            rpc.supervisor.stopProcess(name, False)
        childutils.listener.ok()


if __name__ == "__main__":
    main()
