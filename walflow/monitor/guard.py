"""Who may ask the monitor for what: names of its host, foreign pages, the token, headers of answers."""

import base64
import hashlib
import re

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from walflow.advice import ticked
from walflow.monitor.answers import refusal
from walflow.monitor.token import HEADER, is_right

HOSTNAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
SCRAPED = "/metrics"
SCRAPED_AS = "monitor"
"""Its name within compose mode's network, by which Prometheus there asks, and for metrics only."""
READING = frozenset({"GET", "HEAD"})
_FOREIGN = frozenset({"cross-site", "same-site"})
"""Values of Sec-Fetch-Site of a page that is not the monitor's (W3C Fetch Metadata)."""
_INLINE = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)


def is_own_host(header: str) -> bool:
    """Whether a Host header names this machine's loopback.

    A foreign name that was made to resolve to 127.0.0.1 (DNS rebinding) would make the monitor part of
    a foreign page's origin. The port does not matter: a tunnel or a container may publish another.
    """
    return re.sub(r":\d+$", "", header).lower() in HOSTNAMES


def guarded(token: str) -> Middleware:
    """Refuses foreign hosts and pages, and whatever is no reading without the token."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        is_scrape = request.path == SCRAPED and host.partition(":")[0] == SCRAPED_AS
        if not is_own_host(host) and not is_scrape:
            return refusal(403, "Open the monitor as 127.0.0.1 or localhost, under no other name.")
        is_api = request.path.startswith("/api/")
        if is_api and request.headers.get("Sec-Fetch-Site") in _FOREIGN:
            return refusal(403, "Another site's page may not ask the monitor.")
        given = request.headers.get(HEADER, "")
        if request.method not in READING and not is_right(token, given):
            return refusal(401, _wrong() if given else _missing())
        return await handler(request)

    return guard


def _missing() -> str:
    return (
        f"This changes something and needs the token, in the header {HEADER}:"
        f" {ticked('monitor --token')} prints it."
    )


def _wrong() -> str:
    return (
        "This is not the token of the monitor that runs now, since each start draws another one:"
        f" {ticked('monitor --token')} prints it."
    )


def policy(page: str) -> str:
    """Content-Security-Policy for the page: its own files, and of inline scripts its import map only."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in _INLINE.findall(page)
        if text
    )
    return (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def headers(page: str) -> dict[str, str]:
    """Sent with every answer."""
    return {
        "Content-Security-Policy": policy(page),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
