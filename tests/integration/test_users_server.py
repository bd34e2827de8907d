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
from contextlib import ExitStack, contextmanager
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
    assert b"\r\nRetry-After: 1\r\n" in answer


def test_it_stops_at_once_with_code_0_while_requests_are_under_way() -> None:
    with users_api("--latency-ms", "60000") as running:
        port = int(running.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /api/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            running.get("/health")
            running.process.send_signal(signal.SIGTERM)

            assert running.process.wait(timeout=20) == 0


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
