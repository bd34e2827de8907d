"""`python -m walflow.monitor`: the service `monitor`."""

import argparse
import logging
import socket
import sys

from aiohttp import web

from walflow.errors import ExitCode, WalflowError
from walflow.logs import configure
from walflow.monitor import token
from walflow.monitor.server import application
from walflow.settings import LOOPBACK, load
from walflow.stack.ports import holder

SHUTDOWN_SECONDS = 3.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m walflow.monitor", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="0.0.0.0 within a container only")
    host = parser.parse_args().host
    for told_by_pages in ("kafka", "cassandra"):  # each attempt at a server that is away
        logging.getLogger(told_by_pages).setLevel(logging.CRITICAL)
    try:
        settings = load()
        configure(logging.getLogger(), settings.logs.format)
        listening = _listening(host, settings.ports.of("monitor"))
        # Behind that: who cannot listen must not take the token from the monitor that does.
        app = application(settings, token.new(settings))
    except WalflowError as error:
        print(f"✘ {error.sentence}", file=sys.stderr)
        return error.exit_code
    web.run_app(app, sock=listening, shutdown_timeout=SHUTDOWN_SECONDS, access_log=None, print=None)
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        WalflowError: the port is taken.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise WalflowError(
            f"{host}:{port} cannot be listened on: {error.strerror}. It is in use by {holder(port)};"
            " ports.monitor in pipeline.toml chooses another.",
            ExitCode.NOT_READY,
        ) from error


if __name__ == "__main__":
    sys.exit(main())
