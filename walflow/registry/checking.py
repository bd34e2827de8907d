"""A schema's file against the registry: would it be taken as a subject's next version?"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro

from walflow.errors import ExitCode, WalflowError
from walflow.registry.api import RegistryApi, Version
from walflow.registry.differences import Difference, differences

STANDARD_INPUT = "-"
UNCHECKED = "NONE"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A schema that is not registered."""

    source: str
    schema: Any
    subject: str
    """Empty where nothing tells it."""


@dataclass(frozen=True, slots=True)
class Check:
    """What the registry and a look at both schemas tell."""

    latest: Version
    level: str
    is_compatible: bool
    messages: tuple[str, ...]
    differences: tuple[Difference, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "subject": self.latest.subject,
            "version": self.latest.number,
            "level": self.level,
            "compatible": self.is_compatible,
            "messages": list(self.messages),
            "differences": [difference.as_dict() for difference in self.differences],
        }


def candidate(place: str) -> Candidate:
    """The schema of a file, or of standard input for `-`.

    Its subject is the one that Debezium's converter would give it: `<namespace>-key` for a record Key,
    `<namespace>-value` for one named Envelope.

    Raises:
        WalflowError: it cannot be read, is no JSON or no Avro schema.
    """
    source = "standard input" if place == STANDARD_INPUT else place
    try:
        text = sys.stdin.read() if place == STANDARD_INPUT else Path(place).read_text()
        schema = json.loads(text)
    except OSError as error:
        raise WalflowError(f"{source} cannot be read: {error.strerror}.", ExitCode.USAGE) from error
    except ValueError as error:
        where = f"{source}:{getattr(error, 'lineno', 1)}"
        raise WalflowError(f"{where}: this is not JSON: {error}.", ExitCode.USAGE) from error
    try:
        fastavro.parse_schema(schema)
    except Exception as error:  # fastavro raises many kinds on foreign schemas
        raise WalflowError(f"{source} is no Avro schema: {error}.", ExitCode.USAGE) from error
    return Candidate(source, schema, _subject(schema))


def _subject(schema: Any) -> str:
    match schema:
        case {"type": "record", "name": "Key" | "Envelope" as name, "namespace": str(namespace)}:
            return f"{namespace}-{'key' if name == 'Key' else 'value'}"
    return ""


def check(registry: RegistryApi, wanted: Candidate, subject: str) -> Check:
    """Ask the registry, at the level that it holds the subject to.

    Raises:
        WalflowError: there is no such subject, which names those that there are.
    """
    answer = registry.compatibility(subject, json.dumps(wanted.schema))
    latest = registry.version(subject)
    return Check(
        latest,
        registry.level(subject),
        answer.is_compatible,
        answer.messages,
        tuple(differences(latest.schema, wanted.schema)),
    )
