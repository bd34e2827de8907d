"""Bringing services up, side by side where they do not need each other, and taking them down."""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from walflow.advice import ticked
from walflow.errors import WalflowError
from walflow.settings import Settings
from walflow.stack.catalogue import services
from walflow.stack.ports import require_free
from walflow.stack.service import NotReady, Service
from walflow.stack.supervision import Supervisor
from walflow.stack.unprivileged import account

POLL_SECONDS = 0.2
LOG_LINES = 12
MAX_STARTS = 4
"""A broker that was killed may need a few until its ZooKeeper session has ended."""


@dataclass(frozen=True)
class Events:
    """What a caller may want to show while services come up."""

    starting: Callable[[Service], None] = lambda _: None
    ready: Callable[[Service, float, bool], None] = lambda *_: None
    """Service, seconds that it took, and whether it was up before."""


class _Cancelled(Exception):
    """Another service failed or the user pressed Ctrl-C."""


@dataclass
class _Start:
    """One `up`: what it waits for, and what it started."""

    settings: Settings
    supervisor: Supervisor
    events: Events
    was_up: frozenset[str]
    ready: dict[str, threading.Event]
    cancelled: threading.Event = field(default_factory=threading.Event)
    started: list[str] = field(default_factory=list)


def up(settings: Settings, wanted: list[Service], events: Events) -> None:
    """Start what is not up and return once all of it is ready. What is up is only checked.

    Raises:
        WalflowError: a port is taken, or a service died or was not ready in time; services that
            are ready keep running, and the sentence says which.
        KeyboardInterrupt: after what this call had started has been stopped again.
    """
    supervisor = Supervisor(settings)
    was_up = frozenset(n for n, state in supervisor.states().items() if state.is_up)
    if not supervisor.is_running():
        supervisor.sweep()
    require_free(service for service in wanted if service.name not in was_up)
    supervisor.ensure_running(services(settings).values())
    ready = {service.name: threading.Event() for service in wanted}
    start = _Start(settings, supervisor, events, was_up, ready)
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        futures = [pool.submit(_bring_up, start, service) for service in wanted]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            _raise_first(futures)
        except WalflowError as error:
            _cancel(start, futures)
            raise _with_what_runs(start, error) from error
        except BaseException:
            _cancel(start, futures)
            _undo(start)
            raise


def down(settings: Settings, stopping: Callable[[str], None] = lambda _: None) -> int:
    """Stop everything, and end supervisord; returns how many processes it ended."""
    supervisor = Supervisor(settings)
    before = len(supervisor.marked_processes())
    states = supervisor.states()
    up_now = [s for s in services(settings).values() if s.name in states and states[s.name].is_up]
    stop(supervisor, up_now, stopping)
    supervisor.shut_down()
    supervisor.sweep()
    return before


def stop(
    supervisor: Supervisor, wanted: Sequence[Service], stopping: Callable[[str], None]
) -> None:
    """Stop services side by side, each once those of them that need it are gone.

    A broker must go before its ZooKeeper, the stream before the databases.
    """
    gone = {service.name: threading.Event() for service in wanted}
    cancelled = threading.Event()

    def stop_one(service: Service) -> None:
        for other in wanted:
            if service.name in (*other.needs, *other.beside):
                while not gone[other.name].wait(POLL_SECONDS):
                    if cancelled.is_set():
                        return
        try:
            stopping(service.name)
            supervisor.stop(service.name)
        finally:
            gone[service.name].set()

    with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as pool:
        futures = [pool.submit(stop_one, service) for service in reversed(wanted)]
        try:
            wait(futures)
        except BaseException:
            cancelled.set()
            raise
    _raise_first(futures)


def wipe(settings: Settings) -> None:
    """Delete data, logs and rendered configuration of a stopped stack."""
    shutil.rmtree(account(settings).home, ignore_errors=True)
    shutil.rmtree(settings.run_dir, ignore_errors=True)


def log_tail(supervisor: Supervisor, name: str, lines: int = LOG_LINES) -> str:
    """The last lines of a service's log."""
    try:
        text = supervisor.log_path(name).read_text(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def _raise_first(futures: Iterable[Future[None]]) -> None:
    errors = [f.exception() for f in futures if f.done() and f.exception() is not None]
    for error in errors:
        if error is not None and not isinstance(error, _Cancelled):
            raise error


def _bring_up(start: _Start, service: Service) -> None:
    for need in service.needs:
        _wait(start, start.ready[need].is_set)
    start.events.starting(service)
    began = time.monotonic()
    was_up = service.name in start.was_up
    if not was_up:
        service.prepare()
        if start.cancelled.is_set():
            raise _Cancelled
        start.started.append(service.name)
        start.supervisor.start(service.name)
    _await_ready(start, service, began)
    start.events.ready(service, time.monotonic() - began, was_up)
    start.ready[service.name].set()


def _await_ready(start: _Start, service: Service, began: float) -> None:
    limit = start.settings.supervision.start_timeout_seconds
    pids: set[int] = set()
    while True:
        state = start.supervisor.states().get(service.name)
        if state is not None and state.pid:
            pids.add(state.pid)
        gone = state is not None and (
            state.state in ("FATAL", "STOPPED", "UNKNOWN") or state.is_halted
        )
        if gone or len(pids) > MAX_STARTS:
            raise WalflowError(
                f"{service.name} died while it was starting. The end of"
                f" {start.supervisor.log_path(service.name)}:\n"
                f"{log_tail(start.supervisor, service.name)}"
            )
        try:
            service.readiness.check()
            service.after_ready()
            return
        except NotReady as reason:
            if time.monotonic() - began > limit:
                raise WalflowError(
                    f"{service.name} was not ready within {limit} s (it {service.readiness.condition}"
                    f" when it is): {reason}. The end of {start.supervisor.log_path(service.name)}:\n"
                    f"{log_tail(start.supervisor, service.name)}"
                ) from reason
        if start.cancelled.wait(POLL_SECONDS):
            raise _Cancelled


def _wait(start: _Start, condition: Callable[[], bool]) -> None:
    while not condition():
        if start.cancelled.wait(0.02):
            raise _Cancelled


def _cancel(start: _Start, futures: Iterable[Future[None]]) -> None:
    start.cancelled.set()
    wait(futures)


def _with_what_runs(start: _Start, error: WalflowError) -> WalflowError:
    """Stop what did not become ready, keep the rest for the next `up`, and say so."""
    for name in reversed(start.started):
        if not start.ready[name].is_set():
            start.supervisor.stop(name)
    running = [name for name, state in start.supervisor.states().items() if state.is_up]
    left = [name for name in running if name in start.ready]
    if not left:
        _undo(start)
        return error
    return WalflowError(
        f"{error.sentence}\nStill running: {', '.join(left)}. Mend the cause and run {ticked('up')}"
        f" again, or stop them with {ticked('down')}.",
        error.exit_code,
    )


def _undo(start: _Start) -> None:
    """Stop what this start began; end supervisord too if nothing else was up."""
    for name in reversed(start.started):
        start.supervisor.stop(name)
    if not start.was_up:
        start.supervisor.shut_down()
        start.supervisor.sweep()
