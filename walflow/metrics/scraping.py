"""Where Prometheus scrapes a stack: monitoring/prometheus.yml, with the addresses of this machine."""

from typing import Any

import yaml

from walflow.metrics.monitoring import FOLDER
from walflow.settings import Settings

FILE = FOLDER / "prometheus.yml"
PORTS = {
    "walflow": "monitor",
    "kafka": "kafka_metrics",
    "connect": "connect_metrics",
    "cassandra": "cassandra_metrics",
}
"""Job of the file → setting under `[ports]` at which it is scraped."""


def scrape_config(settings: Settings) -> str:
    """The file with this stack's addresses.

    Without the Java servers where metrics.jmx is off, and in compose mode, which does not publish them.
    """
    shows_java = settings.metrics.jmx and settings.mode == "local"
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    content["rule_files"] = [str(FOLDER / name) for name in content["rule_files"]]
    content["scrape_configs"] = [
        job | {"static_configs": [{"targets": [settings.address(PORTS[job["job_name"]])]}]}
        for job in content["scrape_configs"]
        if job["job_name"] == "walflow" or shows_java
    ]
    return yaml.safe_dump(content, sort_keys=False)
