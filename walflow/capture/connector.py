"""The connector that captures the publication, and what it has to agree on with pipeline.toml."""

from collections.abc import Iterable, Iterator, Mapping

from walflow.advice import ticked
from walflow.capture import include_list
from walflow.capture.catalog import SourceTable, find_table, published_tables, split_name
from walflow.capture.problems import Problem, not_there, problems_of, shared_targets
from walflow.capture.source import connected
from walflow.connect_api import ConnectApi, Connector
from walflow.connectors.kinds import is_postgres
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.kafka import NOTIFICATIONS
from walflow.tables import TableRules
from walflow.verify.catalog import PUBLICATION

SIGNALS = "walflow.signals"
"""The table in PostgreSQL through which Debezium is asked for a snapshot."""


def connect_api(settings: Settings) -> ConnectApi:
    return ConnectApi(f"http://{settings.address('connect')}")


def capturing(api: ConnectApi) -> Connector:
    """The connector that reads the publication.

    Raises:
        WalflowError: there is none.
    """
    for connector in api.connectors():
        if connector.config.get("publication.name") == PUBLICATION:
            return connector
    raise WalflowError(
        f"No connector captures the publication {PUBLICATION}. {ticked('connectors apply')} makes it.",
        ExitCode.NOT_READY,
    )


def require_same_settings(settings: Settings, connector: Connector, source: str) -> None:
    """Refuse a connector of which the stream would see nothing, or not everything.

    Only a Debezium connector that reads this stack's publication is looked at; any other is none of
    ours, though it may read the same PostgreSQL.

    Args:
        source: where the connector's configuration comes from.

    Raises:
        WalflowError: a setting is not as in pipeline.toml; each is named with both places.
    """
    if captures_publication(settings, connector.config):
        _refuse([f"{source}: {text}" for text in mismatches(settings, connector.config)])


def require_agreement(settings: Settings, connector: Connector, source: str) -> None:
    """The same, and that each table which it captures can be replicated exactly.

    Raises:
        WalflowError: what is wrong, by name and with the SQL that would change it.
    """
    require_same_settings(settings, connector, source)
    if captures_publication(settings, connector.config):
        _refuse(
            f"{source}: {name}: {problem.text}"
            for name, found in included_problems(settings, connector.config).items()
            for problem in found
        )


def _refuse(sentences: Iterable[str]) -> None:
    if refused := list(sentences):
        raise WalflowError("\n".join([*refused, "Nothing was changed."]), ExitCode.USAGE)


def captures_publication(settings: Settings, config: Mapping[str, str]) -> bool:
    """Whether it is the configuration of the connector from which this pipeline's stream reads."""
    return is_ours(settings, config) and config.get("publication.name") == PUBLICATION


def require_nothing_lost(api: ConnectApi, connector: Connector, source: str) -> None:
    """Refuse a configuration that would end the capture of a table that was added to the live one.

    Only the connector that reads the publication is looked at; `walflow tables` has no other.

    Raises:
        WalflowError: naming the tables.
    """
    present = next((c for c in api.connectors() if c.name == connector.name), None)
    if present is None or present.config.get("publication.name") != PUBLICATION:
        return
    lost = [
        name
        for name in include_list.literal_names(present.config)
        if not include_list.captures(connector.config, name)
    ]
    if lost:
        raise WalflowError(
            f"{source} does not have {', '.join(lost)} in {include_list.SETTING}, which connector"
            f" {connector.name} captures now. Write it into the file with"
            f" {ticked(f'tables add {lost[0]} -f {source}')}, or end its capture with"
            f" {ticked(f'tables remove {lost[0]}')}. Nothing was changed.",
            ExitCode.USAGE,
        )


def with_added_tables(api: ConnectApi, connector: Connector) -> Connector:
    """The connector with the tables that were added to the live one."""
    config: Mapping[str, str] = connector.config
    for present in api.connectors():
        if present.name == connector.name:
            for name in include_list.literal_names(present.config):
                config = include_list.with_table(config, name)
    return Connector(connector.name, dict(config))


def included_problems(settings: Settings, config: Mapping[str, str]) -> dict[str, list[Problem]]:
    """The tables that a connector captures and that cannot be replicated exactly, with why."""
    rules = TableRules.of(settings)
    found: dict[str, list[Problem]] = {}
    with connected(settings) as connection, connection.cursor() as cursor:
        tables: dict[str, SourceTable | None] = {
            name: find_table(cursor, *split_name(name))
            for name in include_list.literal_names(config)
        }
        tables |= {
            table.full_name: table
            for table in published_tables(cursor)
            if include_list.captures(config, table.full_name)
        }
    targets = shared_targets([rules.rule(*split_name(name)) for name in tables])
    for name, table in tables.items():
        problems = [targets[name]] if name in targets else []
        if table is None:
            problems.append(not_there(*split_name(name)))
        else:
            problems += problems_of(table, rules.rule(table.schema, table.name))
            problems += unpublished(table)
        if problems:
            found[name] = problems
    return found


def unpublished(table: SourceTable) -> list[Problem]:
    """What keeps the connector from reading a table that it is to capture."""
    found = []
    if not table.is_published and not table.published_root:
        found.append(
            Problem(
                f"{table.sql_name} is not in the publication {PUBLICATION}, so none of its changes"
                f" is captured; {ticked(f'tables add {table.full_name}')} does all that is needed.",
                (f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {table.sql_name}",),
            )
        )
    return found


def is_ours(settings: Settings, config: Mapping[str, str]) -> bool:
    """Whether it is the configuration of a Debezium connector on this stack's PostgreSQL."""
    host, port = config.get("database.hostname"), config.get("database.port")
    return (
        is_postgres(config)
        and host in ("${env:SOURCE_HOST}", "127.0.0.1", "localhost")
        and port in ("${env:SOURCE_PORT}", str(settings.ports.of("postgres")))
    )


def mismatches(settings: Settings, config: Mapping[str, str]) -> Iterator[str]:
    """What a connector does not have as pipeline.toml has it; each a sentence with both places."""
    topics = settings.topics
    wanted = {
        "topic.prefix": (
            topics.prefix,
            "topics.prefix in pipeline.toml",
            "the stream would see no change",
        ),
        "topic.creation.default.partitions": (
            str(topics.partitions),
            "topics.partitions in pipeline.toml",
            "a new table's topic would have another number of partitions than is planned for",
        ),
        "topic.creation.default.replication.factor": (
            str(topics.replication),
            "topics.replication in pipeline.toml",
            "a new table's topic would be replicated otherwise",
        ),
        "signal.data.collection": (
            SIGNALS,
            "the table in postgres/schema.sql",
            f"{ticked('snapshot')} could not reach it",
        ),
        "notification.sink.topic.name": (
            NOTIFICATIONS,
            "the topic that walflow reads",
            f"{ticked('snapshot')} would not hear of it",
        ),
    }
    for key, (value, place, otherwise) in wanted.items():
        if config.get(key) != value:
            present = f"{config[key]!r}" if key in config else "not set"
            yield f"{key} is {present}, but {place} is {value!r}: {otherwise}. Make them the same."
