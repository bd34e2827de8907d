"""GET over HTTP by libcurl, which takes about half the processor time of a client in Python."""

import os
import ssl

import pycurl

from users.answer import Answer

MOST_REDIRECTS = 10
# What these say of a server or an address, another try would only say again.
LASTING = {
    pycurl.E_URL_MALFORMAT,
    pycurl.E_UNSUPPORTED_PROTOCOL,
    pycurl.E_FTP_WEIRD_SERVER_REPLY,
    pycurl.E_TOO_MANY_REDIRECTS,
}


class ConnectionFailed(Exception):
    """No whole answer came; another try may get one."""


class Unfetchable(Exception):
    """What the address leads to cannot be taken, however often it is asked for."""


class HttpClient:
    """Asks over ``concurrency`` connections at the most, which are kept for the next request.

    Redirects are followed; proxies of the environment are not used. Times are in seconds;
    ``total_timeout`` counts from the call to the body's end. Close it (contextlib.aclosing).
    """

    def __init__(self, concurrency: int, connect_timeout: float, total_timeout: float) -> None:
        self._options = _options(connect_timeout, total_timeout)
        self._idle: list[_Transfer] = []
        self._multi = pycurl.AsyncCurlMulti()
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, concurrency)

    async def get(self, url: str, most_bytes: int) -> Answer:
        """The answer of ``url``, whatever its status.

        Raises TimeoutError, ConnectionFailed, and Unfetchable, also for a body of more than
        ``most_bytes``, of which no more is received.
        """
        transfer = self._idle.pop() if self._idle else _Transfer(self._options)
        try:
            transfer.begin(url, most_bytes)
            await self._multi.perform(transfer.curl)
            return transfer.answer()
        except pycurl.error as failure:
            raise transfer.failure(*failure.args) from None
        finally:
            transfer.forget()
            self._idle.append(transfer)

    async def aclose(self) -> None:
        """Closes all connections; requests under way are cancelled."""
        await self._multi.aclose()
        for transfer in self._idle:
            transfer.curl.close()


class _Transfer:
    """A libcurl handle, used for one request after another, and what the present one receives."""

    def __init__(self, options: dict[int, object]) -> None:
        self.curl = pycurl.Curl()
        for option, value in options.items():
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take)
        self.forget()

    def begin(self, url: str, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.curl.setopt(pycurl.URL, url)

    def answer(self) -> Answer:
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        return Answer(status, self._retry_after, bytes(self._body))

    def failure(self, code: int, message: str) -> Exception:
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return TimeoutError(message)
        if code == pycurl.E_WRITE_ERROR:
            return Unfetchable(f"its body exceeds {self._most_bytes} bytes")
        if code in LASTING:
            return Unfetchable(message)
        if code == pycurl.E_COULDNT_CONNECT and (errno := self.curl.getinfo(pycurl.OS_ERRNO)):
            return ConnectionFailed(os.strerror(errno))
        return ConnectionFailed(message)

    def forget(self) -> None:
        self._retry_after: str | None = None
        self._body = bytearray()

    def _take_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            # Another answer begins: what came before was a redirect's.
            self._retry_after = None
        elif line[:12].lower() == b"retry-after:":
            self._retry_after = line[12:].strip().decode("latin-1")

    def _take(self, chunk: bytes) -> int | None:
        self._body += chunk
        # Taking less than there is ends the transfer with E_WRITE_ERROR.
        return 0 if len(self._body) > self._most_bytes else None


def _options(connect_timeout: float, total_timeout: float) -> dict[int, object]:
    options: dict[int, object] = {
        pycurl.HTTPHEADER: ["Accept: application/json"],
        pycurl.ACCEPT_ENCODING: "gzip, deflate",
        # Over HTTP/2, many requests would share the first connection.
        pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
        pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
        pycurl.FOLLOWLOCATION: True,
        pycurl.MAXREDIRS: MOST_REDIRECTS,
        pycurl.PROXY: "",
        pycurl.CONNECTTIMEOUT_MS: _milliseconds(connect_timeout),
        pycurl.TIMEOUT_MS: _milliseconds(total_timeout),
        # Signals are the main thread's, and a DAG's code may run in another.
        pycurl.NOSIGNAL: True,
    }
    # pycurl brings an OpenSSL of its own, which knows nothing of SSL_CERT_FILE nor of the place where
    # Python's finds certificates. Where Python names no file, the one that pycurl has found serves.
    if trusted := ssl.get_default_verify_paths().cafile:
        options[pycurl.CAINFO] = trusted
    return options


def _milliseconds(seconds: float) -> int:
    # libcurl takes 0 for no limit.
    return max(1, round(seconds * 1000))
