"""Kafka Connect: its connectors, what they are set to, what they may be set to, and versions."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from walflow.capture.source import CAPTURE_ROLE
from walflow.connect_api import ConnectApi, ConnectorState
from walflow.connectors import kinds
from walflow.connectors.plugins import Plugin, installed
from walflow.settings import Settings

AT_ONCE = 8
"""Questions that are under way at the same time."""
UNRESOLVED = re.compile(r"\$\{")


@dataclass(frozen=True)
class ConnectorConfig:
    name: str
    config: Mapping[str, str]
    """As it is in Connect, without its name."""
    defaults: Mapping[str, str]
    """Of its plugin; empty for a worker before Kafka 3.2."""
    state: ConnectorState
    topics: frozenset[str] = frozenset()
    """To which it has written, or from which it has read, since it was made or they were reset."""

    def value(self, key: str, otherwise: str = "") -> str:
        """A setting as it is in force: set, or else the plugin's default."""
        return self.config.get(key) or self.defaults.get(key) or otherwise

    def is_on(self, key: str, otherwise: bool = False) -> bool:
        return self.value(key, str(otherwise)).strip().lower() == "true"

    @property
    def kind(self) -> str:
        """Its class, by its last name."""
        return self.config.get("connector.class", "").rpartition(".")[2]

    @property
    def is_debezium(self) -> bool:
        return kinds.is_debezium(self.config)

    @property
    def is_postgres(self) -> bool:
        return kinds.is_postgres(self.config)

    @property
    def is_source(self) -> bool:
        return self.state.type == "source"

    @property
    def role(self) -> str:
        """PostgreSQL's role that it logs in as; that of this pipeline where it is a reference."""
        user = self.value("database.user")
        return CAPTURE_ROLE if UNRESOLVED.search(user) else user

    @property
    def slot(self) -> str:
        return self.value("slot.name", "debezium")

    @property
    def publication(self) -> str:
        return self.value("publication.name", "dbz_publication")

    @property
    def prefix(self) -> str:
        return self.value("topic.prefix")

    @property
    def change_topics(self) -> frozenset[str]:
        """Those with changes of tables: not heartbeats, transactions or notifications."""
        own = {
            f"{self.value('topic.heartbeat.prefix', '__debezium-heartbeat')}.{self.prefix}",
            f"{self.prefix}.{self.value('topic.transaction', 'transaction')}",
            self.value("notification.sink.topic.name"),
            self.prefix,
        }
        return self.topics - own if self.is_debezium else frozenset()


@dataclass(frozen=True)
class ConnectCluster:
    url: str
    version: str
    """Of Kafka; Confluent's own numbers end in -ccs or -ce."""
    connectors: tuple[ConnectorConfig, ...]
    plugins: tuple[Plugin, ...]

    @property
    def postgres(self) -> list[ConnectorConfig]:
        return [connector for connector in self.connectors if connector.is_postgres]


def read_connect(settings: Settings) -> ConnectCluster:
    """Raises WalflowError: Connect does not answer."""
    url = f"http://{settings.address('connect')}"
    api = ConnectApi(url, timeout=10, rebalance_seconds=10)
    root = api.transport.read("/", "the worker")
    states = {state.name: state for state in api.states()}
    known = [c for c in api.connectors() if c.name in states]
    classes = sorted({c.config.get("connector.class", "") for c in known})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        topics = list(pool.map(lambda c: _topics(api, c.name), known))
        defaults = dict(zip(classes, pool.map(lambda k: _defaults(api, k), classes), strict=True))
    return ConnectCluster(
        url,
        str(root["version"]),
        tuple(
            ConnectorConfig(
                c.name,
                c.config,
                defaults[c.config.get("connector.class", "")],
                states[c.name],
                used,
            )
            for c, used in zip(known, topics, strict=True)
        ),
        tuple(installed(api.transport)),
    )


def _topics(api: ConnectApi, name: str) -> frozenset[str]:
    """Empty where the worker does not follow them (`topic.tracking.enable`), or it is just deleted."""
    answer = api.transport.call("GET", f"/connectors/{quote(name, safe='')}/topics")
    return frozenset(answer.json().get(name, {}).get("topics", ())) if answer.ok else frozenset()


def _defaults(api: ConnectApi, kind: str) -> dict[str, str]:
    answer = api.transport.call("GET", f"/connector-plugins/{quote(kind, safe='')}/config")
    keys: list[dict[str, Any]] = answer.json() if answer.ok else []
    return {key["name"]: str(key["default_value"]) for key in keys if key.get("default_value")}
