"""Writer schemas by id from the Schema Registry, and the Avro decoding they drive."""

import io
import json
import math
import time
from typing import Any

import fastavro
import requests
from fastavro.types import Schema

from change_stream.record import DATUM_OFFSET, Undecodable, schema_id

NOT_FOUND = (40403, 40401)
"""Error codes for an unknown id: Confluent's, and Apicurio's where ids are its global ids.

Any other 404 is that of a wrong or unready server.
"""
SETTLED_SECONDS = 5.0
"""How long a registry has to have answered without a break before its "unknown id" is believed.

Apicurio serves for 0.2 to 0.4 s (a dozen schemas) before it has read its topic and denies ids that it
has. It takes longer than this to start, so a restart shows as a break.
"""
FIRST_DELAY = 0.1


class RegistryUnavailable(Exception):
    """The registry did not answer for the whole retry time: the task fails, no record is lost."""


class SchemaRegistry:
    """Reads schemas over Confluent's REST API and keeps them: a schema of an id never changes."""

    def __init__(
        self, url: str, retry_seconds: float, settled_seconds: float = SETTLED_SECONDS
    ) -> None:
        self._url = url.rstrip("/")
        self._retry_seconds = retry_seconds
        self._settled_seconds = settled_seconds
        self._answers_since = self._answered_at = -math.inf
        self._schemas: dict[int, Schema] = {}
        self._http = requests.Session()

    def schema(self, identifier: int) -> Schema:
        """The parsed Avro schema of an id.

        Raises:
            Undecodable: the registry, settled, knows no such id, or the schema is not Avro.
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
                if self._is_settled():
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
        """The registry's answer; None: it knows no such id."""
        answer = self._http.get(f"{self._url}/schemas/ids/{identifier}", timeout=10)
        unknown = answer.status_code == 404 and answer.json()["error_code"] in NOT_FOUND
        if not unknown:
            answer.raise_for_status()
        text = None if unknown else str(answer.json()["schema"])
        now = time.monotonic()
        if now - self._answered_at > self._settled_seconds:
            self._answers_since = now
        self._answered_at = now
        return text

    def _is_settled(self) -> bool:
        return self._answered_at - self._answers_since >= self._settled_seconds
