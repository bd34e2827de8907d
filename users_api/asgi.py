"""ASGI: its types, and what an application here asks of its server."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


async def send_start(send: Send, status: int, headers: Headers) -> None:
    """Sends the status line and the headers."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Sends a whole answer."""
    await send_start(send, status, [*headers, (b"Content-Length", b"%d" % len(body))])
    await send({"type": "http.response.body", "body": body})


async def client_gone(receive: Receive) -> None:
    """Returns when the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
