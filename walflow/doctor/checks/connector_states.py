"""Connectors that do not run."""

from collections.abc import Iterator

from walflow.advice import typed
from walflow.doctor.finding import Finding, Severity, shell
from walflow.doctor.servers.all import Servers


def not_running(servers: Servers) -> Iterator[Finding]:
    for connector in servers.connectors:
        state, name = connector.state, connector.name
        if state.has_failed:
            yield Finding(
                Severity.STALLS,
                name,
                f"Connector {name} is FAILED: {state.reason}.",
                f"connector {name} in Kafka Connect",
                (
                    *shell(typed(f"connectors describe {name}")),
                    *shell(typed(f"connectors restart {name} --tasks failed")),
                ),
            )
        elif state.is_held:
            yield Finding(
                Severity.STALLS,
                name,
                f"Connector {name} is {state.connector}: somebody holds it, and its slot keeps WAL."
                if connector.is_postgres
                else f"Connector {name} is {state.connector}: somebody holds it.",
                f"connector {name} in Kafka Connect",
                shell(typed(f"connectors resume {name}")),
            )
        elif not state.tasks:
            yield Finding(
                Severity.STALLS,
                name,
                f"Connector {name} is {state.connector} and has no task.",
                f"connector {name} in Kafka Connect",
                shell(typed(f"connectors restart {name}")),
            )
