"""supervisord: starts, restarts and stops the stack's processes and rotates their logs."""

import http.client
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from walflow.errors import WalflowError
from walflow.settings import HOME, Settings
from walflow.stack.service import HALTED, Service
from walflow.stack.unix_sockets import fitting

MARK = "WALFLOW_STACK"
"""Environment variable that every process of a stack inherits; its value is the run directory."""
BEHIND_SOCKET = 8
"""supervisord makes its socket as one with a dot and its pid behind the name."""
STOP_SECONDS = 30
UNREACHABLE = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class ProcessState:
    """What supervisord says of one process."""

    name: str
    state: str
    pid: int
    started: float
    """Seconds since the epoch; 0 if never."""
    exit_code: int = 0
    """Of its last run, where that has ended."""

    @property
    def is_up(self) -> bool:
        return self.state in ("STARTING", "RUNNING")

    @property
    def is_halted(self) -> bool:
        """Whether it ended by itself and stays so until it is started again."""
        return self.state == "EXITED" and self.exit_code == HALTED


class Supervisor:
    """The supervisord of one run directory."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.run_dir = settings.run_dir
        self._config = self.run_dir / "config" / "supervisord.conf"

    def is_running(self) -> bool:
        try:
            self._rpc().getState()
        except UNREACHABLE:
            return False
        return True

    def ensure_running(self, services: Iterable[Service]) -> None:
        """Start supervisord with these programs, or have a running one take in changed ones."""
        self._write_config(services)
        if self.is_running():
            self._take_in_changes()
            return
        (self.run_dir / "logs").mkdir(parents=True, exist_ok=True)
        for deaths in (self.restarts_file, self.connector_deaths):
            deaths.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        # A session of its own: Ctrl-C at the terminal is walflow's to handle.
        result = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
        if result.returncode != 0:
            raise WalflowError(f"supervisord did not start: {result.stdout}{result.stderr}".strip())
        give_up = time.monotonic() + 20
        while not self.is_running():
            if time.monotonic() > give_up:
                raise WalflowError(
                    f"supervisord does not answer; see {self.run_dir / 'logs' / 'supervisord.log'}."
                )
            time.sleep(0.05)

    def start(self, name: str) -> None:
        """Start a process unless it is up."""
        try:
            self._rpc().startProcess(name, False)
        except Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise WalflowError(f"supervisord could not start {name}: {fault}") from fault

    def stop(self, name: str) -> None:
        """Stop a process and wait until it is gone; without supervisord there is nothing to ask."""
        try:
            self._rpc().stopProcess(name, True)
        except UNREACHABLE:  # somebody else has ended it meanwhile
            return
        except Fault as fault:
            if fault.faultCode not in (Faults.NOT_RUNNING, Faults.BAD_NAME, Faults.SHUTDOWN_STATE):
                raise WalflowError(f"supervisord could not stop {name}: {fault}") from fault

    def states(self) -> dict[str, ProcessState]:
        """Name → state; empty while supervisord is not running, or ending."""
        try:
            infos: Any = self._rpc().getAllProcessInfo()
        except UNREACHABLE:
            return {}
        except Fault as fault:
            if fault.faultCode != Faults.SHUTDOWN_STATE:
                raise
            return {}
        return {
            i["name"]: ProcessState(
                i["name"], i["statename"], i["pid"], i["start"], i["exitstatus"]
            )
            for i in infos
        }

    def shut_down(self) -> None:
        """End supervisord and wait until its processes are gone."""
        try:
            process = psutil.Process(int(self._pid_file.read_text()))
            self._ask_to_end()
            process.wait(STOP_SECONDS * 2)
        except (*UNREACHABLE, ValueError, psutil.NoSuchProcess):
            return
        except psutil.TimeoutExpired:
            process.kill()

    def _ask_to_end(self) -> None:
        try:
            self._rpc().shutdown()
        except Fault as fault:  # somebody else has asked before
            if fault.faultCode != Faults.SHUTDOWN_STATE:
                raise

    def marked_processes(self) -> list[psutil.Process]:
        """Every process that this stack started, itself or through another, and that still lives."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == str(self.run_dir):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def sweep(self) -> int:
        """End what outlived supervisord; returns how many processes there were."""
        left = self.marked_processes()
        for process in left:
            _quietly(process.terminate)
        _, alive = psutil.wait_procs(left, timeout=STOP_SECONDS)
        for process in alive:
            _quietly(process.kill)
        psutil.wait_procs(alive, timeout=5)
        return len(left)

    @property
    def restarts_file(self) -> Path:
        """Deaths since supervisord was started, written by its event listener."""
        return self.run_dir / "restarts.json"

    @property
    def connector_deaths(self) -> Path:
        """Failures of connectors, each followed by a restart; a file of its own for its writer."""
        return self.run_dir / "connector-restarts.json"

    def log_path(self, name: str) -> Path:
        return self.run_dir / "logs" / f"{name}.log"

    def _rpc(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return ServerProxy("http://127.0.0.1", transport=transport).supervisor

    @property
    def _pid_file(self) -> Path:
        return self.run_dir / "supervisord.pid"

    @property
    def _socket(self) -> Path:
        return fitting(self.run_dir, "supervisor.sock", BEHIND_SOCKET)

    def _take_in_changes(self) -> None:
        """Reread the programs; those that run keep running as they were started."""
        rpc = self._rpc()
        added, changed, _removed = rpc.reloadConfig()[0]
        states = self.states()
        for name in added:
            rpc.addProcessGroup(name)
        for name in changed:
            if not (name in states and states[name].is_up):
                rpc.removeProcessGroup(name)
                rpc.addProcessGroup(name)

    def _write_config(self, services: Iterable[Service]) -> None:
        supervision = self._settings.supervision
        logs = self.run_dir / "logs"
        told = (
            str(supervision.max_restarts),
            str(supervision.restart_window_seconds),
            self._settings.logs.format,
        )
        connect = f"http://{self._settings.address('connect')}"
        parts = [
            f"[supervisord]\nlogfile={logs / 'supervisord.log'}\nlogfile_maxbytes=5MB\n"
            f"logfile_backups=1\npidfile={self._pid_file}\n"
            f"childlogdir={logs}\ndirectory={self.run_dir}\n"
            f"environment={_environment({MARK: str(self.run_dir)})}\n",
            f"[unix_http_server]\nfile={self._socket}\nchmod=0700\n",
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
            _listener(
                "restarts",
                "PROCESS_STATE_EXITED,PROCESS_STATE_BACKOFF",
                ("walflow.stack.restarts", str(self.restarts_file), *told),
                logs,
            ),
            _listener(
                "connector-restarts",
                "TICK_5",
                ("walflow.stack.connector_restarts", connect, str(self.connector_deaths), *told),
                logs,
            ),
        ]
        for service in services:
            (self.run_dir / "logs").mkdir(parents=True, exist_ok=True)
            user = f"user={service.user}\n" if service.user else ""
            parts.append(
                f"[program:{service.name}]\ncommand={_command(service.command)}\n"
                f"environment={_environment(service.environment)}\n{user}"
                # A death within this time is a failed start, which supervisord repeats at growing
                # intervals: a killed broker needs that until its ZooKeeper session has ended.
                "autostart=false\nautorestart=unexpected\nstartsecs=5\nstartretries=6\n"
                f"exitcodes={HALTED}\n"
                f"stopsignal={service.stop_signal}\nstopwaitsecs={service.stop_seconds}\n"
                f"stopasgroup={'true' if service.stop_signal == 'TERM' else 'false'}\n"
                "killasgroup=true\nredirect_stderr=true\n"
                f"stdout_logfile={self.log_path(service.name)}\n"
                f"stdout_logfile_maxbytes={supervision.log_max_megabytes}MB\n"
                f"stdout_logfile_backups={supervision.log_backups}\n"
            )
        self._config.parent.mkdir(parents=True, exist_ok=True)
        # It holds passwords, as environment variables of the services.
        with open(os.open(self._config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(parts))


_COMMENT = re.compile(r"(\s)([;#])")
"""supervisord takes these for a comment even within quotes."""
_LINE_BREAK = re.compile(r"[\r\n]")


def _listener(name: str, events: str, module: tuple[str, ...], logs: Path) -> str:
    return (
        f"[eventlistener:{name}]\n"
        f"command={_command((sys.executable, '-m', *module))}\nevents={events}\n"
        f"environment={_environment({'PYTHONPATH': str(HOME)})}\n"
        f"stderr_logfile={logs / name}.log\nstderr_logfile_maxbytes=1MB\n"
        # It only waits, and supervisord would give it ten seconds to end.
        "stderr_logfile_backups=0\nstdout_logfile=NONE\nstopsignal=KILL\n"
    )


def _command(words: Iterable[str]) -> str:
    """A command line as supervisord reads it: split as a shell would, after its own %-expansion.

    Raises:
        WalflowError: a word has a line break, which its configuration cannot hold.
    """
    line = shlex.join(words)
    if _LINE_BREAK.search(line):
        raise WalflowError(f"supervisord cannot run a command with a line break: {line!r}.")
    # A space and a # stand within single quotes here: closing and reopening them parts the two.
    return _COMMENT.sub(r"\1''\2", line).replace("%", "%%")


def _environment(variables: Mapping[str, str]) -> str:
    """Environment variables as supervisord reads them: in quotes, which nothing can escape.

    Raises:
        WalflowError: names a variable whose value its configuration cannot hold.
    """
    return ",".join(f"{name}={_quoted(name, value)}" for name, value in variables.items())


def _quoted(name: str, value: str) -> str:
    quote = "'" if '"' in value else '"'
    # supervisord strips every quote at either end and what looks like a comment.
    broken = _LINE_BREAK.search(value) or _COMMENT.search(value)
    if quote in value or value.strip("'\"") != value or broken:
        raise WalflowError(
            f"The environment variable {name} has a value that supervisord cannot pass on: one with"
            " a line break, both kinds of quotes, a quote at an end, or a ; or # after a space."
        )
    return quote + value.replace("%", "%%") + quote


def _quietly(action: Any) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return
