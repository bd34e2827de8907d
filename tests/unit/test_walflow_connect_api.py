"""A connector's file is read, or refused with its name and line; Connect's answers become sentences."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from walflow.connect_api import ConnectApi, Connector, read_connector, state_of
from walflow.errors import ExitCode, WalflowError


def test_a_connector_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "source.json"
    file.write_text('{"name": "source", "config": {"tasks.max": "1"}}')

    assert read_connector(file) == Connector("source", {"tasks.max": "1"})


def test_a_file_that_is_not_json_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "source.json"
    file.write_text('{\n  "name": "source",\n  "config": {"a": "b",}\n}\n')

    with pytest.raises(WalflowError) as caught:
        read_connector(file)

    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.sentence.startswith(f"{file}:3: this is not JSON: ")


def test_a_file_that_is_not_text_is_told_as_not_json(tmp_path: Path) -> None:
    file = tmp_path / "source.json"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(WalflowError, match="this is not JSON"):
        read_connector(file)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '"text"',
        '{"name": "n"}',
        '{"name": 1, "config": {}}',
        '{"name": "n", "config": []}',
    ],
)
def test_json_of_another_form_is_no_connector(tmp_path: Path, content: str) -> None:
    file = tmp_path / "source.json"
    file.write_text(content)

    with pytest.raises(WalflowError) as caught:
        read_connector(file)

    assert caught.value.sentence.startswith(f"{file} is not a connector: ")


def test_a_missing_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WalflowError) as caught:
        read_connector(tmp_path / "absent.json")

    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.sentence.endswith("absent.json cannot be read: No such file or directory.")


TRACE = """org.apache.kafka.connect.errors.ConnectException: An exception occurred
\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)
Caused by: io.debezium.DebeziumException: Creation of replication slot failed
\t... 5 more
Caused by: org.postgresql.util.PSQLException: FATAL: role is not permitted to log in
\t... 14 more
"""


def test_a_failed_tasks_reason_is_the_innermost_cause() -> None:
    tasks = [{"id": 0, "state": "FAILED", "trace": TRACE}]
    state = state_of({"name": "users", "connector": {"state": "RUNNING"}, "tasks": tasks})
    assert state.has_failed
    assert (
        state.reason == "org.postgresql.util.PSQLException: FATAL: role is not permitted to log in"
    )


def test_a_trace_without_causes_is_told_by_its_first_line() -> None:
    connector = {"state": "FAILED", "trace": "java.lang.OutOfMemoryError: heap\n\tat …"}
    state = state_of({"name": "users", "connector": connector, "tasks": []})
    assert state.reason == "java.lang.OutOfMemoryError: heap"


class _Busy(BaseHTTPRequestHandler):
    """Answers as Connect does while it distributes its connectors."""

    def do_GET(self) -> None:
        self.send_response(409)
        self.end_headers()
        self.wfile.write(b'{"error_code": 409, "message": "rebalance expected"}')

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def busy_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_cluster_that_goes_on_distributing_is_told_in_a_sentence(busy_url: str) -> None:
    with pytest.raises(WalflowError) as caught:
        ConnectApi(busy_url, rebalance_seconds=0).states()
    assert caught.value.exit_code is ExitCode.NOT_READY
    assert "still distributing its connectors" in caught.value.sentence
    assert "rebalance expected" in caught.value.sentence
