"""A record as an operator reads it: a change of a row, a tombstone, or what else it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from change_stream.change import Op
from change_stream.record import Record, Undecodable, schema_id
from change_stream.schemas import RegistryUnavailable, SchemaRegistry
from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError

_EPOCH = re.compile(r"1970-01-01T00:00:00(\.0+)?Z|00:00:00(\.0+)?Z")
UNAVAILABLE = "__debezium_unavailable_value"
"""A TOASTed value that an update left as it was (Debezium documentation, "Toasted values")."""


class Kind(StrEnum):
    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"
    MESSAGE = "message"
    TOMBSTONE = "tombstone"
    RECORD = "record"
    """Anything that is no change of Debezium's."""


_KINDS = {
    Op.CREATE: Kind.CREATE,
    Op.READ: Kind.READ,
    Op.UPDATE: Kind.UPDATE,
    Op.DELETE: Kind.DELETE,
    Op.TRUNCATE: Kind.TRUNCATE,
    Op.MESSAGE: Kind.MESSAGE,
}


@dataclass(frozen=True, slots=True)
class Payload:
    """A key or a value."""

    size: int | None
    """Bytes; None: it is null."""
    schema_id: int | None
    """None where it is not in Confluent's wire format, or not looked at."""
    datum: Any = None
    problem: str = ""
    """Why it could not be decoded though it has a schema id; empty where it could."""

    def as_dict(self) -> dict[str, Any]:
        told: dict[str, Any] = {"bytes": self.size}
        if self.schema_id is not None:
            told["schema_id"] = self.schema_id
        return told | ({"problem": self.problem} if self.problem else {"datum": self.datum})


@dataclass(frozen=True, slots=True)
class Event:
    """A record, decoded."""

    record: Record
    kind: Kind
    key: Payload
    value: Payload
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    """Of Debezium: commit time, LSN, transaction, table."""

    @property
    def time(self) -> str:
        """Kafka's time of the record in ISO 8601, UTC."""
        moment = datetime.fromtimestamp(self.record.timestamp_ms / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """Column → its values before and after, of the columns in which an update's images differ.

        Empty where the image before is not in the log (REPLICA IDENTITY DEFAULT).
        """
        if self.before is None or self.after is None:
            return {}
        return {
            name: (self.before.get(name), value)
            for name, value in self.after.items()
            if value != UNAVAILABLE and self.before.get(name) != value
        }

    def as_dict(self) -> dict[str, Any]:
        record = self.record
        told: dict[str, Any] = {
            "place": record.place,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "time": self.time,
            "op": self.kind.value,
            "key": self.key.as_dict(),
        }
        if self.before is not None or self.after is not None:
            told |= {"before": self.before, "after": self.after, "source": self.source}
            told["value"] = {"bytes": self.value.size, "schema_id": self.value.schema_id}
        else:
            told["value"] = self.value.as_dict()
        told["headers"] = [
            [name, None if value is None else value.decode(errors="backslashreplace")]
            for name, value in record.headers
        ]
        return plain(told)  # type: ignore[no-any-return]  # a dict stays one

    @property
    def has_key_only(self) -> bool:
        """Whether the image of a deleted row tells nothing beside the key.

        Under REPLICA IDENTITY DEFAULT the log has no more of it, and Debezium fills the other columns
        with null or, where they are NOT NULL, with nothing of their type (JdbcValueConverters). A row
        that really is so, under REPLICA IDENTITY FULL, looks the same.
        """
        if self.before is None or self.after is not None or not isinstance(self.key.datum, dict):
            return False
        others = [v for name, v in self.before.items() if name not in self.key.datum]
        return bool(others) and all(_is_filler(value) for value in others)


def _is_filler(value: Any) -> bool:
    return not value or (isinstance(value, str) and _EPOCH.fullmatch(value) is not None)


def decoded(record: Record, registry: SchemaRegistry) -> Event:
    """A record read by the schemas of its writer.

    Raises:
        WalflowError: the registry does not answer.
    """
    key, value = (_payload(data, registry) for data in (record.key, record.value))
    if record.value is None:
        return Event(record, Kind.TOMBSTONE, key, value)
    if not (isinstance(value.datum, dict) and isinstance(value.datum.get("op"), str)):
        return Event(record, Kind.RECORD, key, value)
    envelope = value.datum
    try:
        kind = _KINDS[Op(envelope["op"])]
    except ValueError:
        return Event(record, Kind.RECORD, key, value)
    return Event(
        record,
        kind,
        key,
        value,
        envelope.get("before"),
        envelope.get("after"),
        envelope.get("source") or {},
    )


def raw(record: Record) -> Event:
    """A record whose bytes are left as they are; no registry is needed."""
    kind = Kind.TOMBSTONE if record.value is None else Kind.RECORD
    key, value = (_bytes(data) for data in (record.key, record.value))
    return Event(record, kind, key, value)


def _payload(data: bytes | None, registry: SchemaRegistry) -> Payload:
    if data is None:
        return Payload(None, None)
    try:
        identifier = schema_id(data)
    except Undecodable:
        return Payload(len(data), None, _text(data))
    try:
        return Payload(len(data), identifier, registry.decode(data)[1])
    except Undecodable as error:
        return Payload(len(data), identifier, data, str(error))
    except RegistryUnavailable as error:
        raise WalflowError(
            f"{error}. {ticked('up registry')} starts it; --raw does without.", ExitCode.NOT_READY
        ) from error


def _bytes(data: bytes | None) -> Payload:
    if data is None:
        return Payload(None, None)
    try:
        return Payload(len(data), schema_id(data), data)
    except Undecodable:
        return Payload(len(data), None, data)


def _text(data: bytes) -> str | bytes:
    """Text where it is text: what Connect itself, for one, keeps in its topics is JSON."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data
    return text if text.isprintable() or text.replace("\n", "").isprintable() else data


def plain(value: Any) -> Any:
    """A value for JSON; bytes become hexadecimal with 0x in front."""
    match value:
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case bytes():
            return f"0x{value.hex()}"
        case datetime() | date() | time_of_day():
            return value.isoformat()
        case Decimal() | UUID() | timedelta():
            return str(value)
    return value
