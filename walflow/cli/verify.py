"""verify: PostgreSQL's rows against Cassandra's."""

import json
from collections.abc import Sequence
from enum import IntEnum
from types import TracebackType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from walflow.aggregates import Aggregate, aggregates_of
from walflow.cli.comparing import MAX_VALUE, Keys, Tables, Timeout
from walflow.cli.output import Format, data, messages, table
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings, load
from walflow.text import shortened
from walflow.verify import history, scanning
from walflow.verify.catalog import SourceTable
from walflow.verify.comparison import BARRIER_SECONDS, Choice, Events, opened
from walflow.verify.results import Difference, Kind, TableResult, Verdict


class Outcome(IntEnum):
    """Exit codes of verify, in which they differ from those of other commands."""

    EQUAL = 0
    DIFFERENT = 1
    UNKNOWN = 2


def verify(
    tables: Tables = None,
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json.")] = Format.TABLE,
    where: Annotated[
        str | None,
        typer.Option(
            help="Only PostgreSQL's rows for which this SQL condition holds; extra rows are not"
            " looked for."
        ),
    ] = None,
    sample: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=100, metavar="PERCENT", help="Only about so many percent of the rows."
        ),
    ] = None,
    keys: Keys = None,
    limit: Annotated[
        int,
        typer.Option(min=0, help="How many differences of a table are printed; all are counted."),
    ] = 100,
    timeout: Timeout = BARRIER_SECONDS,
) -> None:
    """Compare PostgreSQL and Cassandra row by row and column by column, while changes flow.

    Without TABLE, the counts that pipeline.toml declares under aggregates are compared too, group by
    group; the name of one compares it alone.

    Exit code 0: equal; 1: different; 2: it could not tell, wrong usage included.
    """
    choice = _choice(tables, where, sample, keys)
    settings = load()
    try:
        results = _results(settings, tables or (), choice, limit, timeout)
    except WalflowError as error:
        raise WalflowError(error.sentence, ExitCode.USAGE) from error
    _note(settings, results, choice)
    if output is Format.JSON:
        data.print_json(json.dumps([result.as_dict() for result in results]))
    else:
        _print(results)
    raise typer.Exit(_outcome(results))


def _choice(
    tables: Sequence[str] | None, where: str | None, sample: float | None, keys: list[str] | None
) -> Choice:
    if sum(option is not None for option in (where, sample, keys or None)) > 1:
        raise WalflowError("Give one of --where, --sample and --keys, not several.", ExitCode.USAGE)
    if keys and len(tables or ()) != 1:
        raise WalflowError(
            "--keys needs the name of one table, whose keys they are.", ExitCode.USAGE
        )
    return Choice(where, tuple(keys or ()), sample)


def _results(
    settings: Settings, names: Sequence[str], choice: Choice, limit: int, timeout: float
) -> list[TableResult]:
    aggregates = {aggregate.name: aggregate for aggregate in aggregates_of(settings)}
    tables = [name for name in names if name not in aggregates]
    counts = [aggregates[name] for name in dict.fromkeys(names) if name in aggregates]
    if counts and choice != Choice():
        raise WalflowError(
            f"{counts[0].name} is compared as a whole: --where, --sample and --keys are for tables.",
            ExitCode.USAGE,
        )
    if not names and choice == Choice():
        counts = list(aggregates.values())
    with _Bars(messages) as bars, opened(settings, bars.events, timeout) as comparison:
        results = []
        for source in comparison.tables(tables) if tables or not names else ():
            results.append(comparison.compare(source, choice, limit=limit))
            bars.clear()
        for aggregate in counts:
            results.append(comparison.compare_counts(aggregate, limit))
            bars.clear()
        return results


def _note(settings: Settings, results: Sequence[TableResult], choice: Choice) -> None:
    """Keep the run for `walflow status` and the monitor; that it cannot be kept changes no verdict."""
    try:
        history.note(settings, results, is_partial=choice != Choice())
    except OSError as error:
        messages.print(f"This run is not kept below {settings.run_dir}: {error}.", style="yellow")


def _outcome(results: Sequence[TableResult]) -> Outcome:
    verdicts = {result.verdict for result in results}
    if Verdict.DIFFERENT in verdicts:
        return Outcome.DIFFERENT
    return Outcome.UNKNOWN if Verdict.UNKNOWN in verdicts else Outcome.EQUAL


def _print(results: Sequence[TableResult]) -> None:
    grid = table("TABLE", "TARGET", "VERDICT", "ROWS", *(kind.upper() for kind in Kind), "SECONDS")
    for result in results:
        counts = [str(result.counts[kind]) for kind in Kind]
        rows = str(result.source_rows)
        seconds = f"{result.seconds:.1f}"
        grid.add_row(result.table, result.target, result.verdict, rows, *counts, seconds)
    data.print(grid)
    for result in results:
        _print_differences(result)
        for note in result.notes:
            messages.print(f"{result.table}: {note}", style="dim", markup=False, highlight=False)
        if result.unknown is not None:
            messages.print(
                f"✘ {result.table}: {result.unknown}", style="red", markup=False, highlight=False
            )


def _print_differences(result: TableResult) -> None:
    if not result.differences:
        return
    data.print()
    grid = table("TABLE", "KIND", "KEY", "COLUMN", "POSTGRESQL", "CASSANDRA")
    for difference in result.differences:
        key = ", ".join(f"{cell.column}={_short(cell.value)}" for cell in difference.key)
        for column in _columns(difference):
            grid.add_row(difference.table, difference.kind, key, *column)
    data.print(grid)
    if (total := sum(result.counts.values())) > len(result.differences):
        messages.print(
            f"{result.table}: {len(result.differences)} of {total} differences shown; --limit shows"
            " more.",
            highlight=False,
        )


def _columns(difference: Difference) -> list[tuple[str, str, str]]:
    return [(c.column, _short(c.source), _short(c.target)) for c in difference.columns] or [
        ("", "", "")
    ]


def _short(value: str | None) -> str:
    """A value in one line; a text that looks like null is told from null by its quotes."""
    if value is None:
        return "null"
    quoted = json.dumps(value, ensure_ascii=False) if _needs_quotes(value) else value
    return shortened(quoted, MAX_VALUE)


def _needs_quotes(value: str) -> bool:
    return value in ("", "null") or value != value.strip() or not value.isprintable()


class _Bars:
    """Progress on a terminal; anywhere else nothing."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self.events = Events(
            scanning=self._on_scanning, settling=self._on_settling, counting=self._on_counting
        )

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def clear(self) -> None:
        """Take away the bars of a table that is done."""
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._tasks.clear()

    def _on_scanning(self, source: SourceTable, progress: scanning.Progress) -> None:
        estimate = source.rows_estimate if source.rows_estimate > 0 else None
        self._show(
            f"{source.full_name}: {progress.source_rows:,} rows of PostgreSQL",
            "source",
            progress.source_rows,
            estimate,
        )
        self._show(
            f"{source.full_name}: {progress.target_rows:,} rows of Cassandra",
            "target",
            progress.target_share,
            1.0,
        )

    def _on_settling(self, source: SourceTable, rows: int, what: str) -> None:
        self._show(f"{source.full_name}: {rows:,} rows to look at again, {what}", "open", 0, None)

    def _on_counting(self, aggregate: Aggregate, groups: int, what: str) -> None:
        self._show(f"{aggregate.name}: {groups:,} groups to look at again, {what}", "open", 0, None)

    def _show(self, text: str, name: str, completed: float, total: float | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(text, total=total)
        self._progress.update(self._tasks[name], description=text, completed=completed, total=total)
