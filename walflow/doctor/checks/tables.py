"""Captured tables whose changes or old values would be lost."""

import re
from collections.abc import Iterator, Sequence

from walflow.capture.connector import captures_publication
from walflow.capture.problems import Problem, source_problems_of
from walflow.doctor.checks.connector_settings import feeds_stream, patch
from walflow.doctor.finding import Finding, Fix, Severity, Tool, by_hand
from walflow.doctor.places import connector_place
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.connect import ConnectorConfig
from walflow.doctor.servers.postgres import MAX_TABLES, Captured, SourceServer

_COMMAND = re.compile(r"`(walflow [^`]+)`")


def captured(servers: Servers) -> Iterator[Finding]:
    """Tables of this pipeline: by the rules of `walflow tables list`."""
    at = f"{servers.settings.address('postgres')}/{servers.settings.postgres.database}"
    for table in servers.tables:
        for problem in table.problems:
            yield _finding(table.name, problem, at)


def captured_by_others(servers: Servers) -> Iterator[Finding]:
    """Tables of any other connector: the key, the replica identity, hidden rows."""
    for source, connector, tables in _captured(servers):
        if captures_publication(servers.settings, connector.config):
            continue
        for each in tables:
            for problem in source_problems_of(each.table, connector.role, connector.publication):
                yield _finding(each.table.full_name, problem, source.at)


def lost_toast(servers: Servers) -> Iterator[Finding]:
    """Large values that did not change come as a placeholder, unless the old row is logged whole.

    This pipeline's stream leaves such a cell as it is; who else reads the topics may not.
    """
    for source, connector, tables in _captured(servers):
        if feeds_stream(servers, connector) or connector.value("post.processors"):
            continue
        for each in tables:
            large = [column.name for column in each.columns if column.is_toastable]
            lacking = [i for i in each.table.identities if i.kind != "f"]
            if large and lacking:
                yield Finding(
                    Severity.KNOW,
                    each.table.full_name,
                    f"An update of {each.table.full_name} that leaves a large value of"
                    f" {', '.join(large)} as it is brings Debezium's placeholder in its place, and no"
                    " before-image: its replica identity is " + each.table.identity + ".",
                    f"PostgreSQL at {source.at}: table {each.table.full_name}",
                    tuple(
                        Fix(
                            f"ALTER TABLE {identity.sql_name} REPLICA IDENTITY FULL;",
                            Tool.POSTGRESQL,
                            source.at,
                        )
                        for identity in lacking
                    ),
                )


def rounded_intervals(servers: Servers) -> Iterator[Finding]:
    """Numeric intervals count a month as 30.4375 days (Debezium documentation, "Basic types")."""
    key = "interval.handling.mode"
    for _, connector, tables in _captured(servers):
        names = [
            f"{each.table.full_name}.{column.name}"
            for each in tables
            for column in each.columns
            if column.type in ("interval", "interval[]")
        ]
        if names and connector.value(key, "numeric") == "numeric":
            yield Finding(
                Severity.LOSES,
                connector.name,
                f"Connector {connector.name}: with {key} = numeric, months and days of"
                f" {', '.join(names)} become microseconds, which cannot be undone.",
                connector_place(connector.name, key, connector.config.get(key)),
                patch(connector.name, key, "string"),
            )


def too_many_tables(servers: Servers) -> Iterator[Finding]:
    for source, connector, tables in _captured(servers):
        if len(tables) >= MAX_TABLES:
            yield Finding(
                Severity.KNOW,
                connector.name,
                f"Connector {connector.name} takes more tables of {source.at} than were looked at"
                f" ({MAX_TABLES}).",
                connector_place(
                    connector.name,
                    "table.include.list",
                    connector.config.get("table.include.list"),
                ),
                by_hand("Name the tables that it is to take in table.include.list."),
            )


def _finding(table: str, problem: Problem, at: str) -> Finding:
    fixes = tuple(Fix(f"{sql};", Tool.POSTGRESQL, at) for sql in problem.sql)
    commands = tuple(Fix(command) for command in _COMMAND.findall(problem.sentence))
    return Finding(
        Severity.LOSES,
        table,
        f"{table}: {problem.sentence}",
        f"PostgreSQL at {at}: table {table}",
        commands or fixes or by_hand("Change the table, or its rule in pipeline.toml."),
    )


def _captured(
    servers: Servers,
) -> Iterator[tuple[SourceServer, ConnectorConfig, Sequence[Captured]]]:
    for source in servers.sources:
        for connector in servers.postgres_connectors:
            if connector.name in source.connectors:
                yield (
                    source,
                    connector,
                    [each for each in source.captured if each.connector == connector.name],
                )
