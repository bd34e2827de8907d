"""Asking several servers at the same time, each within a bound, whatever becomes of the others."""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from typing import Any, Protocol

from walflow.errors import ExitCode, WalflowError
from walflow.readings.reading import Unreachable
from walflow.stack import ports
from walflow.stack.service import NotReady

PORT_SECONDS = 1.0


class Part(Protocol):
    """A server and what is asked of it; called by one thread at a time."""

    what: str
    """The server's name in sentences."""
    advice: str
    """What to do where it does not answer."""

    def read(self, *args: Any) -> Any:
        """Its answer; connects where there is no connection. May raise anything."""

    def forget(self) -> None:
        """Drop a connection of which nothing is known any more; the next `read` makes a new one."""


class _Asking:
    """A part and the thread in which it is asked."""

    def __init__(self, name: str, part: Part) -> None:
        self.part = part
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"reading-{name}")
        self._running: Future[Any] | None = None
        self._since = 0.0

    def begin(self, arguments: tuple[Any, ...]) -> Future[Any]:
        """Ask, unless it is still being asked."""
        if self._running is None or self._running.done():
            self._running = self._thread.submit(_read, self.part, arguments)
            self._since = time.monotonic()
        return self._running

    def answer(self, running: Future[Any], give_up: float) -> Any:
        try:
            return running.result(max(0.0, give_up - time.monotonic()))
        except NotInTime:
            late = time.monotonic() - self._since
            why = f"it has not answered for {late:.0f} s"
            return Unreachable(self.part.what, why, self.part.advice)

    def close(self) -> None:
        self._thread.submit(self.part.forget)
        self._thread.shutdown(wait=False)


class Parts:
    """A thread for each part, so that none waits for another.

    Args:
        parts: by the names under which they are asked.
    """

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._asking = {name: _Asking(name, part) for name, part in parts.items()}

    def ask(self, arguments: Mapping[str, tuple[Any, ...]], seconds: float) -> dict[str, Any]:
        """The answers of the named parts, or an `Unreachable` for one that fails or is late.

        A part that was late is not asked again until it has come back; what it then says is taken.

        Args:
            arguments: of the `read` of each part that is asked.
        """
        give_up = time.monotonic() + seconds
        begun = {name: self._asking[name].begin(given) for name, given in arguments.items()}
        return {name: self._asking[name].answer(one, give_up) for name, one in begun.items()}

    def close(self) -> None:
        """End the threads and the connections; a part that is late ends when it comes back."""
        for asking in self._asking.values():
            asking.close()


def _read(part: Part, arguments: tuple[Any, ...]) -> Any:
    try:
        return part.read(*arguments)
    except Exception as error:  # each client has exceptions of its own, and some raise any
        part.forget()
        return Unreachable(part.what, reason_of(error), part.advice)


def require_listening(address: str) -> None:
    """As a part does before it makes a client; it is asked again and again, and waits less.

    Raises:
        WalflowError: nobody listens there.
    """
    try:
        ports.require_listening(address, PORT_SECONDS)
    except NotReady as problem:
        raise WalflowError(str(problem), ExitCode.NOT_READY) from problem


def reason_of(error: Exception) -> str:
    """An exception as the middle of a sentence, in one line."""
    if isinstance(error, WalflowError):
        return " ".join(error.sentence.split()).rstrip(".")
    line = " ".join(str(error).split()).rstrip(".?")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
