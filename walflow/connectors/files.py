"""Connectors as files: one, all of a folder, or standard input."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from walflow.connect_api import Connector, connector_of, read_connector
from walflow.errors import ExitCode, WalflowError

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Definition:
    """A connector and where it is described."""

    source: str
    connector: Connector


def definitions(places: Sequence[str]) -> list[Definition]:
    """The connectors of files, of the `*.json` of folders, and of standard input for `-`.

    Raises:
        WalflowError: one cannot be read, or two have the same name.
    """
    found = [definition for place in places for definition in _at(place)]
    sources: dict[str, str] = {}
    for definition in found:
        name = definition.connector.name
        if name in sources:
            raise WalflowError(
                f"{sources[name]} and {definition.source} are both of connector {name}. Nothing was"
                " changed.",
                ExitCode.USAGE,
            )
        sources[name] = definition.source
    return found


def _at(place: str) -> list[Definition]:
    if place == STANDARD_INPUT:
        source = "standard input"
        return [Definition(source, connector_of(sys.stdin.buffer.read(), source))]
    path = Path(place)
    if not path.is_dir():
        return [Definition(place, read_connector(path))]
    files = sorted(path.glob("*.json"))
    if not files:
        raise WalflowError(f"{place} holds no *.json.", ExitCode.USAGE)
    return [Definition(str(file), read_connector(file)) for file in files]
