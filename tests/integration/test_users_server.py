"""The bundled users API as a process: it serves, keeps its bounds, and stops when told to."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[str]
    url: str

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)


@contextmanager
def users_api(*options: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "users_api", "--port", "0", *options],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        listening = re.search(r"listens on (http://127\.0\.0\.1:\d+)/api/", line)
        assert listening is not None, line
        yield Running(process, listening[1])
    finally:
        process.kill()
        process.communicate()


def received(client: socket.socket) -> bytes:
    """What a connection gives until its end."""
    everything = b""
    with suppress(ConnectionResetError):
        while some := client.recv(1 << 20):
            everything += some
    return everything


def said_behind_the_first_line(running: Running) -> list[str]:
    """The log of a process that has ended, without its times."""
    assert running.process.stderr is not None
    return [line.split(" ", 2)[2] for line in running.process.stderr.read().splitlines()]


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    with users_api() as running:
        yield running


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/1.4", "/api/1.4/"])
def test_every_path_of_the_api_gives_the_same_page(api: Running, path: str) -> None:
    status, answer = api.get(f"{path}?seed=s&results=2&page=3")

    assert status == 200
    assert answer["info"] == {"seed": "s", "results": 2, "page": 3, "version": "1.4"}
    assert answer["results"] == api.get("/api/?seed=s&results=2&page=3")[1]["results"]


def test_the_largest_page_is_whole(api: Running) -> None:
    _, answer = api.get("/api/?results=5000&inc=login")

    assert len({person["login"]["uuid"] for person in answer["results"]}) == 5000


def test_pretty_and_compact_say_the_same(api: Running) -> None:
    assert api.get("/api/?seed=s&results=60&format=pretty") == api.get("/api/?seed=s&results=60")


def test_noinfo_leaves_the_info_out(api: Running) -> None:
    assert list(api.get("/api/?noinfo")[1]) == ["results"]


@pytest.mark.parametrize(
    ("path", "status"), [("/api/?format=xml", 400), ("/api/0.9/", 404), ("/nowhere", 404)]
)
def test_a_refusal_has_the_error_shape_of_the_api(api: Running, path: str, status: int) -> None:
    answered, answer = api.get(path)

    assert answered == status
    assert list(answer) == ["error"]
    assert isinstance(answer["error"], str)


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize(("path", "status"), [("/api/", 405), ("/health", 405), ("/nowhere", 404)])
def test_another_method_than_get_is_refused_in_the_same_shape(
    api: Running, method: str, path: str, status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(api.url + path, method=method), timeout=30)

    assert refused.value.status == status
    assert refused.value.headers["Allow"] == ("GET, HEAD" if status == 405 else None)
    assert list(json.load(refused.value)) == ["error"]


def test_head_gives_the_headers_of_get(api: Running) -> None:
    url = f"{api.url}/api/?seed=s&results=2"
    with urllib.request.urlopen(url, timeout=30) as get:
        body = get.read()
    head_only = urllib.request.Request(url, method="HEAD")
    with urllib.request.urlopen(head_only, timeout=30) as head:
        assert head.read() == b""
        assert head.headers["Date"]
        assert head.headers["Content-Length"] == str(len(body))
        assert head.headers["Content-Type"] == "application/json; charset=utf-8"
        assert head.headers["Cache-Control"] == "no-cache"
        assert head.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("parameters", "seed"),
    [
        ("seed=a+b%26c%C3%BC", "a b&cü"),
        ("seed=first&seed=second", "first"),
        ("seed=%FF", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_parameters_are_read_as_forms_send_them(api: Running, parameters: str, seed: str) -> None:
    assert api.get(f"/api/?{parameters}")[1]["info"]["seed"] == seed


def test_it_tells_that_it_is_healthy(api: Running) -> None:
    assert api.get("/health") == (200, {"status": "ok"})


def test_another_people_seed_is_another_population(api: Running) -> None:
    with users_api("--people-seed", "other") as other:
        assert other.get("/api/?seed=s")[1]["results"] != api.get("/api/?seed=s")[1]["results"]


def test_a_request_beyond_the_limit_is_told_to_come_back() -> None:
    with users_api("--latency-ms", "60000") as slow, ExitStack() as clients:
        port = int(slow.url.rpartition(":")[2])
        opened = []
        for _ in range(65):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /api/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            opened.append(client)

        # 64 are kept waiting for a minute; whichever came last has its answer at once.
        answered, _, _ = select.select(opened, [], [], 30)
        answer = answered[0].recv(4096)

    assert len(answered) == 1
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in answer.lower()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_with_code_0_while_requests_are_under_way(number: signal.Signals) -> None:
    with users_api("--latency-ms", "60000") as running:
        port = int(running.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /api/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            running.get("/health")
            running.process.send_signal(number)

            assert running.process.wait(timeout=20) == 0
            assert received(client) == b""
        assert said_behind_the_first_line(running) == ["INFO stopped"]


def test_it_stops_at_once_while_a_client_does_not_take_its_answer() -> None:
    with users_api() as running:
        port = int(running.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /api/?results=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(8) == b"HTTP/1.1"
            running.process.send_signal(signal.SIGTERM)

            assert running.process.wait(timeout=20) == 0
            assert not received(client).endswith(b"0\r\n\r\n")
        assert said_behind_the_first_line(running) == ["INFO stopped"]


def test_a_port_in_use_is_one_line_and_a_failure(api: Running) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "users_api", "--port", api.url.rpartition(":")[2]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert finished.returncode == 1
    assert "cannot listen on 127.0.0.1" in finished.stderr
    assert finished.stderr.count("\n") == 1
