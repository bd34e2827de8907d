"""Requests keep to the pace, and everybody is held back when the server asks for it."""

import asyncio

import pytest

from users.pace import Pace


def test_without_a_limit_nobody_waits() -> None:
    async def run() -> None:
        pace = Pace(None)
        for _ in range(1000):
            await pace.turn()

    asyncio.run(run())


def test_one_request_a_minute_lets_one_go() -> None:
    async def run() -> None:
        pace = Pace(1)
        await pace.turn()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pace.turn(), 0.05)

    asyncio.run(run())


def test_a_hold_keeps_everybody_back() -> None:
    async def run() -> None:
        pace = Pace(None)
        pace.hold(60)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pace.turn(), 0.05)

    asyncio.run(run())


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    async def run() -> None:
        pace = Pace(None)
        pace.hold(60)
        pace.hold(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pace.turn(), 0.05)

    asyncio.run(run())
