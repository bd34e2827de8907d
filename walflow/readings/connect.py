"""Kafka Connect's part of a reading: its connectors, and which tables the pipeline's own one takes."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import requests

from walflow.advice import ticked
from walflow.connect_api import state_of
from walflow.readings.parts import require_listening
from walflow.readings.reading import ConnectorReading
from walflow.settings import Settings
from walflow.stack.http import message_of
from walflow.verify.catalog import PUBLICATION

TIMEOUT_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Connectors:
    readings: tuple[ConnectorReading, ...]
    capturing: Mapping[str, str] | None
    """Configuration of the connector that the pipeline's stream reads from; None: there is none."""


class ConnectPart:
    """Asks a worker of Connect over a connection that it keeps."""

    what = "Kafka Connect"

    def __init__(self, settings: Settings) -> None:
        self.advice = (
            f"{ticked('up connect')} starts it; {ticked('logs connect')} tells why it ended."
        )
        self._settings = settings
        self._http: requests.Session | None = None

    def read(self) -> Connectors:
        """
        Raises:
            WalflowError, requests.RequestException: it does not answer, or refuses.
        """
        if self._http is None:
            require_listening(self._settings.address("connect"))
            self._http = requests.Session()
        answer = self._http.get(
            f"http://{self._settings.address('connect')}/connectors?expand=status&expand=info",
            timeout=TIMEOUT_SECONDS,
        )
        if not answer.ok:
            raise requests.HTTPError(f"it answers {answer.status_code}: {message_of(answer)}")
        capturing: Mapping[str, str] | None = None
        found = []
        for name, entry in sorted(answer.json().items()):
            if "status" not in entry or "info" not in entry:
                continue  # made or deleted at this moment
            config = entry["info"]["config"]
            captures = config.get("publication.name") == PUBLICATION
            capturing = config if captures else capturing
            state = state_of(entry["status"])
            found.append(
                ConnectorReading(
                    name, state.type, captures, state.connector, state.tasks, state.reason
                )
            )
        return Connectors(tuple(found), capturing)

    def forget(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            with contextlib.suppress(requests.RequestException):
                http.close()
