"""Converters: what they write has to be what the stream and the registry take for it.

A worker does not tell its own converters by REST, so the newest records are looked at themselves.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from walflow.advice import typed
from walflow.doctor.checks.connector_settings import feeds_stream, patch
from walflow.doctor.finding import Finding, Severity, by_hand, shell
from walflow.doctor.places import connector_place
from walflow.doctor.servers.all import Servers
from walflow.settings import LOOPBACK
from walflow.stack.registry import CONFLUENT_API, NATIVE_API

APICURIO = "io.apicurio.registry.utils.converter.AvroConverter"
AVRO = ("io.confluent.connect.avro.AvroConverter", APICURIO)
JSON = "org.apache.kafka.connect.json.JsonConverter"
SIDES = ("key", "value")
URLS = ("schema.registry.url", "apicurio.registry.url")


def unreadable_records(servers: Servers) -> Iterator[Finding]:
    """None of a topic's newest records is Avro with an id of this registry."""
    registry = servers.registry.url if servers.registry else "the registry"
    for sample in servers.samples:
        if sample.records and sample.unreadable == sample.records:
            yield Finding(
                Severity.LOSES,
                sample.topic,
                f"The stream cannot read what comes to {sample.topic}: of its {sample.records} newest"
                f" records none is Avro with an id of {registry} ({sample.reason}). Each becomes a dead"
                " letter.",
                f"topic {sample.topic}; the worker's or the connector's key.converter, value.converter",
                (
                    *by_hand(
                        "Set the converters to Avro and to that registry, as in docs/connectors.md;"
                        " then apply what has become a dead letter:"
                    ),
                    *shell(typed("deadletters list")),
                ),
            )


def other_converters(servers: Servers) -> Iterator[Finding]:
    """A connector that feeds the stream by converters of its own."""
    for connector in servers.connectors:
        if not feeds_stream(servers, connector):
            continue
        for side in SIDES:
            key = f"{side}.converter"
            kind = connector.config.get(key, "")
            if kind and kind not in AVRO:
                yield Finding(
                    Severity.LOSES,
                    connector.name,
                    f"Connector {connector.name} writes its {side}s by {kind.rpartition('.')[2]}, and"
                    " the stream reads Avro: each record becomes a dead letter.",
                    connector_place(connector.name, key, kind),
                    shell(typed(f"connectors patch {connector.name} --remove {key}")),
                )


def other_registry(servers: Servers) -> Iterator[Finding]:
    """A connector that feeds the stream registers its schemas elsewhere.

    Inside of containers the registry has another name, which only its port gives away.
    """
    wanted = (servers.settings.hosts.registry, servers.settings.ports.of("registry"))
    for connector in servers.connectors:
        if not feeds_stream(servers, connector):
            continue
        for key, url in connector.config.items():
            if not (key.startswith(SIDES) and key.endswith(URLS)) or "${" in url:
                continue
            found = urlsplit(url.partition(",")[0])
            is_same = (_plain(found.hostname), found.port) == (_plain(wanted[0]), wanted[1])
            if not is_same and servers.settings.mode == "local":
                yield Finding(
                    Severity.LOSES,
                    connector.name,
                    f"Connector {connector.name} registers its schemas at {url}, and the stream asks"
                    f" {wanted[0]}:{wanted[1]}: it takes other schemas for its own, or finds none.",
                    connector_place(connector.name, key, url),
                    shell(typed(f"connectors patch {connector.name} --remove {key}")),
                )


def other_wire_format(servers: Servers) -> Iterator[Finding]:
    """Apicurio's converter writes a form of its own unless it is told to write Confluent's."""
    wanted = {"as-confluent": "true", "headers.enabled": "false"}
    for connector in servers.connectors:
        for side in SIDES:
            if connector.config.get(f"{side}.converter") != APICURIO or not feeds_stream(
                servers, connector
            ):
                continue
            for name, value in wanted.items():
                key = f"{side}.converter.apicurio.registry.{name}"
                if connector.config.get(key, "false" if value == "true" else "true") != value:
                    yield Finding(
                        Severity.LOSES,
                        connector.name,
                        f"Connector {connector.name} writes its {side}s in Apicurio's own form ({key} ="
                        f" {connector.config.get(key, 'unset')}), and the stream reads Confluent's: each"
                        " record becomes a dead letter.",
                        connector_place(connector.name, key, connector.config.get(key)),
                        patch(connector.name, key, value),
                    )


def other_api(servers: Servers) -> Iterator[Finding]:
    """Apicurio serves two APIs under one address, and each converter speaks one of them."""
    for connector in servers.connectors:
        for side in SIDES:
            kind = connector.config.get(f"{side}.converter")
            key, right, wrong = (
                ("apicurio.registry.url", NATIVE_API, CONFLUENT_API)
                if kind == APICURIO
                else ("schema.registry.url", CONFLUENT_API, NATIVE_API)
            )
            url = connector.config.get(f"{side}.converter.{key}", "")
            if wrong.rpartition("/")[0] in url:
                yield Finding(
                    Severity.STALLS,
                    connector.name,
                    f"Connector {connector.name} asks {url} by {str(kind).rpartition('.')[2]}, which"
                    " speaks the registry's other API: its task fails with the first schema.",
                    connector_place(connector.name, f"{side}.converter.{key}", url),
                    patch(
                        connector.name,
                        f"{side}.converter.{key}",
                        f"{url.partition('/apis/')[0]}{right}",
                    ),
                )


def no_new_schemas(servers: Servers) -> Iterator[Finding]:
    for connector in servers.connectors:
        for key, value in connector.config.items():
            if (
                key.startswith(SIDES)
                and key.endswith(("auto.register.schemas", "apicurio.registry.auto-register"))
                and value.lower() == "false"
            ):
                yield Finding(
                    Severity.STALLS,
                    connector.name,
                    f"Connector {connector.name} may not register a schema ({key} = false): with the"
                    " first column that is added to a table its task fails.",
                    connector_place(connector.name, key, value),
                    patch(connector.name, key, "true"),
                )


def unlike_pair(servers: Servers) -> Iterator[Finding]:
    """Keys in one form and values in another, of a connector for other consumers."""
    for connector in servers.connectors:
        kinds = [connector.config.get(f"{side}.converter", "") for side in SIDES]
        if feeds_stream(servers, connector) or not all(kinds):
            continue
        if kinds[0] != kinds[1] and JSON in kinds and set(kinds) & set(AVRO):
            yield Finding(
                Severity.KNOW,
                connector.name,
                f"Connector {connector.name} writes its keys by {kinds[0].rpartition('.')[2]} and its"
                f" values by {kinds[1].rpartition('.')[2]} ({kinds[0]}, {kinds[1]}): a consumer needs a"
                " deserializer for each.",
                connector_place(connector.name, "key.converter", kinds[0]),
                patch(connector.name, "key.converter", kinds[1]),
            )


def lost_types(servers: Servers) -> Iterator[Finding]:
    """JSON without schemas: nobody can tell a decimal or a timestamp from a text or a number."""
    for connector in servers.connectors:
        key = "value.converter.schemas.enable"
        if (
            connector.is_debezium
            and connector.config.get("value.converter") == JSON
            and connector.config.get(key, "true").lower() == "false"
        ):
            yield Finding(
                Severity.KNOW,
                connector.name,
                f"Connector {connector.name} writes JSON without schemas ({key} = false): consumers have"
                " to know the types of all columns.",
                connector_place(connector.name, key, connector.config.get(key)),
                patch(connector.name, key, "true"),
            )


def _plain(host: str | None) -> str:
    return LOOPBACK if host in (None, "localhost", "::1") else str(host)
