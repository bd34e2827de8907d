"""Who may ask the monitor: loopback's names only, no foreign page, and changes with the token only."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from walflow.errors import WalflowError
from walflow.monitor import token as tokens
from walflow.monitor.guard import READING, guarded, headers, is_own_host, policy
from walflow.monitor.server import STATIC, application
from walflow.settings import Settings

PAGE = '<script src="a.js"></script><script type="importmap">{"a": 1}</script>'


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:9022", "localhost:1", "LOCALHOST", "[::1]:9"]
)
def test_loopbacks_names_are_taken_with_any_port(host: str) -> None:
    assert is_own_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "127.0.0.1.evil.example", "localhost.", "evil.example:9022", "0.0.0.0"],
)
def test_other_names_are_refused(host: str) -> None:
    assert not is_own_host(host)


def asked(ask: Callable[[TestClient[Any, Any]], Awaitable[int]]) -> int:
    """The status that a guarded server answers with."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async def run() -> int:
        app = web.Application(middlewares=[guarded("right")])
        app.router.add_route("*", "/api/x", answer)
        async with TestClient(TestServer(app)) as client:
            return await ask(client)

    return asyncio.run(run())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("token", "status"), [("right", 200), ("wrong", 401), ("", 401), ("rïght", 401)]
)
def test_whatever_is_no_reading_needs_the_token(method: str, token: str, status: int) -> None:
    async def ask(client: TestClient[Any, Any]) -> int:
        answer = await client.request(method, "/api/x", headers={tokens.HEADER: token})
        return answer.status

    assert asked(ask) == status


def test_every_action_is_refused_without_the_token_in_a_sentence(settings: Settings) -> None:
    async def refusals() -> dict[str, tuple[int, str]]:
        app = application(settings, "right")
        app.cleanup_ctx.clear()  # nothing is asked of any server
        changing = [
            (route.method, re.sub(r"{\w+}", "pause", route.resource.canonical))
            for route in app.router.routes()
            if route.method not in READING and route.resource is not None
        ]
        async with TestClient(TestServer(app)) as client:
            answers = [(path, await client.request(method, path)) for method, path in changing]
            return {path: (answer.status, await answer.text()) for path, answer in answers}

    found = asyncio.run(refusals())

    assert {"/api/verify", "/api/apply-connector", "/api/connectors/pause/pause"} <= set(found)
    for path, (status, text) in found.items():
        assert status == 401 and "`walflow monitor --token` prints it" in text, path


def test_reading_needs_none() -> None:
    async def ask(client: TestClient[Any, Any]) -> int:
        return (await client.get("/api/x")).status

    assert asked(ask) == 200


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_another_sites_page_does_not_even_read(site: str, status: int) -> None:
    async def ask(client: TestClient[Any, Any]) -> int:
        return (await client.get("/api/x", headers={"Sec-Fetch-Site": site})).status

    assert asked(ask) == status


def test_the_policy_lets_only_own_files_and_the_import_map_run() -> None:
    found = policy(PAGE)

    assert found.count("sha256-") == 1
    assert "default-src 'none'" in found and "unsafe" not in found


def test_the_pages_own_policy_has_one_hash_and_its_scripts_are_files() -> None:
    page = (STATIC / "index.html").read_text()

    assert headers(page)["Content-Security-Policy"].count("sha256-") == 1
    assert " onclick=" not in page and "style=" not in page


def test_no_file_names_another_host() -> None:
    """It works without a network, and nobody else learns of it."""
    for file in STATIC.rglob("*"):
        if file.suffix in (".js", ".css", ".html") and "vendor" not in file.parts:
            assert "http://" not in file.read_text() and "https://" not in file.read_text(), file


def test_each_vendored_library_has_its_licence() -> None:
    for folder in (STATIC / "vendor").iterdir():
        assert (folder / "LICENSE").is_file(), folder


def test_nothing_is_inserted_as_markup() -> None:
    for file in STATIC.rglob("*.js"):
        if "vendor" not in file.parts:
            text = file.read_text()
            for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
                assert word not in text, f"{file.name}: {word}"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WALFLOW_PATHS__RUN", str(tmp_path))
    return Settings()  # type: ignore[call-arg]  # the fields come from the sources


def test_a_new_token_is_another_one_and_for_its_owner_only(settings: Settings) -> None:
    first, second = tokens.new(settings), tokens.new(settings)

    assert first != second and len(second) >= 32
    assert tokens.read(settings) == second
    assert tokens.path(settings).stat().st_mode & 0o777 == 0o600
    assert tokens.is_right(second, second) and not tokens.is_right(second, first)


def test_without_a_monitor_the_token_is_missed_in_a_sentence(settings: Settings) -> None:
    with pytest.raises(WalflowError, match="walflow up monitor"):
        tokens.read(settings)
