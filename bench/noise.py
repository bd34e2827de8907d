"""What the machine did to a measurement: a disk that others share can stand still for seconds."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from bench.figure import Figure

SLOW_WRITE_MS = 10.0
"""A disk that takes a thousand commits a second needs a tenth of a millisecond for a write."""
BUSY = 0.5
"""Share of a span in which the disk had work. If it ended no write then, it stood still."""


@dataclass(frozen=True, slots=True)
class Noise:
    slow_disk_seconds: float
    """Spans in which a write took `SLOW_WRITE_MS` or more on average, or none came to an end."""
    stolen_percent: float
    """Processor time that the machine's host gave to others."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The kernel's, since it started; all times in seconds."""

    at: float
    writes: int = 0
    writing: float = 0.0
    """Of all writes together."""
    busy: float = 0.0
    """With at least one request under way."""
    stolen: float = 0.0
    processor: float = 0.0
    """Of all cores, used or not."""

    @classmethod
    def now(cls) -> "Counters":
        disk, cpu = psutil.disk_io_counters(), psutil.cpu_times()
        stolen, processor = getattr(cpu, "steal", 0.0), sum(cpu)
        if disk is None:
            return cls(time.monotonic(), stolen=stolen, processor=processor)
        return cls(
            time.monotonic(),
            disk.write_count,
            disk.write_time / 1000,
            getattr(disk, "busy_time", 0) / 1000,
            stolen,
            processor,
        )


def noise(readings: Sequence[Counters]) -> Noise:
    """What happened between the first and the last of at least two readings."""
    slow = 0.0
    for before, after in itertools.pairwise(readings):
        span, writes = after.at - before.at, after.writes - before.writes
        if writes:
            stood_still = after.writing - before.writing >= writes * SLOW_WRITE_MS / 1000
        else:
            stood_still = after.busy - before.busy >= BUSY * span
        slow += span if stood_still else 0.0
    first, last = readings[0], readings[-1]
    stolen = (last.stolen - first.stolen) / max(last.processor - first.processor, 1e-9)
    return Noise(round(slow, 1), round(100 * stolen, 1))


def figure(name: str, what: str, seen: Noise) -> Figure:
    """Beside the figure of a measurement, for who wonders at it."""
    return Figure(f"{name}.disk", f"{what}: the disk stood still", "s", (seen.slow_disk_seconds,))
