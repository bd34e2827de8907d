"""The Schema Registry over Confluent's REST API, which Apicurio speaks too.

Source: Confluent Platform documentation, "Schema Registry API Reference".
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.http import message_of
from walflow.stack.registry import confluent_url

TIMEOUT = 10.0
LATEST = "latest"
AVRO = "AVRO"
MAX_NAMED = 30
"""Subjects that are named where one is not known."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a subject."""

    subject: str
    number: int
    id: int
    type: str
    """AVRO, JSON or PROTOBUF."""
    text: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "version": self.number,
            "id": self.id,
            "type": self.type,
            "schema": self.schema,
        }

    @property
    def schema(self) -> Any:
        """The schema as JSON; Protobuf's stays a text."""
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text


@dataclass(frozen=True, slots=True)
class Compatibility:
    """What the registry says of a schema that is not registered."""

    is_compatible: bool
    messages: tuple[str, ...]
    """Why not, as far as it tells."""


class RegistryApi:
    """A registry at the base of Confluent's API."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = requests.Session()

    def subjects(self) -> list[str]:
        return sorted(self._ok(self._call("GET", "/subjects"), "the list of subjects"))

    def versions(self, subject: str) -> list[int]:
        """The versions of a subject, oldest first.

        Raises:
            WalflowError: there is no such subject, which names those that there are.
        """
        answer = self._known(subject, self._call("GET", f"{_path(subject)}/versions"))
        return sorted(self._ok(answer, f"subject {subject}"))

    def version(self, subject: str, number: str = LATEST) -> Version:
        """A version of a subject, by number or `latest`.

        Raises:
            WalflowError: there is none; the sentence names those that there are.
        """
        answer = self._call("GET", f"{_path(subject)}/versions/{quote(number, safe='')}")
        if answer.status_code in (404, 422):
            known = ", ".join(map(str, self.versions(subject)))
            raise WalflowError(
                f"{subject} has no version {number}; it has {known}.", ExitCode.USAGE
            )
        found = self._ok(answer, f"version {number} of {subject}")
        return Version(
            found["subject"],
            int(found["version"]),
            int(found["id"]),
            found.get("schemaType") or AVRO,
            found["schema"],
        )

    def schema(self, identifier: int) -> Any:
        """The schema of an id, which records carry.

        Raises:
            WalflowError: the registry does not know it.
        """
        answer = self._call("GET", f"/schemas/ids/{identifier}")
        if answer.status_code == requests.codes.not_found:
            raise WalflowError(f"The registry knows no schema id {identifier}.", ExitCode.USAGE)
        return json.loads(self._ok(answer, f"schema id {identifier}")["schema"])

    def level(self, subject: str) -> str:
        """The compatibility level that new versions of a subject are held to; NONE: to nothing."""
        answer = self._call("GET", f"/config/{quote(subject, safe='')}?defaultToGlobal=true")
        if answer.status_code == requests.codes.not_found:
            answer = self._call("GET", "/config")
        found = self._ok(answer, f"compatibility level of {subject}")
        return str(found.get("compatibilityLevel") or found.get("compatibility"))

    def compatibility(self, subject: str, text: str) -> Compatibility:
        """Whether a schema could become the next version of a subject.

        Raises:
            WalflowError: there is no such subject, or the registry cannot read the schema.
        """
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions/{LATEST}?verbose=true"
        answer = self._known(subject, self._call("POST", path, {"schema": text}))
        found = self._ok(answer, f"compatibility with {subject}")
        return Compatibility(bool(found["is_compatible"]), tuple(found.get("messages") or ()))

    def _known(self, subject: str, answer: requests.Response) -> requests.Response:
        if answer.status_code == requests.codes.not_found:
            raise WalflowError(
                f"There is no subject {subject}. Subjects: {_named(self.subjects())}.",
                ExitCode.USAGE,
            )
        return answer

    def _ok(self, answer: requests.Response, what: str) -> Any:
        if not answer.ok:
            raise WalflowError(
                f"{what}: the registry answers {answer.status_code}: {message_of(answer)}"
            )
        return answer.json()

    def _call(self, method: str, path: str, body: Any = None) -> requests.Response:
        try:
            return self._http.request(method, self._url + path, json=body, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise WalflowError(
                f"The Schema Registry does not answer at {self._url}. Is it up? See {ticked('status')};"
                f" {ticked('up registry')} starts it.",
                ExitCode.NOT_READY,
            ) from error


def registry_api(settings: Settings) -> RegistryApi:
    """The registry that pipeline.toml names."""
    return RegistryApi(confluent_url(settings))


def _path(subject: str) -> str:
    return f"/subjects/{quote(subject, safe='')}"


def _named(subjects: Sequence[str]) -> str:
    more = len(subjects) - MAX_NAMED
    shown = ", ".join(subjects[:MAX_NAMED]) or "none"
    return f"{shown} and {more} more" if more > 0 else shown
