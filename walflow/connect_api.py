"""Kafka Connect's REST API, with its answers as values and its refusals as sentences.

Source: Kafka documentation, "Kafka Connect", REST API.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests
from tenacity import Retrying, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from walflow.errors import ExitCode, WalflowError
from walflow.settings import HOME

USERS_CONNECTOR = HOME / "connect" / "connectors" / "users.json"
RUNNING_SECONDS = 60
STOPPED_SECONDS = 60
REBALANCE_SECONDS = 30.0
TIMEOUT = 30.0
STOPPED = "STOPPED"
CAUSED_BY = "Caused by: "
"""Begins a cause in a Java stack trace."""


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
    """Why it failed: the innermost cause that the trace names; empty where nothing failed."""

    @property
    def is_running(self) -> bool:
        return bool(self.tasks) and {self.connector, *self.tasks} == {"RUNNING"}

    @property
    def has_failed(self) -> bool:
        return "FAILED" in (self.connector, *self.tasks)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class _NotYet(Exception):
    """The connector is not in the state that is waited for."""


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
    """A Connect cluster, reached through one of its workers.

    Args:
        timeout: seconds that one answer may take.
        rebalance_seconds: how long a call is repeated while the cluster distributes its connectors.
    """

    def __init__(
        self, url: str, timeout: float = TIMEOUT, rebalance_seconds: float = REBALANCE_SECONDS
    ) -> None:
        self._url = url
        self._timeout = timeout
        self._rebalance_seconds = rebalance_seconds

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
        elif present.status_code == 200 and self.state(connector.name).is_running:
            self._replace(connector)
            outcome = "updated"
        else:
            outcome = self._put(connector)
        self._await_running(connector.name)
        return outcome

    def _replace(self, connector: Connector) -> None:
        """Change a running connector's configuration between a stop and a start.

        Connect says RUNNING of the old tasks for seconds after the change; whoever goes on then, with
        a signal for a new table say, speaks to a task that does not know it.
        """
        try:
            self.stop(connector.name)
            self._put(connector)
        finally:
            self._known(connector.name, self._call("PUT", f"/connectors/{connector.name}/resume"))

    def _put(self, connector: Connector) -> str:
        answer = self._call("PUT", f"/connectors/{connector.name}/config", connector.config)
        self._require_ok(answer, f"connector {connector.name}")
        return "created" if answer.status_code == 201 else "updated"

    def states(self) -> list[ConnectorState]:
        answer = self._call("GET", "/connectors?expand=status")
        self._require_ok(answer, "the list of connectors")
        return [_state(entry["status"]) for _, entry in sorted(answer.json().items())]

    def state(self, name: str) -> ConnectorState:
        answer = self._known(name, self._call("GET", f"/connectors/{name}/status"))
        return _state(answer.json())

    def connectors(self) -> list[Connector]:
        """Every connector with its configuration."""
        answer = self._call("GET", "/connectors?expand=info")
        self._require_ok(answer, "the list of connectors")
        return [
            Connector(name, _without_name(entry["info"]["config"]))
            for name, entry in sorted(answer.json().items())
        ]

    def get(self, name: str) -> dict[str, Any]:
        """A connector's name and configuration, in the form in which it can be POSTed."""
        answer = self._known(name, self._call("GET", f"/connectors/{name}"))
        content = answer.json()
        return {"name": content["name"], "config": _without_name(content["config"])}

    def delete(self, name: str) -> None:
        self._known(name, self._call("DELETE", f"/connectors/{name}"))

    def restart_failed(self, name: str) -> None:
        """Start the connector and its tasks again, those that are FAILED."""
        path = f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true"
        self._known(name, self._call("POST", path))

    def stop(self, name: str) -> None:
        """Stop a connector and wait until its tasks are gone; its configuration and offsets stay."""
        self._known(name, self._call("PUT", f"/connectors/{name}/stop"))

        def require_stopped(state: ConnectorState) -> None:
            if state.connector != STOPPED or state.tasks:
                raise _NotYet(f"connector {state.connector}, tasks {state.tasks or 'none'}")

        self._await(name, "did not stop", STOPPED_SECONDS, require_stopped)

    def resume(self, name: str) -> None:
        """Resume a stopped or paused connector and wait until it and its tasks run."""
        self._known(name, self._call("PUT", f"/connectors/{name}/resume"))
        self._await_running(name)

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """How far a source connector has come, by source partition; empty if it has not begun."""
        answer = self._known(name, self._call("GET", f"/connectors/{name}/offsets"))
        return [entry["offset"] for entry in answer.json()["offsets"] if entry["offset"]]

    def delete_offsets(self, name: str) -> None:
        """Forget how far a connector has come; it has to be stopped."""
        self._known(name, self._call("DELETE", f"/connectors/{name}/offsets"))

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
        def require_running(state: ConnectorState) -> None:
            if state.has_failed:
                raise WalflowError(
                    f"Connector {name} failed: {state.reason}. `walflow logs connect` tells more."
                )
            if not state.is_running:
                raise _NotYet(f"connector {state.connector}, tasks {state.tasks or 'none'}")

        self._await(name, "did not run", RUNNING_SECONDS, require_running)

    def _await(
        self, name: str, what: str, seconds: float, require: Callable[[ConnectorState], None]
    ) -> None:
        @retry(
            retry=retry_if_exception_type(_NotYet),
            stop=stop_after_delay(seconds),
            wait=wait_fixed(0.2),
            reraise=True,
        )
        def check() -> None:
            answer = self._call("GET", f"/connectors/{name}/status")
            if answer.status_code == 404:
                raise _NotYet("its status is not known yet")
            require(_state(answer.json()))

        try:
            check()
        except _NotYet as reason:
            raise WalflowError(
                f"Connector {name} {what} within {seconds:g} s: {reason}."
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

    def _call(self, method: str, path: str, body: Any = None) -> requests.Response:
        repeated = Retrying(
            retry=retry_if_exception_type(_Rebalancing),
            stop=stop_after_delay(self._rebalance_seconds),
            wait=wait_fixed(0.5),
            reraise=True,
        )
        try:
            return repeated(self._request, method, path, body)
        except _Rebalancing as error:
            raise WalflowError(
                f"Kafka Connect at {self._url} was still distributing its connectors after"
                f" {self._rebalance_seconds:g} s ({error}). Try again; `walflow logs connect` tells"
                " what keeps it.",
                ExitCode.NOT_READY,
            ) from error

    def _request(self, method: str, path: str, body: Any) -> requests.Response:
        try:
            answer = requests.request(method, self._url + path, json=body, timeout=self._timeout)
        except requests.RequestException as error:
            raise WalflowError(
                f"Kafka Connect does not answer at {self._url}. Is it up? See `walflow status`.",
                ExitCode.NOT_READY,
            ) from error
        if answer.status_code == 409:
            raise _Rebalancing(_message(answer))
        return answer

    @staticmethod
    def _require_ok(answer: requests.Response, what: str) -> None:
        if not answer.ok:
            raise WalflowError(f"{what}: Connect answers {answer.status_code}: {_message(answer)}")


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.reason)


def _without_name(config: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in config.items() if key != "name"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _state(status: dict[str, Any]) -> ConnectorState:
    parts = [status["connector"], *status["tasks"]]
    reasons = [_innermost_cause(part["trace"]) for part in parts if part.get("trace")]
    return ConnectorState(
        status["name"],
        status["connector"]["state"],
        tuple(task["state"] for task in status["tasks"]),
        reasons[0] if reasons else "",
    )


def _innermost_cause(trace: str) -> str:
    causes = [line for line in trace.splitlines() if line.startswith(CAUSED_BY)]
    return causes[-1].removeprefix(CAUSED_BY) if causes else trace.partition("\n")[0]
