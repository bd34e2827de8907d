"""Configuration files of the stations, completed with what only a running stack knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def write_properties(base: Path, additions: Mapping[str, object], target: Path) -> None:
    """Copy a Java properties file and append settings; in Java the last of two equal keys wins."""
    lines = [f"{key}={value}" for key, value in additions.items()]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(base.read_text() + "\n# From pipeline.toml\n" + "\n".join(lines) + "\n")


def write_yaml(base: Path, additions: Mapping[str, Any], target: Path) -> None:
    """Copy a YAML file of one mapping and replace or add top-level keys."""
    content = yaml.safe_load(base.read_text()) | dict(additions)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        "# Rendered from " + base.name + " and pipeline.toml\n" + yaml.safe_dump(content)
    )


def read_options(path: Path) -> list[str]:
    """Options of a JVM options file: one a line, `#` starts a comment."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]
