"""Kafka Connect's REST API, with its answers as values and its refusals as sentences.

Source: Kafka documentation, "Kafka Connect", REST API.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from walflow.advice import ticked
from walflow.connectors.transport import REBALANCE_SECONDS, TIMEOUT, Transport, require_ok
from walflow.connectors.validation import require_valid
from walflow.errors import ExitCode, WalflowError
from walflow.settings import HOME

USERS_CONNECTOR = HOME / "connect" / "connectors" / "users.json"
RUNNING_SECONDS = 60
STOPPED_SECONDS = 60
RUNNING = "RUNNING"
PAUSED = "PAUSED"
STOPPED = "STOPPED"
CAUSED_BY = "Caused by: "
"""Begins a cause in a Java stack trace."""


@dataclass(frozen=True)
class Connector:
    """A connector as it is POSTed: its name and its configuration."""

    name: str
    config: dict[str, str]
    initial_state: str = RUNNING
    """RUNNING, PAUSED or STOPPED: in which a new connector begins (KIP-980, Kafka 3.7)."""


@dataclass(frozen=True)
class ConnectorState:
    name: str
    connector: str
    """RUNNING, PAUSED, FAILED, UNASSIGNED…"""
    tasks: tuple[str, ...]
    reason: str
    """Why it failed: the innermost cause that the trace names; empty where nothing failed."""
    type: str = ""
    """source or sink."""

    @property
    def is_running(self) -> bool:
        return bool(self.tasks) and {self.connector, *self.tasks} == {RUNNING}

    @property
    def is_held(self) -> bool:
        """Whether somebody has paused or stopped it: then nothing but `resume` lets it run."""
        return self.connector in (PAUSED, STOPPED)

    @property
    def has_failed(self) -> bool:
        return "FAILED" in (self.connector, *self.tasks)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class _NotYet(Exception):
    """The connector is not in the state that is waited for."""


def read_connector(file: Path) -> Connector:
    """Read a connector's JSON file.

    Raises:
        WalflowError: no such file, no JSON (with its line), or not of the form that Connect takes.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise WalflowError(f"{file} cannot be read: {error.strerror}.", ExitCode.USAGE) from error
    return connector_of(content, str(file))


def connector_of(content: bytes, source: str) -> Connector:
    """The connector that a JSON text describes.

    Args:
        source: where the text comes from, for the sentence of a refusal.

    Raises:
        WalflowError: no JSON (with its line), or not of the form that Connect takes.
    """
    try:
        described = json.loads(content)
    except ValueError as error:
        where = f"{source}:{getattr(error, 'lineno', 1)}"
        raise WalflowError(f"{where}: this is not JSON: {error}.", ExitCode.USAGE) from error
    match described:
        case {"name": str(name), "config": dict(config)} if name:
            state = described.get("initial_state", RUNNING)
            if state not in (RUNNING, PAUSED, STOPPED):
                raise WalflowError(
                    f"{source}: initial_state is {state!r}; it can be {RUNNING}, {PAUSED} or"
                    f" {STOPPED}.",
                    ExitCode.USAGE,
                )
            # Connect keeps every value as a string.
            values = {key: _text(key, value, source) for key, value in config.items()}
            return Connector(name, values, state)
    raise WalflowError(
        f'{source} is not a connector: it must hold {{"name": "…", "config": {{…}}}}.',
        ExitCode.USAGE,
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
        self.transport = Transport(url, timeout, rebalance_seconds)

    def apply(self, connector: Connector, source: str) -> str:
        """Create or update a connector and wait until it and its tasks run.

        Returns:
            "created", "updated" or "unchanged".

        Raises:
            WalflowError: Connect refuses fields (each named), or the connector fails.
        """
        require_valid(self.transport, connector.name, connector.config, source)
        outcome = self.change(connector)
        self.await_running(connector.name)
        return outcome

    def change(self, connector: Connector) -> str:
        """The same of a configuration that was validated, and without the wait.

        A connector that is held stays so.

        Raises:
            WalflowError: Connect refuses.
        """
        present = self.config(connector.name)
        if present is None:
            return self._create(connector)
        if present == _without_name(connector.config):
            return "unchanged"
        state = self._status(connector.name)
        if state is not None and state.tasks and not state.is_held:
            self._replace(connector)
        else:
            self._put(connector)
        return "updated"

    def config(self, name: str) -> dict[str, str] | None:
        """A connector's configuration as it is in Connect, without its name; None: there is none."""
        answer = self._call("GET", f"{_path(name)}/config")
        if answer.status_code == requests.codes.not_found:
            return None
        require_ok(answer, f"connector {name}")
        return _without_name(answer.json())

    def _replace(self, connector: Connector) -> None:
        """Change a connector's configuration between a stop and a start.

        Connect tells the state of the old tasks for seconds after the change. Whoever believes RUNNING
        then, and sends a signal for a new table say, speaks to a task that does not know it; and FAILED
        would be told of what has just been mended.
        """
        try:
            self.stop(connector.name)
            self._put(connector)
        finally:
            self._ask(connector.name, "PUT", "resume")

    def _put(self, connector: Connector) -> None:
        answer = self._call("PUT", f"{_path(connector.name)}/config", connector.config)
        require_ok(answer, f"connector {connector.name}")

    def _create(self, connector: Connector) -> str:
        if connector.initial_state == RUNNING:
            self._put(connector)
        else:
            require_ok(self._call("POST", "/connectors", asdict(connector)), connector.name)
        return "created"

    def states(self) -> list[ConnectorState]:
        answer = self.transport.read("/connectors?expand=status", "the list of connectors")
        return [state_of(entry["status"]) for _, entry in sorted(answer.items())]

    def state(self, name: str) -> ConnectorState:
        return state_of(self.read(name, "status"))

    def held_as(self, name: str) -> str:
        """PAUSED or STOPPED, if somebody has made it so; else empty, as for one that is just made."""
        state = self._status(name)
        return state.connector if state is not None and state.is_held else ""

    def connectors(self) -> list[Connector]:
        """Every connector with its configuration."""
        answer = self.transport.read("/connectors?expand=info", "the list of connectors")
        return [
            Connector(name, _without_name(entry["info"]["config"]))
            for name, entry in sorted(answer.items())
        ]

    def get(self, name: str) -> dict[str, Any]:
        """A connector's name and configuration, in the form in which it can be POSTed."""
        content = self.read(name)
        return {"name": content["name"], "config": _without_name(content["config"])}

    def read(self, name: str, part: str = "") -> Any:
        """What Connect tells of a connector: itself, or its status, tasks, topics or offsets.

        Raises:
            WalflowError: there is no such connector, which names those that there are.
        """
        return self._ask(name, "GET", part).json()

    def delete(self, name: str) -> None:
        self._ask(name, "DELETE")

    def restart(self, name: str, tasks: bool = True, only_failed: bool = False) -> None:
        """Start the connector again, its tasks too or not, all or those that are FAILED."""
        query = f"includeTasks={str(tasks).lower()}&onlyFailed={str(only_failed).lower()}"
        self._ask(name, "POST", f"restart?{query}")

    def restart_failed(self, name: str) -> None:
        """Start the connector and its tasks again, those that are FAILED."""
        self.restart(name, only_failed=True)

    def pause(self, name: str) -> None:
        """Have a connector wait with its tasks in place, and wait until they do."""
        self._ask(name, "PUT", "pause")

        def require_paused(state: ConnectorState) -> None:
            if {state.connector, *state.tasks} != {PAUSED}:
                raise _NotYet(f"connector {state.connector}, tasks {state.tasks or 'none'}")

        self._await(name, "did not pause", STOPPED_SECONDS, require_paused)

    def stop(self, name: str) -> None:
        """Stop a connector and wait until its tasks are gone; its configuration and offsets stay."""
        self._ask(name, "PUT", "stop")

        def require_stopped(state: ConnectorState) -> None:
            if state.connector != STOPPED or state.tasks:
                raise _NotYet(f"connector {state.connector}, tasks {state.tasks or 'none'}")

        self._await(name, "did not stop", STOPPED_SECONDS, require_stopped)

    def resume(self, name: str) -> None:
        """Resume a stopped or paused connector and wait until it and its tasks run."""
        self._ask(name, "PUT", "resume")
        self.await_running(name)

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """How far a source connector has come, by source partition; empty if it has not begun."""
        entries = self.read(name, "offsets")["offsets"]
        return [entry["offset"] for entry in entries if entry["offset"]]

    def delete_offsets(self, name: str) -> str:
        """Forget how far a connector has come; it has to be stopped. Returns what Connect says."""
        return str(self._ask(name, "DELETE", "offsets").json().get("message", ""))

    def await_running(self, name: str) -> None:
        """Wait until a connector and its tasks run.

        Raises:
            WalflowError: it failed, with the reason, or takes too long.
        """

        def require_running(state: ConnectorState) -> None:
            if state.has_failed:
                raise WalflowError(
                    f"Connector {name} failed: {state.reason}. {ticked('logs connect')} tells more."
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
            state = self._status(name)
            if state is None:
                raise _NotYet("its status is not known yet")
            require(state)

        try:
            check()
        except _NotYet as reason:
            raise WalflowError(
                f"Connector {name} {what} within {seconds:g} s: {reason}."
                f" {ticked('logs connect')} tells more."
            ) from reason

    def _status(self, name: str) -> ConnectorState | None:
        """None for a connector so new that nobody has told its state yet."""
        answer = self._call("GET", f"{_path(name)}/status")
        if answer.status_code == requests.codes.not_found:
            return None
        require_ok(answer, f"connector {name}")
        return state_of(answer.json())

    def _ask(self, name: str, method: str, part: str = "") -> requests.Response:
        path = f"{_path(name)}/{part}" if part else _path(name)
        answer = self._call(method, path)
        if answer.status_code == requests.codes.not_found:
            names = [state.name for state in self.states()]
            if name in names:
                raise WalflowError(
                    f"This Connect cluster has no {method} {path}: its version of Kafka is older than"
                    " that."
                )
            raise WalflowError(
                f"There is no connector {name}. Connectors: {', '.join(names) or 'none'}.",
                ExitCode.USAGE,
            )
        require_ok(answer, f"connector {name}")
        return answer

    def _call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.transport.call(method, path, body)


def _path(name: str) -> str:
    return f"/connectors/{quote(name, safe='')}"


def _without_name(config: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in config.items() if key != "name"}


def _text(key: str, value: Any, source: str) -> str:
    if value is None:
        raise WalflowError(
            f"{source}: {key} is null, which is no value of a setting: leave it out.",
            ExitCode.USAGE,
        )
    return value if isinstance(value, str) else json.dumps(value)


def state_of(status: dict[str, Any]) -> ConnectorState:
    """A connector's state, of what Connect's REST API tells as its status."""
    parts = [status["connector"], *status["tasks"]]
    reasons = [_innermost_cause(part["trace"]) for part in parts if part.get("trace")]
    return ConnectorState(
        status["name"],
        status["connector"]["state"],
        tuple(task["state"] for task in status["tasks"]),
        reasons[0] if reasons else "",
        status.get("type", ""),
    )


def _innermost_cause(trace: str) -> str:
    causes = [line for line in trace.splitlines() if line.startswith(CAUSED_BY)]
    return causes[-1].removeprefix(CAUSED_BY) if causes else trace.partition("\n")[0]
