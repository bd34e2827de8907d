"""Writer schemas by id from the Schema Registry, and the Avro decoding they drive."""

import io
import json
import math
import time
from typing import Any
from urllib.parse import urljoin

import fastavro
import requests
from fastavro.types import Schema

from change_stream.record import DATUM_OFFSET, Undecodable, schema_id

NOT_FOUND = (40403, 40401)
"""Error codes for an unknown id: Confluent's, and Apicurio's where ids are its global ids.

Any other 404 is that of a wrong or unready server.
"""
READINESS = "/health/ready"
"""Where Apicurio answers 503 until it has read its journal; Confluent's registry has no such page.

Apicurio's API does not wait for that: it serves for seconds (2.1 s with 29 schemas) while it denies ids
that it has (KafkaSqlRegistryStorage: `initialize` returns before `isReady`). Confluent's registry reads
its journal before it listens.
"""
BREAK_SECONDS = 1.0
"""Answers farther apart than this may be those of two runs: no registry starts faster."""
FIRST_DELAY = 0.1


class RegistryUnavailable(Exception):
    """The registry did not answer for the whole retry time: the task fails, no record is lost."""


class SchemaRegistry:
    """Reads schemas over Confluent's REST API and keeps them: a schema of an id never changes.

    Args:
        retry_seconds: how long an answer is asked for.
        confirm_seconds: how long the registry must have answered without a break before its
            "unknown id" is believed; 0 where being wrong does no harm.
    """

    def __init__(self, url: str, retry_seconds: float, confirm_seconds: float = 0.0) -> None:
        self._url = url.rstrip("/")
        self._readiness = urljoin(url, READINESS)
        self._retry_seconds = retry_seconds
        self._confirm_seconds = confirm_seconds
        self._answers_since = self._answered_at = -math.inf
        self._schemas: dict[int, Schema] = {}
        self._http = requests.Session()

    def schema(self, identifier: int) -> Schema:
        """The parsed Avro schema of an id.

        Raises:
            Undecodable: the registry knows no such id, which is confirmed, or the schema is not Avro.
            RegistryUnavailable: no usable answer within the retry time.
        """
        known = self._schemas.get(identifier)
        if known is None:
            text = self._fetch(identifier)
            try:
                known = fastavro.parse_schema(json.loads(text))
            except Exception as error:  # fastavro raises many kinds on foreign schemas
                raise Undecodable(f"schema id {identifier} is not Avro: {error}") from error
            self._schemas[identifier] = known
        return known

    def decode(self, payload: bytes) -> tuple[int, Any]:
        """The schema id of a payload and its datum, read by the writer's schema.

        Raises:
            Undecodable: no wire format, an unknown id, or bytes that do not fit the schema.
            RegistryUnavailable: as `schema`.
        """
        identifier = schema_id(payload)
        schema = self.schema(identifier)
        stream = io.BytesIO(payload)
        stream.seek(DATUM_OFFSET)
        try:
            datum = fastavro.schemaless_reader(stream, schema, None)
        except Exception as error:  # fastavro raises many kinds on foreign bytes
            raise Undecodable(f"the bytes do not fit schema id {identifier}: {error!r}") from error
        if stream.tell() != len(payload):
            left = len(payload) - stream.tell()
            raise Undecodable(f"{left} bytes are left over after schema id {identifier}")
        return identifier, datum

    def _fetch(self, identifier: int) -> str:
        give_up = time.monotonic() + self._retry_seconds
        delay = FIRST_DELAY
        while True:
            try:
                text = self._asked(identifier)
                if text is not None:
                    return text
                if self._is_confirmed():
                    raise Undecodable(f"the registry knows no schema id {identifier}")
                delay = FIRST_DELAY
            except (requests.RequestException, KeyError, TypeError) as error:
                self._answered_at = -math.inf
                if time.monotonic() + delay > give_up:
                    raise RegistryUnavailable(
                        f"The Schema Registry at {self._url} gave no schema {identifier}"
                        f" for {self._retry_seconds:.0f} s: {error}"
                    ) from error
            time.sleep(delay)
            delay = min(delay * 2, 5)

    def _asked(self, identifier: int) -> str | None:
        """The registry's answer; None: it is ready and knows no such id."""
        answer = self._http.get(f"{self._url}/schemas/ids/{identifier}", timeout=10)
        unknown = answer.status_code == 404 and answer.json()["error_code"] in NOT_FOUND
        if unknown:
            self._require_ready()
        else:
            answer.raise_for_status()
        text = None if unknown else str(answer.json()["schema"])
        now = time.monotonic()
        if now - self._answered_at > BREAK_SECONDS:
            self._answers_since = now
        self._answered_at = now
        return text

    def _require_ready(self) -> None:
        answer = self._http.get(self._readiness, timeout=10)
        if answer.status_code == requests.codes.service_unavailable:
            answer.raise_for_status()

    def _is_confirmed(self) -> bool:
        return self._answered_at - self._answers_since >= self._confirm_seconds
