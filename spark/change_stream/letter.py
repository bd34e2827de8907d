"""A dead letter: a record that could not be applied, and the Kafka headers that tell all about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from change_stream.record import Record, Undecodable, schema_id

PREFIX = "walflow."
MAX_REASON = 2000
"""Characters: a value of megabytes may be quoted in a reason, and it is in the record anyway."""

Headers = Iterable[tuple[str, bytes | None]]


class NotALetter(Exception):
    """A record of the dead-letter topic that the stream has not put there."""


class Kind(StrEnum):
    """What is wrong with a record, in one word."""

    UNDECODABLE = "undecodable"
    """Its bytes are no change event."""
    UNMAPPABLE = "unmappable"
    """The change has no place in Cassandra."""
    REFUSED = "refused"
    """Cassandra refuses the write for its content."""
    INCOMPLETE = "incomplete"
    """The row was written without a value that its event does not tell."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Letter:
    """A record as it was in its own topic, and why it is here."""

    record: Record
    reason: str
    topic_id: UUID | None = None
    """The life of the origin's topic; none where it could not be told."""
    stamp: int | None = None
    """Write time of the record's change (docs/exactness.md); none where no generation holds it."""
    kind: Kind = Kind.OTHER

    @property
    def key_schema_id(self) -> int | None:
        return _readable_schema_id(self.record.key)

    @property
    def value_schema_id(self) -> int | None:
        return _readable_schema_id(self.record.value)


def shortened(reason: str) -> str:
    """A reason of at most `MAX_REASON` characters and a note of how many are missing."""
    if len(reason) <= MAX_REASON:
        return reason
    return f"{reason[:MAX_REASON]}… ({len(reason) - MAX_REASON} more characters)"


def headers_of(letter: Letter) -> list[tuple[str, bytes]]:
    """The record's own headers as they came, then those about it; `walflow.reason` is their first.

    kafka-python sends no null as a header's value, so the indices of such headers are listed.
    """
    record = letter.record
    nulls = [str(index) for index, (_, value) in enumerate(record.headers) if value is None]
    about = {
        "reason": shortened(letter.reason),
        "topic": record.topic,
        "topic_id": letter.topic_id,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "stamp": letter.stamp,
        "kind": letter.kind.value,
        "key_schema_id": letter.key_schema_id,
        "value_schema_id": letter.value_schema_id,
        "null_headers": ",".join(nulls) or None,
    }
    own = [(name, value or b"") for name, value in record.headers]
    told = [(PREFIX + k, str(v).encode()) for k, v in about.items() if v is not None]
    return own + told


def letter_of(key: bytes | None, value: bytes | None, headers: Headers) -> Letter:
    """The letter within a record of the dead-letter topic.

    Raises:
        NotALetter: the headers that name the origin are missing or unreadable.
    """
    pairs = list(headers)
    starts = [index for index, (name, _) in enumerate(pairs) if name == PREFIX + "reason"]
    if not starts:
        raise NotALetter(f"it has no header {PREFIX}reason")
    # The last: a record may have had such headers itself, if it once was a dead letter.
    about = {name: (value or b"").decode(errors="replace") for name, value in pairs[starts[-1] :]}
    own = pairs[: starts[-1]]
    try:
        nulls = {int(index) for index in about.get(PREFIX + "null_headers", "").split(",") if index}
        record = Record(
            about[PREFIX + "topic"],
            int(about[PREFIX + "partition"]),
            int(about[PREFIX + "offset"]),
            int(about[PREFIX + "timestamp"]),
            key,
            value,
            tuple((name, None if i in nulls else v) for i, (name, v) in enumerate(own)),
        )
        kind = _kind(about)
        return Letter(record, about[PREFIX + "reason"], _topic_id(about), _stamp(about), kind)
    except (KeyError, ValueError) as error:
        raise NotALetter(f"its headers do not name its origin: {error!r}") from error


def _topic_id(about: Mapping[str, str]) -> UUID | None:
    text = about.get(PREFIX + "topic_id")
    return UUID(text) if text else None


def _stamp(about: Mapping[str, str]) -> int | None:
    text = about.get(PREFIX + "stamp")
    return int(text) if text else None


def _kind(about: Mapping[str, str]) -> Kind:
    """Other, for a letter of a version that did not tell or of one that tells more."""
    text = about.get(PREFIX + "kind", "")
    return Kind(text) if text in list(Kind) else Kind.OTHER


def _readable_schema_id(payload: bytes | None) -> int | None:
    if payload is None:
        return None
    try:
        return schema_id(payload)
    except Undecodable:
        return None
