"""Topics that are no part of the pipeline: Kafka, Connect and the registry keep there what is theirs."""

from walflow.stack.kafka import SCHEMAS

_BEGINNINGS = ("__", "walflow.connect.", "kafkasql-", "_confluent")
"""How the names of several begin: of Kafka, Connect, Apicurio's registry, Confluent's broker."""
_NAMES = frozenset({SCHEMAS, "registry-events", "_schemas", "_schema_encoders"})
"""Of the registries: Apicurio's journal and its events, Confluent's schemas and its keys."""


def is_internal(name: str, for_kafka: bool) -> bool:
    """Whether a topic is left out where topics are listed, unless all are asked for.

    Args:
        for_kafka: what Kafka says, which knows two of its own.
    """
    return for_kafka or name in _NAMES or name.startswith(_BEGINNINGS)
