"""One long command of the installation: shown while it runs, explained if it fails."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from walflow.errors import WalflowError

LAST_LINES = 15


def digest(files: Iterable[Path]) -> str:
    """What an installed part is marked with: it is current while these files are as they were."""
    content = b"\0".join(file.read_bytes() for file in files)
    return hashlib.sha256(content).hexdigest()


def run(title: str, command: list[str], total: int, counts: Callable[[str], bool]) -> None:
    """Run a command and show how far it is.

    Args:
        total: how many lines of its output there will be for which `counts` is true.

    Raises:
        WalflowError: it failed; with the last lines of what it said.
    """
    began, done, lines = time.monotonic(), 0, list[str]()
    on_terminal = sys.stderr.isatty()
    if not on_terminal:
        print(f"  {title} …", file=sys.stderr, flush=True)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines = [*lines[1 - LAST_LINES :], line.rstrip()]
            done += counts(line)
            if on_terminal:
                share = f"{min(done, total)}/{total}"
                print(f"\r  {title} … {share} ", end="", file=sys.stderr, flush=True)
    start = "\r" if on_terminal else ""
    if process.returncode != 0:
        tail = "\n".join(lines)
        raise WalflowError(
            f"{title} failed. `{' '.join(command)}` said at its end:\n{tail}\n"
            "Mend the cause (often the network or a full disk) and run the same command again."
        )
    seconds = time.monotonic() - began
    print(f"{start}✔ {title}: {seconds:.0f} s          ", file=sys.stderr, flush=True)
