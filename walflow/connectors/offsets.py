"""How far a connector has come, and what it means to forget that.

Source: KIP-875 (Kafka 3.6).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from walflow.advice import ticked
from walflow.connect_api import STOPPED, ConnectApi
from walflow.connectors.kinds import is_debezium
from walflow.errors import WalflowError

WITHOUT_ROWS = ("no_data", "never", "schema_only")
"""Values of Debezium's `snapshot.mode` with which a snapshot brings no row."""


@dataclass(frozen=True, slots=True)
class Position:
    """A partition of the source, or a topic's of a sink, and how far the connector is in it."""

    partition: Mapping[str, Any]
    offset: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def as_row(self) -> tuple[str, str]:
        return json.dumps(self.partition), json.dumps(self.offset)


def positions(api: ConnectApi, name: str) -> list[Position]:
    """A connector's positions; none if it has not begun.

    Raises:
        WalflowError: there is no such connector, or Connect is older than that.
    """
    return [
        Position(entry["partition"], entry["offset"])
        for entry in api.read(name, "offsets")["offsets"]
    ]


def require_stopped(api: ConnectApi, name: str) -> None:
    """Connect lets nobody forget the positions of a connector that has tasks.

    Raises:
        WalflowError: it is not stopped.
    """
    state = api.state(name).connector
    if state != STOPPED:
        raise WalflowError(
            f"Connector {name} is {state}. Its offsets can be reset while it is stopped only:"
            f" {ticked(f'connectors stop {name}')} stops it."
        )


def meaning_of_reset(name: str, kind: str, config: Mapping[str, str], is_captured: bool) -> str:
    """What happens after a reset, in words.

    Args:
        kind: source or sink.
        is_captured: whether it is the connector that this pipeline's stream reads from.
    """
    if kind == "sink":
        policy = config.get("consumer.override.auto.offset.reset", "earliest")
        return (
            f"When connector {name} is resumed, it reads its topics from the {policy} record on and"
            " writes what it finds there once more."
        )
    if not is_debezium(config):
        return (
            f"When connector {name} is resumed, it reads its source from where it would begin if it"
            " were new: records can come to its topics a second time."
        )
    mode = config.get("snapshot.mode", "initial")
    if mode in WITHOUT_ROWS:
        return (
            f"When connector {name} is resumed, it goes on at the present: its snapshot.mode is {mode},"
            " so no row is read, and what was committed since it was stopped is never captured."
        )
    told = (
        f"When connector {name} is resumed, it takes a new snapshot (snapshot.mode = {mode}): every"
        " row of its tables comes to their topics once more. Rows that are deleted before that are in"
        " no snapshot"
    )
    if not is_captured:
        return f"{told}: whoever reads the topics keeps them as orphans."
    return (
        f"{told}: they stay in Cassandra as orphans. {ticked('recover')} does all of it: it takes the"
        " snapshot and removes the orphans, also after a resume by hand."
    )
