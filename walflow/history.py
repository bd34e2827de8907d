"""What a command keeps of its runs: a line of JSON for each, the newest so many of them."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SLACK = 2
"""A file is cut when it has so many times the entries that are kept: not at every run."""

TAIL_BYTES = 16 * 1024


class History:
    """Entries of a file, oldest first; several processes may add to it.

    Args:
        kept: how many entries are there at the least, once so many were added.
    """

    def __init__(self, file: Path, kept: int) -> None:
        self._file = file
        self._kept = kept

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry, for its owner to read only.

        Raises:
            OSError: the file cannot be written.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            lines = self._lines()
            if len(lines) >= self._kept * SLACK:
                self._replace(lines[-self._kept + 1 :] if self._kept > 1 else [])
            descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "a") as file:
                file.write(json.dumps(entry) + "\n")

    def entries(self, last: int | None = None) -> list[dict[str, Any]]:
        """The newest entries, oldest first; none where there is no file. Torn lines are passed over."""
        found = []
        for line in self._lines()[-(last or self._kept) :]:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def last(self) -> dict[str, Any] | None:
        """The newest entry, without reading the others; None: there is none that can be read."""
        try:
            with self._file.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                block = TAIL_BYTES
                while True:
                    start = max(0, size - block)
                    file.seek(start)
                    lines = file.read(size - start).splitlines()
                    if start == 0 or len(lines) > 1:
                        break
                    block *= 4
        except OSError:
            return None
        try:
            entry: dict[str, Any] = json.loads(lines[-1])
        except (IndexError, ValueError):
            return None
        return entry

    def _lines(self) -> list[str]:
        try:
            return self._file.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _replace(self, lines: list[str]) -> None:
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text("".join(line + "\n" for line in lines))
        unfinished.chmod(0o600)
        unfinished.rename(self._file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
