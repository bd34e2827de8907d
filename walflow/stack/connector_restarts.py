"""supervisord's event listener that restarts failed connectors and tasks, within the same bounds.

Connect itself leaves a failed task until somebody restarts it: one that met a registry or a database
on its way down would stay down when that is long back.
"""

import sys
import time
from pathlib import Path
from typing import Any

import requests
from supervisor import childutils

from walflow.stack.restarts import note, read, too_often

TIMEOUT = 4


def restart_failed(url: str, file: Path, max_restarts: int, window_seconds: float) -> list[str]:
    """Restart what is FAILED and has not failed too often; returns the connectors' names.

    Args:
        url: a Connect worker's REST address.
        file: where deaths are noted, under `connector <name>`.
    """
    restarted = []
    answer = requests.get(f"{url}/connectors?expand=status", timeout=TIMEOUT)
    answer.raise_for_status()
    for name, entry in answer.json().items():
        key, now = f"connector {name}", time.time()
        if not _has_failed(entry["status"]):
            continue
        if too_often(read(file).get(key, []), now, max_restarts - 1, window_seconds):
            continue
        note(file, key, now)
        path = f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true"
        requests.post(url + path, timeout=TIMEOUT).raise_for_status()
        restarted.append(name)
    return restarted


def _has_failed(status: Any) -> bool:
    return "FAILED" in (part["state"] for part in (status["connector"], *status["tasks"]))


def main() -> None:
    url, file = sys.argv[1], Path(sys.argv[2])
    max_restarts, window = int(sys.argv[3]), float(sys.argv[4])
    while True:
        childutils.listener.wait()
        try:
            for name in restart_failed(url, file, max_restarts, window):
                print(f"restarted what had failed of connector {name}", file=sys.stderr, flush=True)
        except requests.RequestException:
            pass  # Connect is down or busy; the next tick asks again
        childutils.listener.ok()


if __name__ == "__main__":
    main()
