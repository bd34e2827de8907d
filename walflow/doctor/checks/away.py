"""Servers that do not answer."""

from collections.abc import Iterator

from walflow.advice import typed
from walflow.doctor.finding import Finding, Severity, by_hand, shell
from walflow.doctor.servers.all import SERVERS, Servers


def away(servers: Servers) -> Iterator[Finding]:
    for server in servers.away:
        is_ours = server.server in SERVERS
        yield Finding(
            Severity.STALLS,
            server.server,
            server.sentence,
            f"service {server.server}" if is_ours else server.server,
            shell(typed(f"up {server.server}"))
            if is_ours
            else by_hand("Start it, or correct its address in the connector."),
        )


def unseen_databases(servers: Servers) -> Iterator[Finding]:
    """What could not be looked at is told."""
    for connector in servers.hidden:
        yield Finding(
            Severity.KNOW,
            connector.name,
            f"The database of connector {connector.name} was not looked at: its address or password is a"
            " reference that only a worker of Connect resolves.",
            f"connector {connector.name} in Kafka Connect: database.*",
            by_hand("Look at its slot and its publication there."),
        )
