"""The Schema Registry: whether it takes schemas, and what it holds the stream's subjects to."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

from walflow.capture.topics import stream_topics
from walflow.registry.api import registry_api
from walflow.settings import Settings
from walflow.stack.registry import confluent_url

AT_ONCE = 8
MAX_SUBJECTS = 200
TIMEOUT = 10.0


@dataclass(frozen=True)
class RegistryServer:
    url: str
    levels: Mapping[str, str]
    """Subject of a topic that the stream reads → its compatibility level."""
    mode: str
    """READWRITE, READONLY, IMPORT; empty where the registry has no such thing."""


def read_registry(settings: Settings) -> RegistryServer:
    """Raises WalflowError: the registry does not answer."""
    api = registry_api(settings)
    ours = stream_topics(settings, api.subjects())[:MAX_SUBJECTS]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        levels = dict(zip(ours, pool.map(api.level, ours), strict=True))
    return RegistryServer(confluent_url(settings), levels, _mode(confluent_url(settings)))


def _mode(url: str) -> str:
    try:
        answer = requests.get(f"{url}/mode", timeout=TIMEOUT)
        return str(answer.json()["mode"]) if answer.ok else ""
    except (requests.RequestException, KeyError, TypeError):
        return ""
