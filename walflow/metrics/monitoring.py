"""The files in monitoring/: what JMX rules give, what alerts and the dashboard ask for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from walflow.settings import HOME

FOLDER = HOME / "monitoring"
ALERTS = FOLDER / "alerts.yml"
ALERTS_TEST = FOLDER / "alerts_test.yml"
DASHBOARD = FOLDER / "grafana" / "dashboards" / "walflow.json"
JMX = FOLDER / "jmx"

_LABELS = re.compile(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on|without|ignoring)\s*\([^)]*\)")
_WORDS = re.compile(r"\b[a-z_]+\s*(?=\()|\b(?:and|or|unless|offset|bool)\b|\b\d[\w.]*")
"""Functions, operators and numbers."""
_NAME = re.compile(r"[a-zA-Z_:][\w:]*")


@dataclass(frozen=True, slots=True)
class Rule:
    """One metric that a Java server's MBeans give."""

    server: str
    name: str
    type: str
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Alert:
    name: str
    expression: str
    severity: str
    holds_for: str
    summary: str
    action: str
    runbook: str


def jmx_rules() -> list[Rule]:
    return [
        Rule(path.stem, r["name"], r["type"].lower(), tuple(r.get("labels", ())), r["help"])
        for path in sorted(JMX.glob("*.yml"))
        for r in _read(path)["rules"]
    ]


def alerts() -> list[Alert]:
    return [
        Alert(
            r["alert"],
            r["expr"],
            r["labels"]["severity"],
            r.get("for", "0m"),
            *(r["annotations"][name] for name in ("summary", "action", "runbook")),
        )
        for group in _read(ALERTS)["groups"]
        for r in group["rules"]
    ]


def dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return content


def dashboard_expressions() -> Iterator[str]:
    shown = dashboard()
    for panel in shown["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (annotation["expr"] for annotation in shown["annotations"]["list"])


def names_in(expression: str) -> set[str]:
    """The metrics that a PromQL expression asks for."""
    return set(_NAME.findall(_WORDS.sub(" ", _LABELS.sub(" ", expression))))


def _read(path: Any) -> Any:
    return yaml.safe_load(path.read_text())
