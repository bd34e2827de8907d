"""Everything about one dead letter, for a person and for a program."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from change_stream.record import Undecodable
from change_stream.schemas import RegistryUnavailable, SchemaRegistry
from walflow.deadletters.listing import moment, table_of
from walflow.deadletters.outcomes import Outcome
from walflow.deadletters.topic import StoredLetter

MAX_DUMPED = 512
"""Bytes of a payload that are shown where it cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A key or a value: its datum where it can be decoded, else its first bytes and why."""

    size: int | None
    """Bytes; None for a null."""
    schema_id: int | None
    datum: Any = None
    undecodable: str = ""
    first_bytes: bytes = b""

    def as_dict(self) -> dict[str, Any]:
        if self.size is None:
            return {"bytes": None}
        about = {"bytes": self.size, "schema_id": self.schema_id}
        if not self.undecodable:
            return about | {"datum": self.datum}
        return about | {"undecodable": self.undecodable, "first_bytes": self.first_bytes.hex()}


def payload(data: bytes | None, schema_id: int | None, registry: SchemaRegistry) -> Payload:
    """A payload decoded by the schema of its writer, if that can be had."""
    if data is None:
        return Payload(None, None)
    try:
        return Payload(len(data), schema_id, registry.decode(data)[1])
    except (Undecodable, RegistryUnavailable) as error:
        return Payload(len(data), schema_id, None, str(error), data[:MAX_DUMPED])


def hex_dump(data: bytes) -> list[str]:
    """Lines of 16 bytes: offset, hexadecimal, and the characters that are printable ASCII."""
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:04x}  {row.hex(' '):<47}  {text}")
    return lines


def description(
    stored: StoredLetter, outcome: Outcome, replay: str, registry: SchemaRegistry, prefix: str
) -> dict[str, Any]:
    """All that is known of a letter.

    Args:
        replay: what a replay would do.
        prefix: of the topics, which is no part of a table's name.
    """
    letter, record = stored.letter, stored.letter.record
    return {
        "place": str(stored.place),
        "stored_at": moment(stored.stored_ms),
        "state": outcome.state.value,
        "reason": letter.reason,
        "last_replay": outcome.reason,
        "replay": replay,
        "origin": record.place,
        "table": table_of(record.topic, prefix),
        "topic_id": str(letter.topic_id) if letter.topic_id else None,
        "written_at": moment(record.timestamp_ms),
        "stamp": letter.stamp,
        "headers": [[name, _text(value)] for name, value in record.headers],
        "key": payload(record.key, letter.key_schema_id, registry).as_dict(),
        "value": payload(record.value, letter.value_schema_id, registry).as_dict(),
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")


def lines(described: Mapping[str, Any]) -> list[str]:
    """A description for a person: a line for each part, payloads below their names."""
    told = []
    for name, value in described.items():
        label = f"{name.replace('_', ' '):<12}"
        if name in ("key", "value"):
            told += [f"{label} {_headline(value)}", *_body(value)]
        elif name == "headers":
            told += [f"{label} {header}: {text}" for header, text in value]
        elif value not in (None, ""):
            told.append(f"{label} {value}")
    return told


def _headline(shown: Mapping[str, Any]) -> str:
    if shown["bytes"] is None:
        return "null"
    schema = f", schema id {shown['schema_id']}" if shown["schema_id"] is not None else ""
    problem = f": {shown['undecodable']}" if "undecodable" in shown else ""
    return f"{shown['bytes']} bytes{schema}{problem}"


def _body(shown: Mapping[str, Any]) -> list[str]:
    if shown["bytes"] is None:
        return []
    if "undecodable" in shown:
        first = bytes.fromhex(shown["first_bytes"])
        more = shown["bytes"] - len(first)
        return [
            *(f"  {line}" for line in hex_dump(first)),
            *([f"  … {more} more bytes"] if more > 0 else []),
        ]
    datum = shown["datum"]
    if not isinstance(datum, dict):
        return [f"  {datum!r}"]
    return [f"  {name} = {value!r}" for name, value in datum.items()]
