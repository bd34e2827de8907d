"""A line per service while the stack comes up."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from walflow.stack.lifecycle import Events
from walflow.stack.service import Service


class Starting:
    """On a terminal, a spinner for each service under way; anywhere, a line when it is ready."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()
        self._started = 0
        self.events = Events(starting=self._on_starting, ready=self._on_ready)

    def __enter__(self) -> "Starting":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if kind is KeyboardInterrupt:
            self._console.print("Stopped what had been started.", style="yellow")
        elif kind is None:
            seconds = time.monotonic() - self._began
            what = f"{self._started} services started in" if self._started else "All up, checked in"
            self._console.print(f"{what} {seconds:.1f} s", highlight=False)

    def _on_starting(self, service: Service) -> None:
        self._tasks[service.name] = self._progress.add_task(
            f"{service.name}: until it {service.readiness.condition}"
        )

    def _on_ready(self, service: Service, seconds: float, was_up: bool) -> None:
        self._progress.remove_task(self._tasks.pop(service.name))
        self._started += not was_up
        took = "was up" if was_up else f"{seconds:5.1f} s"
        self._console.print(
            f"[green]✔[/green] {service.name:<22}{took:>8}  {service.readiness.condition}",
            highlight=False,
        )
