"""Publications against what connectors take."""

from collections.abc import Iterator

from walflow.capture.connector import captures_publication
from walflow.doctor.captured import own_tables, takes
from walflow.doctor.finding import Finding, Fix, Severity, Tool
from walflow.doctor.places import connector_place
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.connect import ConnectorConfig
from walflow.doctor.servers.postgres import Publication, SourceServer

OPERATIONS = "insert, update, delete, truncate"


def missing_publications(servers: Servers) -> Iterator[Finding]:
    for source, connector, publication in _readers(servers):
        mode = connector.value("publication.autocreate.mode", "all_tables")
        if publication is None and mode == "disabled":
            tables = [c.table.sql_name for c in source.captured if c.connector == connector.name]
            yield Finding(
                Severity.STALLS,
                connector.name,
                f"Connector {connector.name} reads the publication {connector.publication}, which"
                f" {source.at} does not have.",
                connector_place(
                    connector.name,
                    "publication.name",
                    connector.config.get("publication.name"),
                ),
                (
                    Fix(
                        f"CREATE PUBLICATION {connector.publication}"
                        + (f" FOR TABLE {', '.join(tables)};" if tables else ";"),
                        Tool.POSTGRESQL,
                        source.at,
                    ),
                ),
            )


def unpublished_tables(servers: Servers) -> Iterator[Finding]:
    """Included by the connector, not in its publication. Of this pipeline's, `captured` tells it."""
    for source, connector, publication in _readers(servers):
        if publication is None or captures_publication(servers.settings, connector.config):
            continue
        for captured in source.captured:
            table = captured.table
            if captured.connector != connector.name or publication.has_all_tables:
                continue
            if not table.is_published and table.full_name not in publication.tables:
                yield Finding(
                    Severity.LOSES,
                    table.full_name,
                    f"Connector {connector.name} is to capture {table.full_name}, which is not in the"
                    f" publication {publication.name}: none of its changes comes.",
                    f"PostgreSQL at {source.at}: publication {publication.name}",
                    (
                        Fix(
                            f"ALTER PUBLICATION {publication.name} ADD TABLE {table.sql_name};",
                            Tool.POSTGRESQL,
                            source.at,
                        ),
                    ),
                )


def unread_tables(servers: Servers) -> Iterator[Finding]:
    """In the publication, taken by no connector that reads it."""
    for source in servers.sources:
        by_name = {c.name: c for c in servers.postgres_connectors if c.name in source.connectors}
        for publication in source.publications.values():
            readers = [c for c in by_name.values() if c.publication == publication.name]
            if not readers or publication.has_all_tables:
                continue
            own = frozenset[str]().union(*(own_tables(connector) for connector in readers))
            for name in sorted(publication.tables - own):
                schema, _, table = name.partition(".")
                # Of this pipeline's own, `captured` tells it.
                if any(takes(c, schema, table) for c in readers) or any(
                    captures_publication(servers.settings, c.config) for c in readers
                ):
                    continue
                yield Finding(
                    Severity.KNOW,
                    name,
                    f"The publication {publication.name} has {name}, which"
                    f" {' and '.join(c.name for c in readers)} does not take: its changes are decoded"
                    " and sent for nothing.",
                    f"PostgreSQL at {source.at}: publication {publication.name}",
                    (
                        Fix(
                            f'ALTER PUBLICATION {publication.name} DROP TABLE "{schema}"."{table}";',
                            Tool.POSTGRESQL,
                            source.at,
                        ),
                    ),
                )


def unpublished_operations(servers: Servers) -> Iterator[Finding]:
    for source, connector, publication in _readers(servers):
        if publication is None:
            continue
        missing = [
            word
            for word, is_published in (
                ("inserts", publication.inserts),
                ("updates", publication.updates),
                ("deletes", publication.deletes),
                ("TRUNCATE", publication.truncates),
            )
            if not is_published
        ]
        if missing:
            yield Finding(
                Severity.LOSES,
                publication.name,
                f"The publication {publication.name}, which {connector.name} reads, leaves out"
                f" {', '.join(missing)}.",
                f"PostgreSQL at {source.at}: publication {publication.name}",
                (
                    Fix(
                        f"ALTER PUBLICATION {publication.name} SET (publish = '{OPERATIONS}');",
                        Tool.POSTGRESQL,
                        source.at,
                    ),
                ),
            )


def _readers(
    servers: Servers,
) -> Iterator[tuple[SourceServer, ConnectorConfig, Publication | None]]:
    """Each connector of PostgreSQL with its database and its publication, if that is there."""
    for source in servers.sources:
        for connector in servers.postgres_connectors:
            if connector.name in source.connectors:
                yield source, connector, source.publications.get(connector.publication)
