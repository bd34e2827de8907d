"""Serves the users API by uvicorn's HTTP protocol until the caller has enough.

uvicorn.Server.serve() is left out: at its end it waits for answers under way, and then gives the
process once more the signal that was to end it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from users_api.asgi import Application

KEEP_ALIVE_SECONDS = 75


@asynccontextmanager
async def listening(
    application: Application, host: str, port: int
) -> AsyncIterator[list[tuple[str, int]]]:
    """Serves while the context lasts, and gives the addresses; answers under way are cut off then.

    Raises OSError if the address cannot be listened on.
    """
    config = uvicorn.Config(
        application,
        http=HttpToolsProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()
    server = uvicorn.Server(config)
    listener = await asyncio.get_running_loop().create_server(
        lambda: HttpToolsProtocol(config, server.server_state, {}),
        host,
        port,
        backlog=config.backlog,
    )
    # It renews the Date header.
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield [socket.getsockname()[:2] for socket in listener.sockets]
    finally:
        listener.close()
        # uvicorn would report an answer that is cancelled before its connection is known to be lost.
        while connections := list(server.server_state.connections):
            for connection in connections:
                connection.transport.abort()
            await asyncio.sleep(0)
        under_way = [ticking, *server.server_state.tasks]
        for task in under_way:
            task.cancel()
        await asyncio.wait(under_way)
