"""On what it was measured."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from walflow.install.prerequisites import java_home
from walflow.settings import HOME


@dataclass(frozen=True, slots=True)
class Machine:
    cores: int
    processor: str
    memory_gib: float
    kernel: str
    python: str
    java: str
    file_system: str
    load_average: float
    """Of the last minute before the run: what else was running."""
    commit: str
    """Of the code that was measured; + where files differ from it."""


def machine() -> Machine:
    return Machine(
        cores=psutil.cpu_count() or 1,
        processor=_processor(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        java=_java_version(),
        file_system=_file_system(HOME),
        load_average=round(os.getloadavg()[0], 2),
        commit=_commit(),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _java_version() -> str:
    for line in (java_home() / "release").read_text().splitlines():
        if line.startswith("JAVA_VERSION="):
            return line.partition("=")[2].strip('"')
    return "17"


def _file_system(path: Path) -> str:
    mounts = [p for p in psutil.disk_partitions(all=True) if path.is_relative_to(p.mountpoint)]
    return max(mounts, key=lambda p: len(p.mountpoint)).fstype if mounts else "unknown"


def _commit() -> str:
    head = _git("rev-parse", "--short", "HEAD")
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(HOME), *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else "unknown"
