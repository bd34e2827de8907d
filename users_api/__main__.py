"""``python -m users_api``: serves the bundled users API until it is told to stop."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

import uvloop

from users_api.listening import listening
from users_api.people import People
from users_api.server import MOST_REQUESTS_AT_ONCE, UsersServer

log = logging.getLogger("users_api")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m users_api",
        description="Serves the contract of randomuser.me (version 1.4) with generated people.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8090, help="port; 0 takes any free one")
    parser.add_argument(
        "--latency-ms", type=int, default=0, metavar="N", help="wait before each answer"
    )
    parser.add_argument(
        "--most-requests",
        type=int,
        default=MOST_REQUESTS_AT_ONCE,
        metavar="N",
        help="answered at once; further ones get 503",
    )
    parser.add_argument(
        "--people-seed", default="", metavar="S", help="another value, another population"
    )
    chosen = parser.parse_args(words)
    if chosen.latency_ms < 0:
        parser.error("--latency-ms cannot be negative")
    if chosen.most_requests < 1:
        parser.error("--most-requests is at least 1")
    if not 0 <= chosen.port <= 65_535:
        parser.error("--port is a number from 0 to 65535")
    return chosen


async def serve(host: str, port: int, server: UsersServer) -> None:
    """Serves until SIGTERM or SIGINT; answers under way are cut off then.

    Raises OSError if the address cannot be listened on.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with listening(server, host, port) as addresses:
        for address in addresses:
            log.info("the bundled users API listens on http://%s:%d/api/", *address)
        await stopped.wait()
        log.info("stopped")


def main() -> int:
    """Runs the command; returns its exit code."""
    chosen = arguments()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    server = UsersServer(People(chosen.people_seed), chosen.latency_ms, chosen.most_requests)
    try:
        uvloop.run(serve(chosen.host, chosen.port, server))
    except OSError as refused:
        log.error("cannot listen on %s:%d: %s", chosen.host, chosen.port, refused.strerror)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
