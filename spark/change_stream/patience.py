"""Asking Cassandra again while it does not take a question.

The driver refuses a statement at once, with NoHostAvailable, while its only connection has no room:
behind a write of some megabytes, say. That passes by itself.
"""

from collections.abc import Callable
from typing import TypeVar

from cassandra import DriverException
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from change_stream.writer import TRANSIENT

AWAY = (DriverException, *TRANSIENT)
"""What a session raises while Cassandra is away, or goes away in the midst of an answer."""
PAUSE_SECONDS = 0.1

Answer = TypeVar("Answer")


def patiently(
    ask: Callable[[], Answer],
    seconds: float,
    passing: tuple[type[Exception], ...] = TRANSIENT,
) -> Answer:
    """What `ask` returns; it is called again while it raises one of `passing`.

    Raises:
        the last of them, once `seconds` have passed; any other exception at once.
    """
    try:
        return ask()
    except passing:
        again = Retrying(
            retry=retry_if_exception_type(passing),
            stop=stop_after_delay(seconds),
            wait=wait_fixed(PAUSE_SECONDS),
            reraise=True,
        )
        return again(ask)
