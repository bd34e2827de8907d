"""Long commands of the installation, side by side: shown while they run, explained if one fails."""

import hashlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from walflow.errors import WalflowError

LAST_LINES = 15


def digest(files: Iterable[Path]) -> str:
    """What an installed part is marked with: it is current while these files are as they were."""
    content = b"\0".join(file.read_bytes() for file in files)
    return hashlib.sha256(content).hexdigest()


class Steps:
    """Commands that run at the same time; on a terminal one line tells how far all of them are."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._shares: dict[str, str] = {}
        self._processes: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def side_by_side(self, parts: Sequence[Callable[["Steps"], bool]]) -> list[bool]:
        """Install parts at the same time; what one needs of another it must not be here for.

        Returns:
            Of each part, whether there was anything to do.

        Raises:
            WalflowError: a part failed; the others' commands have been ended.
        """
        with ThreadPoolExecutor(len(parts)) as pool:
            futures = [pool.submit(part, self) for part in parts]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    if future.done() and (error := future.exception()) is not None:
                        raise error
                return [future.result() for future in futures]
            except BaseException:
                self._stop()
                raise

    def run(
        self, title: str, command: list[str], total: int, counts: Callable[[str], bool]
    ) -> None:
        """Run a command and show how far it is.

        Args:
            total: how many lines of its output there will be for which `counts` is true.

        Raises:
            WalflowError: it failed; with the last lines of what it said.
        """
        began, done, lines = time.monotonic(), 0, list[str]()
        if not self._on_terminal:
            print(f"  {title} …", file=sys.stderr, flush=True)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            self._began(process)
            assert process.stdout is not None
            for line in process.stdout:
                lines = [*lines[1 - LAST_LINES :], line.rstrip()]
                done += counts(line)
                self._show(title, f"{min(done, total)}/{total}")
        with self._lock:
            self._processes.discard(process)
            self._shares.pop(title, None)
        if process.returncode != 0:
            tail = "\n".join(lines)
            raise WalflowError(
                f"{title} failed. `{' '.join(command)}` said at its end:\n{tail}\n"
                "Mend the cause (often the network or a full disk) and run the same command again."
            )
        self._tell(f"✔ {title}: {time.monotonic() - began:.0f} s")

    def _began(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._processes.add(process)
            if self._stopped:
                process.terminate()

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.terminate()

    def _show(self, title: str, share: str) -> None:
        with self._lock:
            if not self._on_terminal or self._shares.get(title) == share:
                return
            self._shares[title] = share
            self._print_shares()

    def _tell(self, sentence: str) -> None:
        with self._lock:
            end = "\033[K" if self._on_terminal else ""
            start = "\r" if self._on_terminal else ""
            print(f"{start}{sentence}{end}", file=sys.stderr, flush=True)
            if self._on_terminal:
                self._print_shares()

    def _print_shares(self) -> None:
        """To the end of the line at the most: what is wider could not be written over."""
        text = "  ".join(f"{title} … {share}" for title, share in self._shares.items())
        width = shutil.get_terminal_size().columns - 3
        print(f"\r  {text[:width]}\033[K", end="", file=sys.stderr, flush=True)
