"""The files in monitoring/: rules that hold, names that exist, settings that agree."""

import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from docs import generate_metrics
from walflow.install.prerequisites import APT_DEV, require_prometheus
from walflow.metrics import scraping
from walflow.metrics.definitions import ALL, Kind
from walflow.metrics.monitoring import (
    ALERTS,
    ALERTS_TEST,
    FOLDER,
    JMX,
    alerts,
    dashboard,
    dashboard_expressions,
    jmx_rules,
    names_in,
)
from walflow.settings import HOME, SETTINGS_FILE, Settings

PROMETHEUS: dict[str, Any] = yaml.safe_load(scraping.FILE.read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((HOME / "docker-compose.yml").read_text())
ANCHORS = {
    *("lag-grows", "slot-grows", "connector-failed", "dead-letters", "differences-found"),
    *("counts-stand-still", "service-down", "disk-full"),
}
"""Sections of docs/runbook.md."""
OTHERS = {"up", "ALERTS", "jvm_memory_used_bytes", "process_cpu_seconds_total"}
"""Prometheus' own, and those that the agent gives of every JVM."""


def promtool(*words: str) -> str:
    result = subprocess.run(
        [require_prometheus()[1], *words], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def known_names() -> set[str]:
    names = OTHERS | {rule.name for rule in jmx_rules()}
    for metric in ALL:
        parts = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        names |= {metric.name + part for part in parts}
    return names


def test_the_alert_rules_are_valid() -> None:
    assert f"SUCCESS: {len(alerts())} rules found" in promtool("check", "rules", str(ALERTS))


def test_each_alert_fires_when_it_should_and_none_on_a_healthy_pipeline() -> None:
    promtool("test", "rules", str(ALERTS_TEST))


def test_each_alert_is_tested() -> None:
    tested = set(re.findall(r'alertname="(\w+)"', ALERTS_TEST.read_text()))
    assert tested == {alert.name for alert in alerts()}


def test_the_scrape_configuration_is_valid() -> None:
    promtool("check", "config", str(scraping.FILE))


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_each_alert_says_what_is_wrong_what_to_do_and_where_there_is_more(alert: Any) -> None:
    assert alert.severity in ("warning", "critical")
    assert alert.summary.endswith(".") and alert.action
    page, _, anchor = alert.runbook.partition("#")
    assert page == "docs/runbook.md" and anchor in ANCHORS


def test_what_alerts_and_dashboard_ask_for_is_given_by_something() -> None:
    asked = [alert.expression for alert in alerts()] + list(dashboard_expressions())
    missing = {name for expression in asked for name in names_in(expression)} - known_names()
    assert missing == set()


def test_mbeans_are_scraped_only_if_something_asks_for_them() -> None:
    asked = [alert.expression for alert in alerts()] + list(dashboard_expressions())
    used = {name for expression in asked for name in names_in(expression)}
    assert {rule.name for rule in jmx_rules()} - used == set()


@pytest.mark.parametrize("path", sorted(JMX.glob("*.yml")), ids=lambda path: path.stem)
def test_each_mbean_that_is_read_has_a_rule_and_each_rule_its_mbean(path: Any) -> None:
    content = yaml.safe_load(path.read_text())
    domains = {name.split(":")[0] for name in content["includeObjectNames"]}
    for rule in content["rules"]:
        assert rule["pattern"].split("<")[0] in domains
        # The agent looks for it anywhere in `…<>attribute: value`.
        assert rule["pattern"].endswith(":"), "it would match attributes that begin like it"
    for name in content["includeObjectNames"]:
        keys = dict(part.split("=") for part in name.split(":")[1].split(",") if "=" in part)
        kind = f"type={keys['type']}"
        assert any(kind in rule["pattern"] for rule in content["rules"]), name


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le) (rate(a_bucket{stage="all"}[5m])) / on (x) b_total', {"a_bucket", "b_total"}),
        ("time() - a > 7 * 86400 or absent(b)", {"a", "b"}),
        ("predict_linear(a[10m], 3600) > 64e6 unless b offset 10m", {"a", "b"}),
    ],
)
def test_the_names_in_an_expression_are_told_from_functions_and_labels(
    expression: str, names: set[str]
) -> None:
    assert names_in(expression) == names


def test_prometheus_finds_containers_at_the_ports_that_pipeline_toml_ships() -> None:
    shipped = tomllib.loads(SETTINGS_FILE.read_text())["ports"]
    for job in PROMETHEUS["scrape_configs"]:
        (target,) = job["static_configs"][0]["targets"]
        host, _, port = target.partition(":")
        assert host in COMPOSE["services"]
        assert int(port) == shipped[scraping.PORTS[job["job_name"]]]


@pytest.mark.parametrize("server", ["kafka", "connect", "cassandra"])
def test_containers_and_local_servers_have_the_same_rules_and_ports(server: str) -> None:
    shipped = tomllib.loads(SETTINGS_FILE.read_text())["ports"]
    rules = COMPOSE["services"][server]["environment"]["JMX_RULES"]
    assert rules == f"{shipped[f'{server}_metrics']}:/walflow/monitoring/jmx/{server}.yml"
    assert (JMX / f"{server}.yml").is_file()


def test_the_scrape_configuration_of_a_stack_has_its_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WALFLOW_PORTS__OFFSET", "20000")
    told = yaml.safe_load(scraping.scrape_config(Settings()))  # type: ignore[call-arg]
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in told["scrape_configs"]
    }
    assert targets["kafka"] == ["127.0.0.1:29404"]
    assert set(targets) == {"walflow", "kafka", "connect", "cassandra"}
    assert told["rule_files"] == [str(ALERTS)]


@pytest.mark.parametrize(
    ("setting", "value"), [("WALFLOW_METRICS__JMX", "false"), ("WALFLOW_MODE", "compose")]
)
def test_java_servers_that_show_nothing_on_this_machine_are_not_scraped(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    monkeypatch.setenv(setting, value)
    told = yaml.safe_load(scraping.scrape_config(Settings()))  # type: ignore[call-arg]
    assert [job["job_name"] for job in told["scrape_configs"]] == ["walflow"]


def test_the_dashboard_asks_the_provisioned_prometheus() -> None:
    provisioned = yaml.safe_load(
        (FOLDER / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()
    )["datasources"][0]
    for panel in dashboard()["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == provisioned["uid"], panel["title"]
            assert panel["description"], panel["title"]
    ports = COMPOSE["services"]["prometheus"]["ports"]
    assert provisioned["url"] == f"http://prometheus:{ports[0].rpartition(':')[2]}"


def test_no_panel_of_the_dashboard_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_the_tables_of_the_page_are_current() -> None:
    text = generate_metrics.PAGE.read_text()
    assert text == generate_metrics.page(), "run .venv/bin/python -m docs.generate_metrics"
    assert all(f"`{name}`" in text for name in {metric.name for metric in ALL})


def test_missing_prometheus_is_told_with_the_debian_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Exception, match=r"Prometheus is missing.*apt-get install.*prometheus"):
        require_prometheus()
    assert APT_DEV in (HOME / "docs" / "dependencies.md").read_text()
