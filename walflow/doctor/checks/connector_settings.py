"""Settings of a connector by which changes are lost, or by which it comes to stand still.

Source: Debezium documentation, PostgreSQL connector, "Connector configuration properties"; Kafka
documentation, "Source Connector Configs" and "Sink Connector Configs".
"""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from walflow.advice import typed
from walflow.capture.connector import captures_publication, mismatches
from walflow.doctor.finding import Finding, Fix, Severity, by_hand, shell
from walflow.doctor.places import connector_place
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.connect import ConnectorConfig


@dataclass(frozen=True, slots=True)
class Rule:
    key: str
    wrong: frozenset[str]
    severity: Severity
    why: str
    """What comes of it."""
    better: str
    """The value to set."""
    default: str = ""
    """In force where the plugin does not tell its own."""
    applies: Callable[[ConnectorConfig], bool] = lambda connector: connector.is_debezium


LOSES, STALLS, KNOW = Severity.LOSES, Severity.STALLS, Severity.KNOW


def _words(*words: str) -> frozenset[str]:
    return frozenset(words)


def _postgres(connector: ConnectorConfig) -> bool:
    return connector.is_postgres


def _source(connector: ConnectorConfig) -> bool:
    return connector.is_source


def _sink(connector: ConnectorConfig) -> bool:
    return not connector.is_source


def _drops_errors(connector: ConnectorConfig) -> bool:
    """A sink may keep what it cannot write in a topic of its own."""
    return connector.is_source or not connector.value("errors.deadletterqueue.topic.name")


RULES = (
    Rule(
        "snapshot.mode",
        _words("no_data", "never", "schema_only"),
        LOSES,
        "rows that were there before it began are not captured",
        "initial",
    ),
    Rule(
        "snapshot.mode",
        _words("initial_only"),
        LOSES,
        "it ends with the snapshot, and no change after that is captured",
        "initial",
    ),
    Rule(
        "snapshot.mode",
        _words("when_needed", "always"),
        KNOW,
        "after a lost slot it takes a new snapshot without a word, and rows that were deleted meanwhile"
        " stay in the target",
        "initial",
    ),
    Rule(
        "slot.drop.on.stop",
        _words("true"),
        LOSES,
        "with each stop the slot goes, and what is committed until the next start is not captured",
        "false",
        applies=_postgres,
    ),
    Rule(
        "errors.tolerance",
        _words("all"),
        LOSES,
        "a record that cannot be converted or transformed is dropped",
        "none",
        applies=_drops_errors,
    ),
    Rule(
        "event.processing.failure.handling.mode",
        _words("warn", "skip", "ignore"),
        LOSES,
        "a change that cannot be read is passed over",
        "fail",
    ),
    Rule(
        "decimal.handling.mode",
        _words("double"),
        LOSES,
        "numeric values lose the digits that a double does not have",
        "string",
    ),
    Rule(
        "time.precision.mode",
        _words("connect"),
        LOSES,
        "times lose their microseconds",
        "adaptive",
    ),
    Rule(
        "lsn.flush.mode",
        _words("manual"),
        STALLS,
        "the slot's position is never confirmed, and PostgreSQL keeps all WAL",
        "connector",
        applies=_postgres,
    ),
    Rule(
        "flush.lsn.source",
        _words("false"),
        STALLS,
        "the slot's position is never confirmed, and PostgreSQL keeps all WAL",
        "true",
        applies=_postgres,
    ),
    Rule(
        "errors.max.retries",
        _words("0"),
        STALLS,
        "the task fails with the first connection that is lost",
        "-1",
    ),
    Rule(
        "producer.override.acks",
        _words("0", "1"),
        LOSES,
        "a change that only the leader has is lost with it",
        "all",
        applies=_source,
    ),
    Rule(
        "consumer.override.auto.offset.reset",
        _words("latest"),
        LOSES,
        "what is in its topics before it begins, or after its offsets expired, is passed over",
        "earliest",
        applies=_sink,
    ),
    Rule(
        "exactly.once.support",
        _words("requested", ""),
        KNOW,
        "after a crash of the worker the last changes can come a second time",
        "required",
    ),
    Rule(
        "tombstones.on.delete",
        _words("false"),
        KNOW,
        "a delete leaves no tombstone, by which compacted topics and most sinks delete",
        "true",
        default="true",
    ),
    Rule(
        "include.unknown.datatypes",
        _words("false"),
        KNOW,
        "columns of types that Debezium does not know are left out without a word",
        "true",
        default="false",
        applies=_postgres,
    ),
)


def lossy_settings(servers: Servers) -> Iterator[Finding]:
    for connector in servers.connectors:
        for rule in RULES:
            value = connector.value(rule.key, rule.default)
            if rule.applies(connector) and value.lower() in rule.wrong:
                yield Finding(
                    rule.severity,
                    connector.name,
                    f"Connector {connector.name}: with {rule.key} = {value or 'unset'} {rule.why}.",
                    connector_place(connector.name, rule.key, connector.config.get(rule.key)),
                    _mend(connector.name, rule),
                )


def _mend(name: str, rule: Rule) -> tuple[Fix, ...]:
    """A change stops the connector; one that drops its slot then has to begin anew."""
    if rule.key != "slot.drop.on.stop":
        return patch(name, rule.key, rule.better)
    return (
        *by_hand(
            "The slot goes with this last stop too, and a new snapshot takes its place; rows that are"
            " deleted meanwhile are in none."
        ),
        *shell(typed(f"connectors stop {name}")),
        *patch(name, rule.key, rule.better),
        *shell(typed(f"connectors offsets reset {name} --yes")),
        *shell(typed(f"connectors resume {name}")),
    )


def skipped_operations(servers: Servers) -> Iterator[Finding]:
    """Debezium skips TRUNCATE unless it is told not to."""
    words = {"c": "inserts", "u": "updates", "d": "deletes", "t": "TRUNCATE"}
    key = "skipped.operations"
    for connector in servers.connectors:
        listed = connector.value(key, "t").split(",")
        skipped = [words[code.strip()] for code in listed if code.strip() in words]
        if connector.is_debezium and skipped:
            yield Finding(
                LOSES,
                connector.name,
                f"Connector {connector.name} does not capture {', '.join(skipped)}"
                f" ({key} = {connector.value(key, 't')}).",
                connector_place(connector.name, key, connector.config.get(key)),
                patch(connector.name, key, "none"),
            )


def dropped_deletes(servers: Servers) -> Iterator[Finding]:
    """ExtractNewRecordState without deletes; and any unwrapping in front of this pipeline's stream."""
    for connector in servers.connectors:
        for name in filter(None, connector.value("transforms").replace(" ", "").split(",")):
            kind = connector.value(f"transforms.{name}.type")
            if not kind.endswith("ExtractNewRecordState"):
                continue
            key = f"transforms.{name}.delete.tombstone.handling.mode"
            where = connector_place(connector.name, "transforms", connector.config["transforms"])
            if feeds_stream(servers, connector):
                yield Finding(
                    LOSES,
                    connector.name,
                    f"Connector {connector.name} unwraps its records (transforms = {name}): the stream"
                    " reads Debezium's envelopes, and takes what is none for a dead letter.",
                    where,
                    shell(typed(f"connectors patch {connector.name} --remove transforms")),
                )
            elif connector.value(key).lower() == "drop":
                yield Finding(
                    LOSES,
                    connector.name,
                    f"Connector {connector.name} drops deletes ({key} = drop): rows stay in the target.",
                    connector_place(connector.name, key, connector.config.get(key)),
                    patch(connector.name, key, "tombstone"),
                )


def unlike_pipeline(servers: Servers) -> Iterator[Finding]:
    """What the connector of this pipeline has to have in common with pipeline.toml."""
    for connector in servers.connectors:
        if captures_publication(servers.settings, connector.config):
            for sentence in mismatches(servers.settings, connector.config):
                key = sentence.partition(" ")[0]
                yield Finding(
                    LOSES,
                    connector.name,
                    f"Connector {connector.name}: {sentence}",
                    connector_place(connector.name, key, connector.config.get(key)),
                    by_hand(
                        f"Set {key} in the connector's JSON, and run: {typed('connectors apply')}"
                    ),
                )


def unlike_stream(servers: Servers) -> Iterator[Finding]:
    """Values by which the stream knows things; whoever feeds it has to have them."""
    wanted = {
        "unavailable.value.placeholder": (
            "__debezium_unavailable_value",
            LOSES,
            "the stream would write it where an unchanged TOASTed value is meant",
        ),
        "schema.name.adjustment.mode": (
            "avro",
            STALLS,
            "a table whose name Avro does not take makes its task fail",
        ),
        "field.name.adjustment.mode": (
            "avro",
            STALLS,
            "a column whose name Avro does not take makes its task fail",
        ),
    }
    for connector in servers.postgres_connectors:
        if not feeds_stream(servers, connector):
            continue
        for key, (value, severity, why) in wanted.items():
            present = connector.value(key, value if key.startswith("unavailable") else "none")
            if present != value:
                yield Finding(
                    severity,
                    connector.name,
                    f"Connector {connector.name}: with {key} = {present} {why}.",
                    connector_place(connector.name, key, connector.config.get(key)),
                    patch(connector.name, key, value),
                )


def feeds_stream(servers: Servers, connector: ConnectorConfig) -> bool:
    """Whether this pipeline's stream reads its topics."""
    return connector.is_debezium and connector.prefix == servers.settings.topics.prefix


def patch(name: str, key: str, value: str) -> tuple[Fix, ...]:
    return shell(
        typed(f"connectors patch {shlex.quote(name)} --set {shlex.quote(f'{key}={value}')}")
    )
