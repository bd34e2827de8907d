"""Sessions that write on while a test looks at what becomes of it."""

import random
import threading
from collections.abc import Callable, Sequence

import psycopg2


class Writers:
    """Sessions that run one statement after another until they are told to stop; use it in a `with`.

    Args:
        statement: the next statement of a session, from the session's own random numbers.
        pause: seconds between two statements of a session.
        seeds: one for each session.
    """

    def __init__(
        self,
        dsn: str,
        statement: Callable[[random.Random], str],
        pause: float,
        seeds: Sequence[int],
    ) -> None:
        self._dsn, self._statement, self._pause = dsn, statement, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(seed,)) for seed in seeds]
        self.statements = 0

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the sessions; what they have sent is committed."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, seed: int) -> None:
        rng = random.Random(seed)
        connection = psycopg2.connect(self._dsn)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not self._stop.wait(self._pause):
                cursor.execute(self._statement(rng))
                self.statements += 1
        connection.close()
