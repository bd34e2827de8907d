"""Records are decoded by the schema they were written with, read from a registry over HTTP."""

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from change_stream.record import Undecodable
from change_stream.schemas import BREAK_SECONDS, READINESS, RegistryUnavailable, SchemaRegistry

ONE = {
    "type": "record",
    "name": "User",
    "fields": [{"name": "id", "type": "int"}, {"name": "name", "type": ["null", "string"]}],
}
TWO = {
    "type": "record",
    "name": "User",
    "fields": [{"name": "name", "type": "string"}, {"name": "age", "type": "long"}],
}
UNKNOWN_ID = (404, '{"error_code": 40403, "message": "Schema not found"}')
LONG = 30.0
"""A retry time that no test waits out."""
SOON = 0.3
"""Long enough to be asked several times, short enough to wait for."""


class Registry(ThreadingHTTPServer):
    """Speaks GET /schemas/ids/{id}; `first` are answered before what is really there.

    `unready` is how often its page of readiness, which it has only then, answers 503.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.texts: dict[int, str] = {1: json.dumps(ONE), 2: json.dumps(TWO)}
        self.first: list[tuple[int, str]] = []
        self.unready = 0
        self.requests: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str) -> tuple[int, str]:
        self.requests[path] += 1
        if path == READINESS:
            self.unready -= 1
            return (503 if self.unready >= 0 else 404), ""
        if self.first:
            return self.first.pop(0)
        text = self.texts.get(int(path.removeprefix("/schemas/ids/")))
        return UNKNOWN_ID if text is None else (200, json.dumps({"schema": text}))


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        status, body = self.server.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def payload(identifier: int, schema: dict[str, Any], datum: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, datum)
    return b"\x00" + identifier.to_bytes(4, "big") + stream.getvalue()


def test_a_datum_is_read_by_the_schema_of_its_own_id(registry: Registry) -> None:
    schemas = SchemaRegistry(registry.url, LONG)

    one = schemas.decode(payload(1, ONE, {"id": 7, "name": None}))
    two = schemas.decode(payload(2, TWO, {"name": "Zoë", "age": 3}))

    assert one == (1, {"id": 7, "name": None})
    assert two == (2, {"name": "Zoë", "age": 3})


@pytest.mark.parametrize(
    "answer",
    [{}, {"schemaType": "AVRO", "references": []}, {"guid": "8d49", "maxId": 9, "ruleSet": {}}],
    ids=["Confluent 7.9", "Apicurio 3.0", "a later Confluent"],
)
def test_a_record_is_decoded_whatever_else_the_registry_says_of_its_schema(
    registry: Registry, answer: dict[str, Any]
) -> None:
    """Confluent's 7.9 leaves out what is empty and that it is Avro (SchemaString.java, README)."""
    registry.first = [(200, json.dumps(answer | {"schema": json.dumps(ONE)}))]
    schemas = SchemaRegistry(registry.url, LONG)

    assert schemas.decode(payload(5, ONE, {"id": 7, "name": "Zoë"})) == (
        5,
        {"id": 7, "name": "Zoë"},
    )


def test_a_schema_is_asked_for_once(registry: Registry) -> None:
    schemas = SchemaRegistry(registry.url + "/", LONG)

    for number in range(5):
        schemas.decode(payload(1, ONE, {"id": number, "name": "n"}))

    assert registry.requests == {"/schemas/ids/1": 1}


@pytest.mark.parametrize("code", [40403, 40401])
def test_an_id_that_a_registry_denies_for_the_time_of_confirmation_is_undecodable(
    registry: Registry, code: int
) -> None:
    registry.first = [(404, json.dumps({"error_code": code}))] * 1000
    schemas = SchemaRegistry(registry.url, LONG, SOON)

    with pytest.raises(Undecodable, match="knows no schema id 99"):
        schemas.decode(payload(99, ONE, {"id": 1, "name": None}))

    assert registry.requests["/schemas/ids/99"] > 1


def test_an_unknown_id_is_not_believed_of_a_registry_that_has_just_begun_to_answer(
    registry: Registry,
) -> None:
    registry.first = [(503, ""), UNKNOWN_ID, UNKNOWN_ID]
    schemas = SchemaRegistry(registry.url, LONG, LONG)

    assert schemas.decode(payload(1, ONE, {"id": 1, "name": None}))[0] == 1


def test_an_unknown_id_is_not_believed_of_a_registry_that_says_it_is_not_ready(
    registry: Registry,
) -> None:
    """However long it denies: its journal may take longer to read than the time of confirmation."""
    registry.first = [UNKNOWN_ID] * 3
    registry.unready = 3
    schemas = SchemaRegistry(registry.url, LONG)

    assert schemas.schema(1)
    assert registry.requests[READINESS] == 3


def test_a_registry_that_stays_unready_fails_the_task_and_not_the_record(
    registry: Registry,
) -> None:
    registry.unready = 1000
    schemas = SchemaRegistry(registry.url, 0.25)

    with pytest.raises(RegistryUnavailable, match=r"gave no schema 99 .* 503"):
        schemas.schema(99)


def test_an_error_among_its_answers_makes_a_registry_unconfirmed_again(registry: Registry) -> None:
    schemas = SchemaRegistry(registry.url, LONG, SOON)
    with pytest.raises(Undecodable):
        schemas.schema(99)
    registry.first = [(503, ""), UNKNOWN_ID]

    assert schemas.schema(1)


def test_answers_so_far_apart_that_it_may_have_restarted_make_a_registry_unconfirmed_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = SchemaRegistry(registry.url, LONG, SOON)
    with pytest.raises(Undecodable):
        schemas.schema(99)
    now = time.monotonic
    monkeypatch.setattr(
        "change_stream.schemas.time.monotonic", lambda: now() + BREAK_SECONDS + 0.01
    )
    registry.first = [UNKNOWN_ID]

    assert schemas.schema(1)


def test_while_a_confirmed_registry_keeps_answering_the_next_unknown_id_is_told_at_once(
    registry: Registry,
) -> None:
    schemas = SchemaRegistry(registry.url, LONG, SOON)
    for identifier in (98, 99):
        with pytest.raises(Undecodable):
            schemas.schema(identifier)

    assert registry.requests["/schemas/ids/99"] == 1


def test_an_id_that_was_unknown_is_asked_for_again(registry: Registry) -> None:
    schemas = SchemaRegistry(registry.url, LONG, SOON)
    with pytest.raises(Undecodable):
        schemas.schema(3)
    registry.texts[3] = json.dumps(ONE)

    decoded = schemas.decode(payload(3, ONE, {"id": 1, "name": None}))

    assert decoded == (3, {"id": 1, "name": None})


@pytest.mark.parametrize(
    "trouble",
    [
        (500, '{"error_code": 50001}'),
        (503, "starting"),
        (404, "<html>no such page</html>"),
        (404, '{"error_code": 404, "message": "HTTP 404 Not Found"}'),
        (200, "<html>a proxy</html>"),
        (200, "{}"),
        (200, "[]"),
    ],
    ids=["500", "503", "html 404", "path 404", "no JSON", "no schema", "no object"],
)
def test_an_unusable_answer_is_waited_out(registry: Registry, trouble: tuple[int, str]) -> None:
    registry.first = [trouble, trouble]
    schemas = SchemaRegistry(registry.url, LONG)

    decoded = schemas.decode(payload(1, ONE, {"id": 1, "name": None}))

    assert decoded == (1, {"id": 1, "name": None})
    assert registry.requests["/schemas/ids/1"] == 3


def test_a_registry_that_stays_in_trouble_fails_the_task_and_not_the_record(
    registry: Registry,
) -> None:
    registry.first = [(500, "")] * 1000
    schemas = SchemaRegistry(registry.url, 0.25)

    with pytest.raises(RegistryUnavailable, match="gave no schema 1"):
        schemas.decode(payload(1, ONE, {"id": 1, "name": None}))

    assert registry.requests["/schemas/ids/1"] > 1


def test_a_registry_that_is_down_fails_the_task_and_not_the_record() -> None:
    with Registry() as stopped:
        url = stopped.url
    schemas = SchemaRegistry(url, 0.25)

    with pytest.raises(RegistryUnavailable, match=f"The Schema Registry at {url}"):
        schemas.schema(1)


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "5", "null", "{}", '"no such type"', '{"type":"enum","name":"e"}'],
)
def test_a_schema_that_is_not_avro_is_undecodable(registry: Registry, text: str) -> None:
    registry.texts[1] = text
    schemas = SchemaRegistry(registry.url, LONG)

    with pytest.raises(Undecodable, match="schema id 1 is not Avro"):
        schemas.schema(1)


def test_bytes_without_the_wire_format_are_undecodable_and_ask_nobody(registry: Registry) -> None:
    schemas = SchemaRegistry(registry.url, LONG)

    with pytest.raises(Undecodable):
        schemas.decode(b'{"json": true}')

    assert not registry.requests


def test_every_truncation_of_a_datum_is_undecodable(registry: Registry) -> None:
    schemas = SchemaRegistry(registry.url, LONG)
    whole = payload(1, ONE, {"id": 300, "name": "Zoë"})

    for length in range(len(whole)):
        with pytest.raises(Undecodable):
            schemas.decode(whole[:length])


def test_bytes_left_over_behind_the_datum_are_undecodable(registry: Registry) -> None:
    schemas = SchemaRegistry(registry.url, LONG)

    with pytest.raises(Undecodable, match="2 bytes are left over after schema id 1"):
        schemas.decode(payload(1, ONE, {"id": 1, "name": None}) + b"ab")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=40))
def test_garbage_is_decoded_to_the_last_byte_or_undecodable(
    registry: Registry, garbage: bytes
) -> None:
    schemas = SchemaRegistry(registry.url, LONG)

    try:
        _, datum = schemas.decode(b"\x00\x00\x00\x00\x01" + garbage)
    except Undecodable:
        return
    assert datum.keys() == {"id", "name"}
