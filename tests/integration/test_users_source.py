"""Which users API is used is decided by one setting, and always said."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from users.source import choose_source

BUNDLED = "http://bundled.test/api/"


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_auto_takes_the_public_api_where_it_answers() -> None:
    with answering(200, b'{"results": [{}]}') as public:
        source = choose_source("auto", BUNDLED, public)

    assert (source.url, source.name) == (public, "randomuser.me")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, b"", "it answered HTTP 503"),
        (200, b"<html>sign in to this network</html>", "its answer is not JSON"),
        (200, b'{"error": "no"}', "its answer holds no users"),
    ],
)
def test_auto_falls_back_to_the_bundled_api_and_says_why(
    status: int, body: bytes, reason: str
) -> None:
    with answering(status, body) as public:
        source = choose_source("auto", BUNDLED, public)

    assert (source.url, source.name) == (BUNDLED, "bundled")
    assert reason in str(source)


def test_auto_falls_back_where_nothing_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        source = choose_source("auto", BUNDLED, f"http://127.0.0.1:{reserved.getsockname()[1]}/")

    assert source.name == "bundled"
    assert source.reason.endswith("is out of reach: Connection refused")


def test_auto_does_not_wait_for_an_api_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        public = f"http://127.0.0.1:{silent.getsockname()[1]}/api/"
        source = choose_source("auto", BUNDLED, public, timeout_seconds=0.05)

    assert source.name == "bundled"
    assert "no answer within 0.05 s" in source.reason


def test_bundled_is_taken_without_asking() -> None:
    assert str(choose_source("Bundled", BUNDLED)) == (
        "users API: bundled at http://bundled.test/api/ (chosen by USERS_API=bundled)"
    )


def test_an_address_is_taken_as_it_is() -> None:
    source = choose_source("https://users.test/api/?nat=gb", BUNDLED)

    assert (source.url, source.name) == ("https://users.test/api/?nat=gb", "users.test")


@pytest.mark.parametrize("setting", ["", "randomuser", "ftp://users.test/", "http://"])
def test_a_setting_that_means_nothing_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="USERS_API is 'auto', 'bundled' or an http"):
        choose_source(setting, BUNDLED)
