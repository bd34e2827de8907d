"""How far a snapshot is, while it is waited for."""

from dataclasses import replace
from types import TracebackType

from rich.console import Console
from rich.progress import Progress as Display
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from walflow.snapshots.reading import Progress


class Reading:
    """On a terminal a line that moves; elsewhere a line for each stage. Use it in a `with`."""

    def __init__(self, console: Console, what: str) -> None:
        self._console = console
        self._what = what
        self._display = Display(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._display.add_task(what)
        self._stage = ""

    def __enter__(self) -> "Reading":
        self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.stop()

    def show(self, progress: Progress) -> None:
        self._display.update(self._task, description=f"{self._what}: {described(progress)}")
        if not self._console.is_terminal and progress.stage != self._stage:
            stage = described(replace(progress, chunks=0))
            self._console.print(f"{self._what}: {stage}", highlight=False, markup=False)
        self._stage = progress.stage


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
