"""Spaces requests out over time."""

import asyncio


class Pace:
    """Gives each request its turn: ``requests_per_minute`` evenly spaced ones; None is no limit.

    ``hold`` keeps everybody back for a while, which is what a server that sends Retry-After asks of
    the client as a whole and not of one connection.
    """

    def __init__(self, requests_per_minute: int | None) -> None:
        self._gap_seconds = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next_turn = 0.0

    async def turn(self) -> None:
        """Returns when the next request may be sent."""
        clock = asyncio.get_running_loop().time
        while (wait := self._next_turn - clock()) > 0:
            await asyncio.sleep(wait)
        # Nothing is awaited between the check above and this line, so a turn has one taker.
        self._next_turn = clock() + self._gap_seconds

    def hold(self, seconds: float) -> None:
        """Lets no request go for ``seconds`` from now."""
        until = asyncio.get_running_loop().time() + seconds
        self._next_turn = max(self._next_turn, until)
