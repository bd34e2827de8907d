"""Prometheus itself scrapes the running stack, by our configuration, with our alert rules."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Stack
from tests.e2e.avro_records import send
from walflow.install.prerequisites import require_prometheus
from walflow.metrics.monitoring import alerts, dashboard_expressions, names_in

pytestmark = pytest.mark.only("local", "in containers MBeans are reached within the network only")

JOBS = {"walflow", "kafka", "connect", "cassandra"}
RAISED_BY_TESTS = {"DeadLetters", "DifferencesFound", "CanaryLate"}
"""The last by a machine that is busy with tests."""


class Prometheus:
    """A running Prometheus, by its HTTP API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **parameters: str) -> Any:
        answer = requests.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self._url}/-/ready", timeout=10).status_code == 200
        except requests.ConnectionError:  # it does not listen yet
            return False

    def targets(self) -> dict[str, str]:
        """Job → health, and why where it is not up."""
        told = self.get("targets")["activeTargets"]
        return {t["labels"]["job"]: f"{t['health']} {t['lastError']}".strip() for t in told}

    def value(self, expression: str) -> float | None:
        found = self.get("query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Debian's, with the configuration that `walflow metrics --scrape-config` prints."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    told = stack.walflow("metrics", "--scrape-config")
    assert told.returncode == 0, told.stderr
    content = yaml.safe_load(told.stdout)
    content["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(content))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(require_prometheus()[0], f"--config.file={folder / 'prometheus.yml'}"),
        *(f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.size=64MB"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
    ]
    with open(folder / "log", "w") as log, subprocess.Popen(command, stderr=log) as process:
        server = Prometheus(f"http://127.0.0.1:{port}")
        try:
            _await_up(server, process, folder / "log")
            yield server
        finally:
            process.terminate()


def _await_up(server: Prometheus, process: subprocess.Popen[Any], log: Path) -> None:
    """Until every target has been scraped."""
    give_up = time.monotonic() + 30
    health: dict[str, str] = {}
    while health != dict.fromkeys(JOBS, "up"):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up, f"{health} {log.read_text()}"
        health = server.targets() if server.is_ready() else {}


@pytest.fixture(scope="module")
def observed(stack: Stack) -> None:
    """What gives every metric a value: a verify and a canary, whatever came before."""
    for words in (("verify", "public.created_users"), ("canary",)):
        done = stack.walflow(*words)
        # Other tests of this stack may have made it differ.
        assert done.returncode in (0, 1), f"{words}: {done.stdout}{done.stderr}"


def test_whatever_alerts_and_dashboard_ask_for_exists_in_a_real_scrape(
    stack: Stack, prometheus: Prometheus, observed: None, source: Any, eventually: Any
) -> None:
    _insert_user(source)
    expressions = [alert.expression for alert in alerts()] + list(dashboard_expressions())
    asked = {name for expression in expressions for name in names_in(expression)} - {"ALERTS"}

    def missing() -> set[str]:
        return asked - set(prometheus.get("label/__name__/values"))

    # Latencies come with the next reading after a change.
    eventually(missing, set(), seconds=20)
    for expression in expressions:
        prometheus.get("query", query=expression)  # 400 for one that Prometheus does not understand
    # The agent's label for what two attributes of an MBean are given as, under one name.
    assert prometheus.value('{_objectname!=""}') is None


def test_the_alert_rules_are_loaded_and_a_healthy_pipeline_raises_none(
    prometheus: Prometheus, observed: None
) -> None:
    (group,) = prometheus.get("rules")["groups"]

    assert {rule["name"] for rule in group["rules"]} == {alert.name for alert in alerts()}
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
    raised = prometheus.get("alerts")["alerts"]
    firing = {alert["labels"]["alertname"] for alert in raised if alert["state"] == "firing"}
    assert firing <= RAISED_BY_TESTS


def test_a_change_is_counted_at_each_stage_with_its_latency(
    prometheus: Prometheus, source: Any, eventually: Callable[..., None]
) -> None:
    table = '{table="public.created_users"}'
    counters = (
        'walflow_rows_ingested_total{table="public.created_users",change="insert"}',
        f"walflow_captured_offsets_total{table}",
        f"walflow_applied_offsets_total{table}",
        'walflow_latency_milliseconds_count{table="public.created_users",stage="all"}',
    )
    before = {counter: prometheus.value(counter) or 0 for counter in counters}

    _insert_user(source)

    for counter, was in before.items():
        eventually(
            lambda counter=counter, was=was: (prometheus.value(counter) or 0) > was,
            True,
            seconds=25,
        )
    eventually(lambda: prometheus.value(f"walflow_table_lag_events{table}"), 0.0, seconds=10)


def test_a_dead_letter_is_counted_by_its_kind_and_logged_with_its_place(
    stack: Stack, prometheus: Prometheus, eventually: Callable[..., None]
) -> None:
    counter = 'walflow_dead_letters_total{table="public.created_users",kind="undecodable"}'
    before = prometheus.value(counter) or 0

    origin = send(stack.settings, b"garbage", b"garbage for the metrics")

    eventually(lambda: (prometheus.value(counter) or 0) > before, True, seconds=25)
    log = stack.walflow("logs", "executor", "-n", "500").stdout
    (line, *_) = [text for text in log.splitlines() if f" at={origin} " in text]
    assert 'level=warning event="dead letter"' in line
    assert " table=public.created_users topic=" in line and " kind=undecodable " in line
    place = stack.walflow("deadletters", "list", "-o", "json").stdout
    (letter,) = [one for one in _letters(place) if one["origin"] == origin]
    discarded = stack.walflow("deadletters", "discard", letter["place"], "--yes")
    assert discarded.returncode == 0, discarded.stderr


def test_metrics_without_the_monitor_are_the_same_but_for_latencies(stack: Stack) -> None:
    told = stack.walflow("metrics")

    assert told.returncode == 0, told.stderr
    families = {f.name: f for f in text_string_to_metric_families(told.stdout)}
    assert families["walflow_reachable"].samples
    assert all(sample.value == 1 for sample in families["walflow_reachable"].samples)
    assert not families["walflow_latency_milliseconds"].samples
    tables = {s.labels["table"] for s in families["walflow_applied_offsets"].samples}
    assert "public.created_users" in tables


def _insert_user(source: Any) -> None:
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name) VALUES (%s, 'Ada', 'Lovelace')",
            (str(uuid4()),),
        )


def _letters(told: str) -> list[dict[str, Any]]:
    return list(json.loads(told))
