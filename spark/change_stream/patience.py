"""Asking Cassandra again while it does not take a question.

The driver refuses a statement at once, with NoHostAvailable, while its only connection has no room:
behind a write of some megabytes, say. That passes by itself.
"""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from change_stream.writer import TRANSIENT

PAUSE_SECONDS = 0.1

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer], seconds: float) -> Answer:
    """What `ask` returns; it is called again while it raises one of `TRANSIENT`.

    Raises:
        the last of them, once `seconds` have passed; any other exception at once.
    """
    try:
        return ask()
    except TRANSIENT:
        again = Retrying(
            retry=retry_if_exception_type(TRANSIENT),
            stop=stop_after_delay(seconds),
            wait=wait_fixed(PAUSE_SECONDS),
            reraise=True,
        )
        return again(ask)
