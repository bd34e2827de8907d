"""`python -m walflow.monitor`: the service `monitor`."""

import argparse
import logging
import sys

from aiohttp import web

from walflow.errors import WalflowError
from walflow.monitor import token
from walflow.monitor.server import application
from walflow.settings import LOOPBACK, load

SHUTDOWN_SECONDS = 3.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m walflow.monitor", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="0.0.0.0 within a container only")
    host = parser.parse_args().host
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for told_by_pages in ("kafka", "cassandra"):  # each attempt at a server that is away
        logging.getLogger(told_by_pages).setLevel(logging.CRITICAL)
    try:
        settings = load()
        app = application(settings, token.new(settings))
    except WalflowError as error:
        print(f"✘ {error.sentence}", file=sys.stderr)
        return error.exit_code
    web.run_app(
        app,
        host=host,
        port=settings.ports.of("monitor"),
        shutdown_timeout=SHUTDOWN_SECONDS,
        access_log=None,
        print=None,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
