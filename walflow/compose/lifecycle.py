"""Up, down and restart of the Compose project."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from walflow.compose import checks
from walflow.compose.containers import Container, containers, word
from walflow.compose.environment import PROFILES, project, variables
from walflow.compose.file import ComposeService, active, services
from walflow.compose.program import ask, compose
from walflow.errors import ExitCode, WalflowError
from walflow.settings import HOME, Settings
from walflow.stack.service import NotReady
from walflow.stack.spark import EXECUTOR, require_stream_ready

POLL_SECONDS = 0.5
LOG_LINES = 12
STOP_SECONDS = 30
DOWN_SECONDS = 120
MAX_RESTARTS = 3
"""A container that Docker has started again this often without becoming healthy is given up."""
GOING = ("already in progress", "no such container", "not found", "has active endpoints")
"""What Docker says of what another `down` is removing at the same time."""
ENDED = ("failed", "halted", "stopped")
"""States from which nothing becomes ready by itself."""
STREAM = "stream"
"""Its health check says that it has an executor; ready it is when its tasks are connected."""

NEWEST_EXECUTOR = f"""\
newest=$(ls -t .run/data/spark-work/app-*/*/stderr 2>/dev/null | head -n 1)
[ -n "$newest" ] || {{ echo '✘ {EXECUTOR} has no log yet: it was never started.' >&2; exit 3; }}
exec "$0" "$@" "$newest"
"""
"""Within the worker's container: what the newest executor writes to stderr, given to a command."""

Ready = Callable[[str, float, str], None]
"""Service, seconds since `up` began (0: it was up before), and its state."""


@dataclass
class _Watch:
    """Which services have become ready since `up` began."""

    known: Mapping[str, ComposeService]
    project: str
    ready: Ready
    before: frozenset[tuple[str, float]] = frozenset()
    """The runs of containers, `Container.run`, that were there when `up` began."""
    is_settled: bool = False
    """Whether Compose has replaced what it replaces."""
    began: float = field(default_factory=time.monotonic)
    seen: set[str] = field(default_factory=set)
    restarts: dict[str, int] = field(default_factory=dict)
    """How often Docker had restarted a container when it was first looked at."""

    def look(self) -> list[Container]:
        found = containers(self.project)
        for one in found:
            service = self.known.get(one.service)
            state = word(service, one) if service else ""
            was_there = one.run in self.before
            if not state or one.service in self.seen or (was_there and not self.is_settled):
                continue
            if state in ("ready", "done"):
                self.seen.add(one.service)
                seconds = 0 if was_there else time.monotonic() - self.began
                self.ready(one.service, seconds, state)
            else:
                self._require_alive(one)
        return found

    def _require_alive(self, one: Container) -> None:
        """Raises WalflowError: it has died again and again; it is stopped then."""
        deaths = one.restarts - self.restarts.setdefault(one.identifier, one.restarts)
        if deaths >= MAX_RESTARTS and one.is_up:
            ask(["stop", one.identifier])
            raise WalflowError(
                f"{one.service} died {deaths} times while it was starting. {_advice(one)}"
            )

    def missing(self, wanted: Sequence[str]) -> list[str]:
        return [name for name in wanted if name not in self.seen]


def up(settings: Settings, names: Sequence[str], ready: Ready, *, anew: bool = False) -> None:
    """Build what has changed, start what is not up, and return once all of it is ready.

    Args:
        names: services; all of the active profiles without any.
        anew: whether to replace their containers although nothing has changed.

    Raises:
        WalflowError: Docker lacks something, or a service failed; the sentence says which.
        KeyboardInterrupt: after what this call had started has been stopped again.
    """
    known = started_services(settings)
    _require_known(known, names)
    wanted = list(names) if anew else _with_needs(known, names)
    chosen = {name: known[name] for name in wanted}
    checks.require(settings, chosen)
    there = containers(project(settings))
    before = [c.service for c in there if c.is_up]
    watch = _Watch(chosen, project(settings), ready, frozenset(c.run for c in there))
    log = settings.run_dir / "logs" / "compose.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    words = ["up", "--detach", "--build", *(["--force-recreate", "--no-deps"] if anew else [])]
    try:
        code = _watched([*words, *names], settings, log, watch)
        if code != 0:
            raise _failure(settings, known, log)
        watch.is_settled = True
        _await_ready(settings, watch, wanted)
    except KeyboardInterrupt:
        started = [name for name in wanted if name not in before]
        _compose(settings, ["stop", "--timeout", str(STOP_SECONDS), *started])
        raise


def down(settings: Settings, *, wipe: bool) -> int:
    """Remove the containers, with `wipe` also the volumes; returns how many containers there were.

    Volumes without a name, which Docker makes for the VOLUME lines of images, go in any case: no later
    container would get them again, and all data is in named ones.
    """
    found = containers(project(settings))
    removal = (["stop", "--timeout", str(STOP_SECONDS)], ["rm", "--force", "-v"])
    steps = (
        *(removal if found else ()),
        ["down", "--remove-orphans", *(["--volumes"] if wipe else [])],
    )
    everything = {PROFILES: ",".join(sorted(_profiles(settings)))}
    give_up = time.monotonic() + DOWN_SECONDS
    while True:
        try:
            for words in steps:
                _compose(settings, words, everything)
            return len(found)
        except WalflowError as error:
            is_going = any(text in error.sentence.lower() for text in GOING)
            if not is_going or time.monotonic() > give_up:
                raise
        time.sleep(POLL_SECONDS)


def started_services(settings: Settings) -> dict[str, ComposeService]:
    """The services that `up` starts with the profiles in force."""
    return active(variables(settings), checks.profiles())


def log_command(settings: Settings, service: str, lines: int, follow: bool) -> list[str]:
    """The command that prints the end of a service's log, or of the stream's tasks.

    Raises:
        WalflowError: there is no such service, or it has no container.
    """
    known = services(variables(settings))
    if service not in (*known, EXECUTOR):
        raise WalflowError(
            f"There is no service {service}. The services are: {', '.join(known)}; the stream's tasks"
            f" are {EXECUTOR}.",
            ExitCode.USAGE,
        )
    for found in containers(project(settings)):
        if service == EXECUTOR and found.service == "spark-worker":
            tail = ["tail", "-n", str(lines), *(["-F"] if follow else [])]
            return ["docker", "exec", found.identifier, "sh", "-c", NEWEST_EXECUTOR, *tail]
        if found.service == service:
            words = ["docker", "logs", "--tail", str(lines), *(["--follow"] if follow else [])]
            return [*words, found.identifier]
    raise WalflowError(f"{service} has no log yet: it was never started.", ExitCode.NOT_READY)


def _profiles(settings: Settings) -> set[str]:
    return {p for service in services(variables(settings)).values() for p in service.profiles}


def _require_known(known: Mapping[str, ComposeService], names: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise WalflowError(
                f"There is no service {name}. The services are: {', '.join(known)}.",
                ExitCode.USAGE,
            )


def _with_needs(known: Mapping[str, ComposeService], names: Sequence[str]) -> list[str]:
    wanted: dict[str, None] = {}

    def add(name: str) -> None:
        for need in known[name].needs:
            add(need)
        wanted[name] = None

    for name in names or known:
        add(name)
    return list(wanted)


def _environment(settings: Settings) -> dict[str, str]:
    return os.environ | variables(settings)


def _watched(words: Sequence[str], settings: Settings, log: Path, watch: _Watch) -> int:
    """Run Compose with its output in a file, and look at the containers meanwhile."""
    command, _ = compose()
    with (
        log.open("w") as output,
        # A session of its own: Ctrl-C at the terminal is walflow's to handle.
        subprocess.Popen(
            [*command, *words],
            cwd=HOME,
            env=_environment(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            while process.poll() is None:
                watch.look()
                time.sleep(POLL_SECONDS)
        except BaseException:
            process.terminate()
            raise
        return process.returncode


def _await_ready(settings: Settings, watch: _Watch, wanted: Sequence[str]) -> None:
    """Compose waits for what others depend on; the rest is waited for here."""
    limit = settings.supervision.start_timeout_seconds
    give_up = time.monotonic() + limit
    while True:
        found = {c.service: c for c in watch.look()}
        missing = watch.missing(wanted)
        if not missing:
            break
        for name in missing:
            state = word(watch.known[name], found.get(name))
            if state in ENDED or time.monotonic() > give_up:
                after = "" if state in ENDED else f" after {limit} s"
                raise WalflowError(f"{name} is {state}{after}. {_advice(found.get(name))}")
        time.sleep(POLL_SECONDS)
    while STREAM in wanted:
        try:
            require_stream_ready(settings)
            return
        except NotReady as reason:
            found = {c.service: c for c in watch.look()}
            state = word(watch.known[STREAM], found.get(STREAM))
            if state in ENDED:
                raise WalflowError(f"{STREAM} is {state}. {_advice(found.get(STREAM))}") from reason
            if time.monotonic() > give_up:
                raise WalflowError(
                    f"The stream was not ready within {limit} s: {reason}. See"
                    " `walflow --mode compose logs stream`."
                ) from reason
        time.sleep(POLL_SECONDS)


def _failure(settings: Settings, known: Mapping[str, ComposeService], log: Path) -> WalflowError:
    """Why `up` failed: the service that did, with its log, or else what Compose said."""
    for found in containers(project(settings)):
        service = known.get(found.service)
        state = word(service, found) if service else ""
        if state in ("failed", "unhealthy", "restarting"):
            return WalflowError(
                f"{found.service} is {state}, and others wait for it. {_advice(found)}"
            )
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
    return WalflowError(f"Docker Compose failed. {log} has it all; its end:\n{tail}")


def _advice(found: Container | None) -> str:
    return (
        f"The end of its log:\n{_log_tail(found)}\n"
        "Mend the cause and run `walflow --mode compose up` again; what is up stays up."
    )


def _log_tail(found: Container | None) -> str:
    if found is None:
        return "(no container)"
    result = subprocess.run(
        ["docker", "logs", "--tail", str(LOG_LINES), found.identifier],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.stdout.strip() or "(no log)"


def _compose(
    settings: Settings, words: Sequence[str], environment: Mapping[str, str] | None = None
) -> None:
    command, _ = compose()
    result = subprocess.run(
        [*command, *words],
        cwd=HOME,
        env=_environment(settings) | dict(environment or {}),
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        tail = "\n".join(result.stderr.splitlines()[-LOG_LINES:])
        raise WalflowError(f"`{' '.join([*command, *words])}` failed:\n{tail}")
