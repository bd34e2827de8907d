"""The plugins of a Connect cluster: what a connector can be, and what may stand on its way."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from walflow.connectors import kinds
from walflow.connectors.transport import Transport

CONNECTORS = ("source", "sink")


@dataclass(frozen=True, slots=True)
class Plugin:
    name: str
    """Its class."""
    type: str
    """source, sink, converter, header_converter, transformation or predicate."""
    version: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def is_called(self, name: str) -> bool:
        """Whether Connect takes a name for this class."""
        return kinds.is_called(self.name, name)


def installed(transport: Transport) -> list[Plugin]:
    """All plugins, by type and name; of a worker before Kafka 3.2 only connectors.

    Raises:
        WalflowError: Connect does not answer.
    """
    answer = transport.read("/connector-plugins?connectorsOnly=false", "the list of plugins")
    found = {Plugin(entry["class"], entry["type"], entry.get("version") or "") for entry in answer}
    return sorted(found, key=lambda plugin: (plugin.type, plugin.name, plugin.version))


def connectors(plugins: Sequence[Plugin]) -> list[Plugin]:
    return [plugin for plugin in plugins if plugin.type in CONNECTORS]


def passwords(transport: Transport, kind: str) -> frozenset[str]:
    """The settings that a plugin declares to be of type PASSWORD (KIP-769, Kafka 3.2).

    Empty for a plugin that is not installed any more, and where the worker is older than that.
    """
    answer = transport.call("GET", f"/connector-plugins/{quote(kind, safe='')}/config")
    if not answer.ok:
        return frozenset()
    return frozenset(key["name"] for key in answer.json() if key["type"] == "PASSWORD")
