"""The HTTP client over libcurl against raw servers on the loopback interface."""

import asyncio
import gzip
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from users.answer import Answer
from users.http_client import MOST_REDIRECTS, ConnectionFailed, HttpClient, Unfetchable

Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MOST_BYTES = 1_000_000


@asynccontextmanager
async def serving(connection: Connection, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await connection(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


def client(concurrency: int = 1, connect: float = 30, total: float = 60) -> aclosing[HttpClient]:
    return aclosing(HttpClient(concurrency, connect, total))


async def request_line(reader: asyncio.StreamReader) -> str:
    """The first line of the next request; empty at the connection's end."""
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0]
    except asyncio.IncompleteReadError:
        return ""


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def always(reply: bytes) -> Connection:
    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await request_line(reader):
            writer.write(reply)

    return connection


def once(reply: bytes) -> Connection:
    """Gives one reply and closes the connection."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_line(reader)
        writer.write(reply)

    return connection


def got(connection: Connection, most_bytes: int = MOST_BYTES) -> Answer:
    async def run() -> Answer:
        async with serving(connection) as url, client() as http:
            return await http.get(url, most_bytes)

    return asyncio.run(run())


def test_an_answer_has_status_and_body_whatever_the_status() -> None:
    assert got(always(answer(b"gone", status="410 Gone"))) == Answer(410, None, b"gone")


def test_retry_after_is_kept_in_whatever_case_it_is_sent() -> None:
    busy = got(always(answer(b"", "rEtry-aFter:  7 ", status="503 Busy")))

    assert busy.retry_after == "7"


def test_an_answer_does_not_keep_what_the_handle_s_last_one_had() -> None:
    replies = [answer(b"busy", "Retry-After: 7", status="503 Busy"), answer(b"good")]

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await request_line(reader):
            writer.write(replies.pop(0))

    async def run() -> Answer:
        async with serving(connection) as url, client() as http:
            await http.get(url, MOST_BYTES)
            return await http.get(url, MOST_BYTES)

    assert asyncio.run(run()) == Answer(200, None, b"good")


def test_a_compressed_body_is_unpacked() -> None:
    packed = gzip.compress(b'{"results": []}')

    assert got(always(answer(packed, "Content-Encoding: gzip"))).body == b'{"results": []}'


def test_a_body_beyond_the_bound_is_given_up_and_its_connection_closed() -> None:
    async def run() -> None:
        closed = asyncio.Event()

        async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_line(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                for _ in range(1000):
                    writer.write(b" " * 65_536)
                    await writer.drain()
            except ConnectionError:
                closed.set()

        async with serving(long) as url, client() as http:
            with pytest.raises(Unfetchable, match="its body exceeds 1000 bytes"):
                await http.get(url, 1000)
            await closed.wait()

    asyncio.run(run())


def test_the_bound_counts_what_a_compressed_body_unpacks_to() -> None:
    bomb = gzip.compress(bytes(2 * MOST_BYTES))

    with pytest.raises(Unfetchable, match="its body exceeds"):
        got(always(answer(bomb, "Content-Encoding: gzip")))


def test_a_body_of_just_the_bound_is_taken() -> None:
    assert got(always(answer(bytes(1000))), most_bytes=1000).body == bytes(1000)


@pytest.mark.parametrize("at_once", [4, 40])
def test_connections_are_reused_and_no_more_than_allowed(at_once: int) -> None:
    connections = 0

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await always(answer(b"good"))(reader, writer)

    async def run() -> list[Answer]:
        async with serving(connection) as url, client(concurrency=4) as http:
            answers = []
            for _ in range(200 // at_once):
                requests = [http.get(url, most_bytes=len(b"good")) for _ in range(at_once)]
                answers += await asyncio.gather(*requests)
            return answers

    assert asyncio.run(run()) == [Answer(200, None, b"good")] * 200
    assert 1 <= connections <= 4


def test_a_cancelled_request_gives_up_its_connection_and_its_place() -> None:
    async def run() -> Answer:
        arrived, closed = asyncio.Event(), asyncio.Event()

        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if "silent" in await request_line(reader):
                arrived.set()
                await reader.read()
                closed.set()
            else:
                writer.write(answer(b"good"))

        # With one connection, a request that kept its own would let no other go.
        async with serving(connection) as url, client(concurrency=1) as http:
            for _ in range(3):
                arrived.clear()
                closed.clear()
                waiting = asyncio.create_task(http.get(f"{url}silent", MOST_BYTES))
                await arrived.wait()
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await closed.wait()
            return await http.get(url, MOST_BYTES)

    assert asyncio.run(run()).body == b"good"


def test_closing_closes_kept_connections_and_cancels_what_is_under_way() -> None:
    async def run() -> None:
        arrived = asyncio.Event()
        ended: list[str] = []
        all_ended = asyncio.Event()

        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = await request_line(reader)
            if "silent" in line:
                arrived.set()
            else:
                writer.write(answer(b"good"))
            await reader.read()
            ended.append(line)
            if len(ended) == 2:
                all_ended.set()

        async with serving(connection) as url:
            async with client(concurrency=2) as http:
                waiting = asyncio.create_task(http.get(f"{url}silent", MOST_BYTES))
                await arrived.wait()
                await http.get(url, MOST_BYTES)
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await all_ended.wait()

    asyncio.run(run())


def redirecting(location: Callable[[str], str | None]) -> Connection:
    """``location`` gives the address that a request line is sent on to; None for an answer."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await request_line(reader):
            to = location(line)
            if to is None:
                writer.write(answer(line.encode()))
            else:
                headers = (f"Location: {to}", "Retry-After: 9")
                writer.write(answer(b"elsewhere", *headers, status="302 Found"))

    return connection


def test_a_redirect_is_followed_and_leaves_nothing_of_itself() -> None:
    there = got(redirecting(lambda line: "/there?a=b" if "GET / " in line else None))

    assert there == Answer(200, None, b"GET /there?a=b HTTP/1.1")


def test_redirects_without_end_are_not_followed_for_ever() -> None:
    asked: list[str] = []

    def again(line: str) -> str:
        asked.append(line)
        return "/"

    with pytest.raises(Unfetchable, match="redirects"):
        got(redirecting(again))

    assert len(asked) == 1 + MOST_REDIRECTS


def test_a_redirect_to_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("secret")

    with pytest.raises(Unfetchable, match="file"):
        got(redirecting(lambda _line: file.as_uri()))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://a b/", "http://127.0.0.1:99999/"])
def test_an_address_that_cannot_be_asked_is_unfetchable(url: str) -> None:
    async def run() -> None:
        async with client() as http:
            await http.get(url, MOST_BYTES)

    with pytest.raises(Unfetchable):
        asyncio.run(run())


def test_what_is_not_http_is_unfetchable() -> None:
    with pytest.raises(Unfetchable, match="HTTP"):
        got(once(b"220 mail.test ESMTP\r\n"))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(b"", "Empty reply", id="nothing"),
        pytest.param(answer(bytes(1000))[:-10], "10 bytes missing", id="half-a-body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf",
            "closed",
            id="half-a-chunk",
        ),
        pytest.param(answer(b"no gzip", "Content-Encoding: gzip"), "encoding", id="not-gzip"),
    ],
)
def test_an_answer_that_does_not_come_whole_is_a_failed_connection(
    reply: bytes, words: str
) -> None:
    with pytest.raises(ConnectionFailed, match=words):
        got(once(reply))


def test_a_refused_connection_is_named() -> None:
    async def run() -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            async with client() as http:
                await http.get(f"http://127.0.0.1:{reserved.getsockname()[1]}/", MOST_BYTES)

    with pytest.raises(ConnectionFailed, match=r"^Connection refused$"):
        asyncio.run(run())


def test_an_unknown_host_is_named() -> None:
    # No name server is asked for a label of more than 63 characters.
    host = f"{'a' * 64}.invalid"

    async def run() -> None:
        async with client() as http:
            await http.get(f"http://{host}/", MOST_BYTES)

    with pytest.raises(ConnectionFailed, match=f"Could not resolve host: {host}"):
        asyncio.run(run())


def test_a_server_that_takes_no_connection_is_given_up_in_time() -> None:
    async def run(address: tuple[str, int]) -> None:
        async with client(connect=0.05, total=600) as http:
            await http.get(f"http://{address[0]}:{address[1]}/", MOST_BYTES)

    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Linux leaves further connections unanswered once these two wait to be accepted.
        for filling in (first, second):
            filling.setblocking(False)
            filling.connect_ex(full.getsockname())

        with pytest.raises(TimeoutError, match=r"^Connection timed out"):
            asyncio.run(run(full.getsockname()))


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert got(always(answer(b"good"))).body == b"good"


def test_a_certificate_is_trusted_where_python_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
    subprocess.run(make, check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)

    async def run() -> Answer:
        async with serving(always(answer(b"good")), tls) as url, client() as http:
            return await http.get(url, MOST_BYTES)

    with pytest.raises(ConnectionFailed, match="certificate"):
        asyncio.run(run())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert asyncio.run(run()).body == b"good"
