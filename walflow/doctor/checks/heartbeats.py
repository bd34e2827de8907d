"""Connectors of PostgreSQL that confirm nothing while their tables are quiet.

Source: Debezium documentation, PostgreSQL connector, "WAL disk space consumption": with pgoutput the
connector hears of published tables only, so only a change of a published table moves the slot on.
"""

from collections.abc import Iterator

from walflow.doctor.captured import heartbeat_table
from walflow.doctor.checks.connector_settings import patch
from walflow.doctor.finding import Finding, Fix, Severity, Tool, by_hand
from walflow.doctor.places import connector_place
from walflow.doctor.servers.all import Servers

INTERVAL, QUERY = "heartbeat.interval.ms", "heartbeat.action.query"
WHY = "while its tables are quiet its slot does not move, and PostgreSQL keeps WAL for it"


def no_heartbeat(servers: Servers) -> Iterator[Finding]:
    for connector in servers.postgres_connectors:
        if int(connector.value(INTERVAL, "0")) <= 0:
            yield Finding(
                Severity.STALLS,
                connector.name,
                f"Connector {connector.name} has no heartbeat: {WHY}.",
                connector_place(connector.name, INTERVAL, connector.config.get(INTERVAL)),
                patch(connector.name, INTERVAL, "10000"),
            )
        elif (
            not connector.value(QUERY)
            and connector.value("lsn.flush.mode") != "connector_and_driver"
        ):
            yield Finding(
                Severity.STALLS,
                connector.name,
                f"Connector {connector.name} beats without a statement ({QUERY}): {WHY}.",
                connector_place(connector.name, QUERY, None),
                by_hand(
                    f"Make a table for it in the publication {connector.publication}, and set {QUERY} to"
                    " a statement that writes there; connect/connectors/users.json has an example."
                ),
            )


def unpublished_heartbeat(servers: Servers) -> Iterator[Finding]:
    """The statement writes, and the connector does not hear of it."""
    connectors = {connector.name: connector for connector in servers.postgres_connectors}
    for source in servers.sources:
        for name in source.connectors:
            connector = connectors[name]
            table = heartbeat_table(connector)
            publication = source.publications.get(connector.publication)
            if not table or publication is None or publication.has_all_tables:
                continue
            if table not in publication.tables:
                command = f"ALTER PUBLICATION {publication.name} ADD TABLE {table};"
                yield Finding(
                    Severity.STALLS,
                    name,
                    f"Connector {name} beats in {table}, which is not in the publication"
                    f" {publication.name}: {WHY}.",
                    connector_place(name, QUERY, connector.config.get(QUERY)),
                    (Fix(command, Tool.POSTGRESQL, source.at),),
                )
