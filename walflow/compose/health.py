"""`python -m walflow.compose.health NAME`: health checks of containers of walflow's own image.

Nothing but Python's own library is imported: it runs every few seconds.
"""

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

SECONDS = 4
LAST_ROUND = Path("/tmp/connector-restarts.round")
"""Touched by connector-restarts after each of its rounds."""
ROUND_SECONDS = 60
"""A round takes seconds, also where Connect does not answer."""


def users_api() -> bool:
    return bool(_get("http://127.0.0.1:8090/health") is not None)


def monitor() -> bool:
    return bool(_get("http://127.0.0.1:9022/health")["status"] == "up")


def spark_master() -> bool:
    return bool(_get("http://127.0.0.1:9090/json/")["status"] == "ALIVE")


def spark_worker() -> bool:
    """Registered with the master, which is more than that its page answers."""
    return bool(_get("http://spark-master:9090/json/")["aliveworkers"] >= 1)


def stream() -> bool:
    """Whether the application has an executor."""
    url = "http://127.0.0.1:4040/api/v1/applications"
    (application,) = _get(url)
    executors = _get(f"{url}/{application['id']}/executors")
    return any(e["id"] != "driver" and e["isActive"] for e in executors)


def connector_restarts() -> bool:
    """Whether it still makes its rounds."""
    return time.time() - LAST_ROUND.stat().st_mtime < ROUND_SECONDS


CHECKS = {
    "connector-restarts": connector_restarts,
    "monitor": monitor,
    "users-api": users_api,
    "spark-master": spark_master,
    "spark-worker": spark_worker,
    "stream": stream,
}


def main(name: str) -> int:
    try:
        return 0 if CHECKS[name]() else 1
    except (OSError, ValueError, KeyError) as error:
        print(f"{name}: {error}")
        return 1


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
