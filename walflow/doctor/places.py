"""Where a setting stands: the line of a file of this repository, if it comes from one."""

import json
import re
from pathlib import Path

from walflow.settings import HOME

CONNECTORS = HOME / "connect" / "connectors"


def line_in(file: Path, pattern: str) -> str | None:
    """`path:line` of the first line that a regular expression is found in; the path from HOME."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    for number, line in enumerate(lines, start=1):
        if re.search(pattern, line):
            return f"{file.relative_to(HOME)}:{number}"
    return None


def property_place(file: Path, key: str, value: str) -> str | None:
    """Where a properties, YAML or configuration file says `key=value`, if it says that value."""
    return line_in(file, rf"^\s*{re.escape(key)}\s*[=:]\s*['\"]?{re.escape(value)}['\"]?\s*$")


def connector_place(name: str, key: str, value: str | None) -> str:
    """Where a connector's setting comes from.

    Args:
        value: as it is in Connect; None: it is not set there.
    """
    for file in sorted(CONNECTORS.glob("*.json")):
        try:
            described = json.loads(file.read_text())
            is_this, config = described["name"] == name, described["config"]
        except (ValueError, KeyError, TypeError):
            continue
        if not is_this:
            continue
        if value is None:
            place, added = line_in(file, r'"config"\s*:'), f" (without {key})"
        else:
            place, added = line_in(file, rf'"{re.escape(key)}"\s*:'), ""
        if place is not None and config.get(key) == value:
            return f"{place}{added}"
    return f"connector {name} in Kafka Connect: {key}" + ("" if value is not None else " (not set)")


def pom_place(key: str) -> str:
    """Where pom.xml names a version."""
    return line_in(HOME / "pom.xml", rf"<{re.escape(key)}>") or "pom.xml"


def pom_versions() -> dict[str, str]:
    """`kafka.version` and the like, each with its value."""
    text = (HOME / "pom.xml").read_text()
    return dict(re.findall(r"<([a-z]+\.version)>([^<]+)</", text))
