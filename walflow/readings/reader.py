"""Asks every server of the pipeline at the same time, and makes one `Reading` of the answers."""

from types import TracebackType

from walflow.readings.reading import Reading
from walflow.settings import Settings

BOUND_SECONDS = 4.0
"""No reading takes longer; a server that has not answered by then is `Unreachable`."""


class Reader:
    """Keeps its connections from reading to reading, so that one a second costs little.

    Rates, and what else takes two looks, come with the second reading. Use it in a `with`, or call
    `close`. One thread at a time may call `read`.
    """

    def __init__(self, settings: Settings) -> None:
        raise NotImplementedError

    def read(self) -> Reading:
        """The pipeline now; never raises for a server that is away, and ends within BOUND_SECONDS."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read(settings: Settings) -> Reading:
    """One look, without rates."""
    with Reader(settings) as reader:
        return reader.read()
