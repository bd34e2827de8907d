"""Python environments from hashed locks: one for walflow and the stream, one for Airflow."""

import re
import subprocess
import sys
from pathlib import Path

from walflow.errors import WalflowError
from walflow.install.steps import Steps, digest

HOME = Path(__file__).resolve().parents[2]
LOCKS = HOME / "requirements"
FOLDERS = {"main": HOME / ".venv", "airflow": HOME / ".venv-airflow"}


def install(steps: Steps, name: str, dev: bool) -> bool:
    """Make an environment as its lock says; False if it already is so.

    Raises:
        WalflowError: venv or pip failed.
    """
    folder, locks = FOLDERS[name], [LOCKS / f"{name}.txt"]
    if dev:
        locks.append(LOCKS / "dev.txt")
    mark = folder / f".installed{'-dev' if dev else ''}"
    wanted = digest([*locks, HOME / "pyproject.toml"])
    if mark.exists() and mark.read_text() == wanted:
        return False
    _make(folder)
    python = str(folder / "bin" / "python")
    packages = sum(len(_pins(lock)) for lock in locks)
    # The locks are complete, so pip need not resolve anything; --require-hashes refuses other files.
    command = [python, "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-input"]
    for lock in locks:
        command += ["-r", str(lock)]
    steps.run(
        f"{packages} Python packages for {name}{' with tools' if dev else ''}",
        command,
        packages,
        lambda line: line.startswith(("Collecting ", "Requirement already satisfied")),
    )
    if name == "main":
        _install_walflow(python)
    mark.write_text(wanted)
    return True


def _make(folder: Path) -> None:
    if (folder / "bin" / "python").exists():
        return
    result = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(folder)], capture_output=True, text=True
    )
    if result.returncode != 0:
        raise WalflowError(f"{folder} could not be made: {result.stdout}{result.stderr}".strip())


def _install_walflow(python: str) -> None:
    """Put the `walflow` command beside its Python, with the code left where it is."""
    command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    result = subprocess.run([*command, "-e", str(HOME)], capture_output=True, text=True)
    if result.returncode != 0:
        raise WalflowError(f"walflow could not be installed: {result.stdout}{result.stderr}")


def _pins(lock: Path) -> list[str]:
    return re.findall(r"^[A-Za-z0-9][^ ]*==", lock.read_text(), re.MULTILINE)
