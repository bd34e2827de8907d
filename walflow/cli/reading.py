"""How far a snapshot is, while it is waited for."""

from dataclasses import replace

from rich.console import Console

from walflow.cli.stages import Stages
from walflow.snapshots.reading import Progress


class Reading:
    """Shows a snapshot's stages, and between them its chunks. Use it in a `with`."""

    def __init__(self, console: Console, what: str) -> None:
        self._stages = Stages(console)
        self._what = what

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *_: object) -> None:
        self._stages.pause()

    def show(self, progress: Progress) -> None:
        self._stages.show(
            f"{self._what}: {described(progress)}",
            f"{self._what}: {described(replace(progress, chunks=0))}",
        )


def described(progress: Progress) -> str:
    """A snapshot's progress in a line."""
    if progress.rows:
        return f"{counted(progress.rows)} read, {progress.stage}"
    if not progress.chunks:
        return progress.stage
    return (
        f"{progress.stage}, {progress.chunks} chunks, up to key {progress.last_key}"
        f" of {progress.end_key}"
    )


def counted(rows: int) -> str:
    """A number of rows, as words."""
    return "1 row" if rows == 1 else f"{rows} rows"
