"""The bundled users API as an ASGI application: how a long answer is made."""

import asyncio
from typing import Any

from users_api.people import People
from users_api.server import UsersServer


def scope(results: int) -> dict[str, Any]:
    return {"method": "GET", "path": "/api/", "query_string": b"seed=s&results=%d" % results}


async def stay() -> dict[str, Any]:
    """A client that waits for its answer."""
    return await asyncio.Future()


async def leave() -> dict[str, Any]:
    """A client that is gone."""
    return {"type": "http.disconnect"}


def test_no_more_people_are_made_for_a_client_that_is_gone() -> None:
    sent = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(UsersServer(People())(scope(5000), leave, send))

    # The start of the answer and one slice, of a hundred.
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_a_long_answer_does_not_hold_up_a_short_one() -> None:
    finished = []

    async def ask(server: UsersServer, results: int) -> None:
        async def send(_message: dict[str, Any]) -> None:
            """A client that takes everything at once."""

        await server(scope(results), stay, send)
        finished.append(results)

    async def both() -> None:
        server = UsersServer(People())
        await asyncio.gather(ask(server, 500), ask(server, 1))

    asyncio.run(both())

    assert finished == [1, 500]
