"""Connect's answers to a validation become sentences; here a worker that gives such answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from walflow.connectors.transport import Transport
from walflow.connectors.validation import require_valid, validate
from walflow.errors import ExitCode, WalflowError

FIELDS: list[dict[str, Any]] = [
    {
        "definition": {"name": "tasks.max", "type": "INT"},
        "value": {
            "name": "tasks.max",
            "errors": [
                "Invalid value many for configuration tasks.max: Not a number of type INT",
                "Invalid value null for configuration tasks.max: Value must be non-null",
            ],
        },
    },
    {
        "definition": {"name": "topic.prefix", "type": "STRING"},
        "value": {"name": "topic.prefix", "errors": ["Value must be non-null"]},
    },
    {
        "definition": {"name": "database.password", "type": "PASSWORD"},
        "value": {"name": "database.password", "errors": []},
    },
]
PLUGINS = [{"class": "io.example.FineConnector", "type": "source", "version": "1"}]


class _Worker(BaseHTTPRequestHandler):
    """Knows one plugin."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if "Fine" in self.path:
            self._answer(200, {"configs": FIELDS})
        else:
            self._answer(500, {"message": "Failed to find any class"})

    def do_GET(self) -> None:
        self._answer(200, PLUGINS)

    def _answer(self, status: int, content: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def worker() -> Iterator[Transport]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Worker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Transport(f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()


def test_each_wrong_field_is_a_sentence_with_its_file(worker: Transport) -> None:
    with pytest.raises(WalflowError) as caught:
        require_valid(worker, "one", {"connector.class": "Fine"}, "one.json")
    assert caught.value.sentence.splitlines() == [
        "Connect refuses connector one; nothing was changed.",
        "one.json: tasks.max: Invalid value many for configuration tasks.max: Not a number of type"
        " INT.",
        "one.json: topic.prefix: Value must be non-null.",
    ]


def test_what_the_plugin_calls_a_password_is_known(worker: Transport) -> None:
    found = validate(worker, "one", {"connector.class": "Fine"}, "one.json")
    assert found.passwords == {"database.password"}


def test_an_unknown_class_is_answered_with_the_known_ones(worker: Transport) -> None:
    with pytest.raises(WalflowError) as caught:
        validate(worker, "one", {"connector.class": "Other"}, "one.json")
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.sentence == (
        "one.json: connector one: Connect has no plugin Other. Connectors can be of:"
        " io.example.FineConnector."
    )


def test_a_connector_without_a_class_is_refused(worker: Transport) -> None:
    with pytest.raises(WalflowError, match=r"one\.json: connector one has no connector\.class"):
        validate(worker, "one", {}, "one.json")
