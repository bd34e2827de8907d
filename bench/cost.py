"""What a measurement costs: CPU time and memory of each process of the stack, and of the benchmark."""

import contextlib
import itertools
import os
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import psutil

from bench.noise import Counters, Noise, noise
from walflow.stack.supervision import Supervisor

SAMPLE_SECONDS = 1.0
SAMPLES_A_READING_OF_MEMORY = 5
"""Memory is read of each process, and so takes longer."""
EXECUTOR, PYTHON = "spark-executor", "python-workers"
SENDER, WATCHER, PEER = "bench: sender", "bench: watcher", "peer"


@dataclass(frozen=True, slots=True)
class Cost:
    """By role: a service of the stack, Spark's executor and its Python workers, the benchmark."""

    cpu_seconds: Mapping[str, float]
    peak_megabytes: Mapping[str, float]
    """Resident memory without what is shared: files, and PostgreSQL's buffers."""
    noise: Noise
    """What the machine took from it."""

    def facts(self, events: int) -> dict[str, Any]:
        """What so many events took, as a result stores it and the page shows it."""
        dearest_first = sorted(self.cpu_seconds.items(), key=lambda item: -item[1])
        return {
            "cpu_seconds_per_million_events": {
                role: round(seconds * 1e6 / events, 1) for role, seconds in dearest_first
            },
            "peak_megabytes": dict(self.peak_megabytes),
            "stolen_percent": self.noise.stolen_percent,
        }


@dataclass
class CostMeter:
    """Measures from `__enter__` to `__exit__`; `cost` is what it was.

    A process that ended meanwhile counts in its parent's times of children that were waited for.
    """

    supervisor: Supervisor
    _before: dict[str, float] = field(default_factory=dict)
    _after: dict[str, float] = field(default_factory=dict)
    _peaks: dict[str, float] = field(default_factory=dict)
    _counters: list[Counters] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _sampler: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._before = self._cpu()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._sampler is not None:
            self._sampler.join()
        self._counters.append(Counters.now())
        self._after = self._cpu()

    @property
    def cost(self) -> Cost:
        roles = self._after
        used = {role: roles[role] - self._before.get(role, 0.0) for role in roles}
        return Cost(
            {role: round(s, 2) for role, s in used.items() if s > 0},
            self._peaks,
            noise(self._counters),
        )

    def _sample(self) -> None:
        for sample in itertools.count():
            self._counters.append(Counters.now())
            if sample % SAMPLES_A_READING_OF_MEMORY == 0:
                self._read_memory()
            if self._ended.wait(SAMPLE_SECONDS):
                return

    def _read_memory(self) -> None:
        now: dict[str, float] = defaultdict(float)
        for role, process in _processes(self.supervisor):
            with contextlib.suppress(psutil.Error):
                memory = process.memory_info()
                now[role] += (memory.rss - memory.shared) / 2**20
        for role, megabytes in now.items():
            self._peaks[role] = max(self._peaks.get(role, 0.0), round(megabytes, 1))

    def _cpu(self) -> dict[str, float]:
        used: dict[str, float] = defaultdict(float)
        for role, process in _processes(self.supervisor):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                used[role] += times.user + times.system
                if role not in (SENDER, WATCHER):
                    used[role] += times.children_user + times.children_system
        return dict(used)


def _processes(supervisor: Supervisor) -> list[tuple[str, psutil.Process]]:
    own = psutil.Process(os.getpid())
    found = [(SENDER, own)]
    with contextlib.suppress(psutil.Error):
        found += [(_role_of_child(child), child) for child in own.children(recursive=True)]
    for name, state in supervisor.states().items():
        if not state.is_up or not state.pid:
            continue
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(state.pid)
            found.append((name, root))
            found += [(role_of(name, p), p) for p in root.children(recursive=True)]
    return found


def _role_of_child(process: psutil.Process) -> str:
    """Of the benchmark: its watchers, or a peer that it started."""
    try:
        return WATCHER if "multiprocessing" in " ".join(process.cmdline()) else PEER
    except psutil.Error:
        return PEER


def role_of(service: str, process: psutil.Process) -> str:
    """The role of a descendant of a service's process."""
    if service not in ("spark-worker", "stream"):
        return service
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return service
    if "CoarseGrainedExecutorBackend" in command:
        return EXECUTOR
    if "worker_daemon" in command or "pyspark.daemon" in command:
        return PYTHON
    return service
