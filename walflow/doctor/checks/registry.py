"""The Schema Registry: whether it would refuse what a change of a table needs."""

from collections.abc import Iterator

from walflow.doctor.finding import Finding, Severity, shell
from walflow.doctor.servers.all import Servers


def closed_registry(servers: Servers) -> Iterator[Finding]:
    registry = servers.registry
    if registry is not None and registry.mode in ("READONLY", "READONLY_OVERRIDE"):
        yield Finding(
            Severity.STALLS,
            "registry",
            f"The registry takes no schema (mode {registry.mode}): with the first new one a connector"
            " fails.",
            f"{registry.url}/mode",
            shell(
                "curl -X PUT -H 'Content-Type: application/json' -d '{\"mode\": \"READWRITE\"}'"
                f" {registry.url}/mode"
            ),
        )


def refused_schemas(servers: Servers) -> Iterator[Finding]:
    """The stream takes any change, by the writer's schema; a level can only keep it out."""
    registry = servers.registry
    if registry is None:
        return
    for subject, level in registry.levels.items():
        if level != "NONE":
            yield Finding(
                Severity.STALLS,
                subject,
                f"The registry holds {subject} to {level}: a change of the table that it takes for"
                " incompatible, of a column's type say, makes the connector fail.",
                f"{registry.url}/config/{subject}",
                shell(
                    "curl -X PUT -H 'Content-Type: application/json' -d '{\"compatibility\": \"NONE\"}'"
                    f" {registry.url}/config/{subject}"
                ),
            )
