"""Whether the application has lost its executor for good, so that it has to begin anew.

Spark's master replaces a lost executor. But one that was killed, and to which the worker registers once
more before it has told it of its executors, starts the application's executor a second time and counts
two of one name (Spark 4.2: Master, RegisterWorker and WorkerSchedulerStateResponse). Both end, one is
taken off the count, and the application waits without an executor for as long as it lives, since it has
been given all that it asked for.
"""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""A worker that was killed has given another by then: 28 s in containers on 2 cores."""


class ExecutorWatch:
    """Looks after the executors of one application.

    Args:
        count: how many it has.
    """

    def __init__(self, count: Callable[[], int], now: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._now = now
        self._last_had: float | None = None

    def are_lost(self) -> bool:
        """Whether it had one, and has had none for `PATIENCE_SECONDS`; to be asked every second or so.

        One that has never had any waits for its first: nothing would be won by beginning anew.
        """
        if self._count():
            self._last_had = self._now()
        return self._last_had is not None and self._now() - self._last_had > PATIENCE_SECONDS
