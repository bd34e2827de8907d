"""Kafka Connect's REST API, with its answers as values and its refusals as sentences.

Source: Kafka documentation, "Kafka Connect", REST API.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from walflow.errors import ExitCode, WalflowError
from walflow.settings import HOME

USERS_CONNECTOR = HOME / "connect" / "connectors" / "users.json"
RUNNING_SECONDS = 60
REBALANCE_SECONDS = 30
TIMEOUT = 30


@dataclass(frozen=True)
class Connector:
    """A connector as it is POSTed: its name and its configuration."""

    name: str
    config: dict[str, str]


@dataclass(frozen=True)
class ConnectorState:
    name: str
    connector: str
    """RUNNING, PAUSED, FAILED, UNASSIGNED…"""
    tasks: tuple[str, ...]
    reason: str
    """First line of the trace of what failed, or empty."""

    @property
    def is_running(self) -> bool:
        return bool(self.tasks) and {self.connector, *self.tasks} == {"RUNNING"}

    @property
    def has_failed(self) -> bool:
        return "FAILED" in (self.connector, *self.tasks)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class _NotRunning(Exception):
    pass


class _Rebalancing(Exception):
    """409: the cluster is distributing its connectors; the call may be repeated."""


def read_connector(file: Path) -> Connector:
    """Read a connector's JSON file.

    Raises:
        WalflowError: no such file, no JSON (with its line), or not of the form that Connect takes.
    """
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise WalflowError(f"{file} cannot be read: {error.strerror}.", ExitCode.USAGE) from error
    except ValueError as error:
        where = f"{file}:{getattr(error, 'lineno', 1)}"
        raise WalflowError(f"{where}: this is not JSON: {error}.", ExitCode.USAGE) from error
    match content:
        case {"name": str(name), "config": dict(config)}:
            # Connect keeps every value as a string.
            return Connector(name, {key: _text(value) for key, value in config.items()})
    raise WalflowError(
        f'{file} is not a connector: it must hold {{"name": "…", "config": {{…}}}}.', ExitCode.USAGE
    )


class ConnectApi:
    """A Connect cluster, reached through one of its workers."""

    def __init__(self, url: str) -> None:
        self._url = url

    def apply(self, connector: Connector, source: str) -> str:
        """Create or update a connector and wait until it and its tasks run.

        Returns:
            "created", "updated" or "unchanged".

        Raises:
            WalflowError: Connect refuses fields (each named), or the connector fails.
        """
        self._validate(connector, source)
        present = self._call("GET", f"/connectors/{connector.name}/config")
        wanted = {**connector.config, "name": connector.name}
        if present.status_code == 200 and present.json() == wanted:
            outcome = "unchanged"
        else:
            answer = self._call("PUT", f"/connectors/{connector.name}/config", connector.config)
            self._require_ok(answer, f"connector {connector.name}")
            outcome = "created" if answer.status_code == 201 else "updated"
        self._await_running(connector.name)
        return outcome

    def states(self) -> list[ConnectorState]:
        answer = self._call("GET", "/connectors?expand=status")
        self._require_ok(answer, "the list of connectors")
        return [_state(entry["status"]) for _, entry in sorted(answer.json().items())]

    def get(self, name: str) -> dict[str, Any]:
        """A connector's name and configuration, in the form in which it can be POSTed."""
        answer = self._known(name, self._call("GET", f"/connectors/{name}"))
        content = answer.json()
        config = {key: value for key, value in content["config"].items() if key != "name"}
        return {"name": content["name"], "config": config}

    def delete(self, name: str) -> None:
        self._known(name, self._call("DELETE", f"/connectors/{name}"))

    def _validate(self, connector: Connector, source: str) -> None:
        kind = connector.config.get("connector.class")
        if not kind:
            raise WalflowError(
                f"{source}: connector {connector.name} has no connector.class.", ExitCode.USAGE
            )
        path = f"/connector-plugins/{kind}/config/validate"
        answer = self._call("PUT", path, {**connector.config, "name": connector.name})
        self._require_ok(answer, f"{source}: connector {connector.name}")
        refused = [
            f"{source}: {field['value']['name']}: {error}"
            for field in answer.json()["configs"]
            for error in field["value"]["errors"]
        ]
        if refused:
            raise WalflowError(
                f"Connect refuses connector {connector.name}; nothing was changed.\n"
                + "\n".join(refused)
            )

    def _await_running(self, name: str) -> None:
        @retry(
            retry=retry_if_exception_type(_NotRunning),
            stop=stop_after_delay(RUNNING_SECONDS),
            wait=wait_fixed(0.2),
            reraise=True,
        )
        def check() -> None:
            answer = self._call("GET", f"/connectors/{name}/status")
            if answer.status_code == 404:
                raise _NotRunning("its status is not known yet")
            state = _state(answer.json())
            if state.has_failed:
                raise WalflowError(
                    f"Connector {name} failed: {state.reason}. `walflow logs connect` tells more."
                )
            if not state.is_running:
                raise _NotRunning(f"connector {state.connector}, tasks {state.tasks or 'none'}")

        try:
            check()
        except _NotRunning as reason:
            raise WalflowError(
                f"Connector {name} did not run within {RUNNING_SECONDS} s: {reason}."
                " `walflow logs connect` tells more."
            ) from reason

    def _known(self, name: str, answer: requests.Response) -> requests.Response:
        if answer.status_code == 404:
            names = ", ".join(state.name for state in self.states()) or "none"
            raise WalflowError(
                f"There is no connector {name}. Connectors: {names}.", ExitCode.USAGE
            )
        self._require_ok(answer, f"connector {name}")
        return answer

    @retry(
        retry=retry_if_exception_type(_Rebalancing),
        stop=stop_after_delay(REBALANCE_SECONDS),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    def _call(self, method: str, path: str, body: Any = None) -> requests.Response:
        try:
            answer = requests.request(method, self._url + path, json=body, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise WalflowError(
                f"Kafka Connect does not answer at {self._url}. Is it up? See `walflow status`.",
                ExitCode.NOT_READY,
            ) from error
        if answer.status_code == 409:
            raise _Rebalancing(answer.text)
        return answer

    @staticmethod
    def _require_ok(answer: requests.Response, what: str) -> None:
        if answer.ok:
            return
        try:
            message = answer.json()["message"]
        except (ValueError, KeyError):
            message = answer.reason
        raise WalflowError(f"{what}: Connect answers {answer.status_code}: {message}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _state(status: dict[str, Any]) -> ConnectorState:
    parts = [status["connector"], *status["tasks"]]
    traces = [part["trace"].splitlines()[0] for part in parts if part.get("trace")]
    return ConnectorState(
        status["name"],
        status["connector"]["state"],
        tuple(task["state"] for task in status["tasks"]),
        traces[0] if traces else "",
    )
