"""What a command that takes a while is doing."""

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Stages:
    """On a terminal a line that moves; elsewhere a line for each stage. Use it in a `with`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._moving: Progress | None = None
        self._stage = ""

    def __enter__(self) -> "Stages":
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()

    def show(self, text: str, stage: str | None = None) -> None:
        """Show a text.

        Args:
            stage: what of it makes a line of its own where nothing can move; the whole text unless
                given.
        """
        stage = text if stage is None else stage
        if self._console.is_terminal:
            self._move(text)
        elif stage != self._stage:
            self._console.print(stage, highlight=False, markup=False)
        self._stage = stage

    def pause(self) -> None:
        """Take the line away, for other output."""
        if self._moving is not None:
            self._moving.stop()
            self._moving = None

    def _move(self, text: str) -> None:
        if self._moving is None:
            self._moving = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._moving.add_task(text)
            self._moving.start()
        self._moving.update(self._moving.task_ids[0], description=text)
