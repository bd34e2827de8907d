"""Writes the tables of docs/metrics.md from the code: `.venv/bin/python -m docs.generate_metrics`."""

import re
from collections.abc import Iterator
from pathlib import Path

from walflow.metrics.definitions import ALL
from walflow.metrics.monitoring import alerts, jmx_rules

PAGE = Path(__file__).resolve().parent / "metrics.md"
NOTE = "written by docs/generate_metrics.py: do not edit"


def page() -> str:
    """The whole page, as it should be: the text around the tables is left as it stands."""
    text = PAGE.read_text()
    for name, lines in (("walflow", _walflow()), ("jmx", _jmx()), ("alerts", _alerts())):
        part = re.compile(rf"(<!-- {name}: {NOTE} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        table = "\n".join(lines)
        text = part.sub(lambda found, table=table: f"{found[1]}\n{table}\n\n{found[2]}", text)  # type: ignore[misc]
    return text


def _walflow() -> Iterator[str]:
    yield "| metric | type | unit | labels | meaning |"
    yield "|---|---|---|---|---|"
    for metric in ALL:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.help} |"


def _jmx() -> Iterator[str]:
    yield "| metric | of | type | labels | meaning |"
    yield "|---|---|---|---|---|"
    for rule in jmx_rules():
        labels = ", ".join(f"`{label}`" for label in rule.labels)
        yield f"| `{rule.name}` | {rule.server} | {rule.type} | {labels} | {rule.help} |"


def _alerts() -> Iterator[str]:
    yield "| alert | severity | after | says | runbook |"
    yield "|---|---|---|---|---|"
    for alert in alerts():
        says = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"*\1*", alert.summary)
        says = re.sub(r"\{\{ \$value[^}]*\}\}", "*n*", says)
        anchor = alert.runbook.partition("#")[2]
        link = f"[{anchor}](runbook.md#{anchor})"
        yield f"| {alert.name} | {alert.severity} | {alert.holds_for} | {says} | {link} |"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.name}")
