"""Which classes of connectors are Debezium's."""

from collections.abc import Mapping

DEBEZIUM = "io.debezium.connector.postgresql.PostgresConnector"
PROMPT = "walflow.PromptPostgresConnector"
"""Debezium's, with a task that waits less: connect/PromptPostgresTask.java."""
DEBEZIUM_PACKAGE = "io.debezium."


def is_debezium(config: Mapping[str, str]) -> bool:
    """Whether a connector's configuration is of a class of Debezium's, or of ours that extends one."""
    return config.get("connector.class", "").startswith(DEBEZIUM_PACKAGE) or is_postgres(config)


def is_postgres(config: Mapping[str, str]) -> bool:
    """Whether it is Debezium's for PostgreSQL, also by the short names that Connect takes."""
    name = config.get("connector.class", "")
    return is_called(DEBEZIUM, name) or is_called(PROMPT, name)


def is_called(kind: str, name: str) -> bool:
    """Whether Connect takes a name for a class: also without package and `Connector`.

    Source: Kafka documentation, "Connect", `connector.class`.
    """
    simple = kind.rpartition(".")[2]
    return name in (kind, simple, simple.removesuffix("Connector"))
