"""Everything about one connector, for a person and for a program; no secret is in it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from walflow.connect_api import ConnectApi
from walflow.connectors.offsets import positions
from walflow.connectors.plugins import passwords
from walflow.connectors.secrets import masked
from walflow.errors import ExitCode, WalflowError

MAX_CAUSES = 10
"""Lines of a trace that are shown."""


@dataclass(frozen=True, slots=True)
class Part:
    """The connector itself, or one of its tasks."""

    id: int | None
    """None: the connector itself."""
    state: str
    worker: str
    causes: tuple[str, ...]
    """Why it failed, the innermost last; the frames of the trace are left out."""


@dataclass(frozen=True, slots=True)
class Description:
    name: str
    type: str
    connector: Part
    tasks: tuple[Part, ...]
    topics: tuple[str, ...]
    """Written or read since the connector began (KIP-558)."""
    offsets: tuple[dict[str, Any], ...]
    config: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def describe(api: ConnectApi, name: str) -> Description:
    """What Connect tells of a connector.

    Raises:
        WalflowError: there is no such connector, which names those that there are.
    """
    status = api.read(name, "status")
    config = api.get(name)["config"]
    return Description(
        name,
        status.get("type", "unknown"),
        _part(status["connector"]),
        tuple(_part(task) for task in status["tasks"]),
        _topics(api, name),
        _offsets(api, name),
        masked(config, passwords(api.transport, config.get("connector.class", ""))),
    )


def _topics(api: ConnectApi, name: str) -> tuple[str, ...]:
    """Empty where the worker does not keep them (`topic.tracking.enable`)."""
    try:
        return tuple(sorted(api.read(name, "topics")[name]["topics"]))
    except WalflowError as error:
        if error.exit_code is ExitCode.NOT_READY:
            raise
        return ()


def _offsets(api: ConnectApi, name: str) -> tuple[dict[str, Any], ...]:
    """Empty where the worker is older than that."""
    try:
        return tuple(position.as_dict() for position in positions(api, name))
    except WalflowError as error:
        if error.exit_code is ExitCode.NOT_READY:
            raise
        return ()


def _part(status: Mapping[str, Any]) -> Part:
    lines = str(status.get("trace") or "").splitlines()
    # A frame begins with a tab; what is left are the exceptions and their messages.
    causes = [line for line in lines if line.strip() and not line.startswith("\t")]
    return Part(
        status.get("id"), status["state"], status.get("worker_id", ""), tuple(causes[-MAX_CAUSES:])
    )


def lines(described: Description) -> list[str]:
    """A description for a person."""
    told = [
        f"name       {described.name}",
        f"type       {described.type}",
        f"state      {_state(described.connector)}",
        *_causes(described.connector),
    ]
    for task in described.tasks:
        told += [f"task {task.id:<5} {_state(task)}", *_causes(task)]
    if not described.tasks:
        told.append("tasks      none")
    told += [f"topic      {topic}" for topic in described.topics]
    for position in described.offsets:
        told.append(
            f"offset     {json.dumps(position['partition'])}: {json.dumps(position['offset'])}"
        )
    told.append("config")
    return told + [f"  {name} = {value}" for name, value in sorted(described.config.items())]


def _state(part: Part) -> str:
    return f"{part.state} on {part.worker}" if part.worker else part.state


def _causes(part: Part) -> list[str]:
    return [f"           {cause}" for cause in part.causes]
