"""repair: what verify found is mended."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from cassandra import DriverException
from cassandra.cluster import NoHostAvailable, Session
from rich.text import Text

from change_stream.config import stream_config
from change_stream.connections import cassandra_session
from walflow.advice import ticked
from walflow.cli.comparing import MAX_VALUE, Keys, Tables, Timeout
from walflow.cli.output import Format, data, messages, table
from walflow.cli.stages import Stages
from walflow.errors import ExitCode, WalflowError
from walflow.repair.counts import retract_behind_deletion
from walflow.repair.mending import Mended, mend
from walflow.repair.plan import Action, Step, TablePlan, plans
from walflow.settings import Settings, load
from walflow.stack.spark import addresses
from walflow.text import shortened
from walflow.verify.comparison import BARRIER_SECONDS, Choice, Events, opened
from walflow.verify.display import shown


def repair(
    tables: Tables = None,
    keys: Keys = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the plan; nothing is changed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it begins.")] = False,
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json.")] = Format.TABLE,
    timeout: Timeout = BARRIER_SECONDS,
) -> None:
    """Mend the rows of Cassandra that verify finds different, while changes flow.

    Exit code 0: nothing to mend, all mended, or a plan shown; 1: rows are left that differ, or a table
    could not be compared.
    """
    if keys and len(tables or ()) != 1:
        raise WalflowError(
            "--keys needs the name of one table, whose keys they are.", ExitCode.USAGE
        )
    settings = load()
    with _directory(settings) as directory, Stages(messages) as stages:
        planned = _plans(
            settings, tables or (), Choice(keys=tuple(keys or ())), timeout, directory, stages
        )
        stages.pause()
        if output is Format.TABLE:
            _print_plans(planned)
        work = [plan for plan in planned if plan.has_work]
        mended: dict[str, Mended] = {}
        if work and not dry_run:
            if not yes:
                typer.confirm("Repair?", abort=True, err=True)
            mended = _mend(settings, work, directory, timeout, stages)
    if output is Format.TABLE:
        _print_steps([step for outcome in mended.values() for step in outcome.steps])
    else:
        data.print_json(json.dumps([_as_dict(plan, mended.get(plan.table)) for plan in planned]))
    if any(_is_unfinished(plan, mended.get(plan.table), dry_run) for plan in planned):
        raise typer.Exit(ExitCode.FAILED)


def _plans(
    settings: Settings,
    names: Sequence[str],
    choice: Choice,
    timeout: float,
    directory: Path,
    stages: Stages,
) -> list[TablePlan]:
    events = Events(
        scanning=lambda source, _: stages.show(f"{source.full_name}: comparing"),
        settling=lambda source, _, what: stages.show(f"{source.full_name}: {what}"),
    )
    with opened(settings, events, timeout) as comparison:
        return plans(comparison, names, choice, directory)


def _mend(
    settings: Settings,
    work: Sequence[TablePlan],
    directory: Path,
    timeout: float,
    stages: Stages,
) -> dict[str, Mended]:
    mended = {}
    with _session(settings) as session:
        for number, plan in enumerate(work):
            began = time.monotonic()
            mended[plan.table] = mend(
                settings,
                session,
                plan,
                directory / f"mending-{number}",
                timeout,
                lambda stage, plan=plan: stages.show(f"{plan.table}: {stage}"),  # type: ignore[misc]
            )
            stages.pause()
            _print_mended(plan, mended[plan.table], time.monotonic() - began)
    deleted = [name for name, outcome in mended.items() if outcome.deleted]
    retract_behind_deletion(settings, deleted, timeout, stages.show)
    return mended


def _is_unfinished(plan: TablePlan, mended: Mended | None, dry_run: bool) -> bool:
    if plan.result.unknown is not None:
        return True
    if dry_run:
        return False
    return plan.counts[Action.LEAVE] > 0 or (mended is not None and mended.left > 0)


def _as_dict(plan: TablePlan, mended: Mended | None) -> dict[str, object]:
    return {**plan.as_dict(), "mended": None if mended is None else mended.as_dict()}


@contextmanager
def _directory(settings: Settings) -> Iterator[Path]:
    """For keys: on the disk of the stack's data, since /tmp may be memory."""
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="repair-", dir=settings.run_dir) as directory:
            yield Path(directory)
    except OSError as error:
        raise WalflowError(
            f"Keys could not be kept below {settings.run_dir}: {error}.", ExitCode.NOT_READY
        ) from error


@contextmanager
def _session(settings: Settings) -> Iterator[Session]:
    """With the consistency of the stream's own."""
    try:
        session = cassandra_session(stream_config(settings, addresses(settings)))
    except (NoHostAvailable, DriverException) as error:
        raise WalflowError(
            f"Cassandra does not answer at {settings.address('cassandra')}: {error}."
            f" See {ticked('status')}.",
            ExitCode.NOT_READY,
        ) from error
    try:
        yield session
    finally:
        session.cluster.shutdown()


def _print_plans(planned: Sequence[TablePlan]) -> None:
    grid = table("TABLE", "TARGET", "READ AGAIN", "DELETE", "LEAVE", "NEWEST WRITE")
    for plan in planned:
        counts = [str(plan.counts[action]) for action in Action]
        grid.add_row(plan.table, plan.result.target, *counts, _instant(plan.newest_write))
    data.print(grid)
    _print_steps([step for plan in planned for step in plan.steps])
    for plan in planned:
        if (total := sum(plan.counts.values())) > len(plan.steps):
            _message(f"{plan.table}: the first {len(plan.steps)} of {total} rows are shown.")
        if plan.reads_whole_table:
            _message(f"{plan.table}: they are so many that the whole table is read again.")
        for note in plan.result.notes:
            _message(f"{plan.table}: {note}", "dim")
        if plan.result.unknown is not None:
            _message(f"✘ {plan.table}: {plan.result.unknown}", "red")
    if not any(sum(plan.counts.values()) or plan.result.unknown for plan in planned):
        _message("Nothing to repair: every compared row is equal.")


def _print_steps(steps: Sequence[Step]) -> None:
    if not steps:
        return
    data.print()
    grid = table("TABLE", "ACTION", "KEY", "WHY")
    for step in steps:
        found = step.difference
        key = ", ".join(f"{cell.column}={_printable(cell.value)}" for cell in found.key)
        names = ", ".join(column.column for column in found.columns)
        why = f"{found.kind}: {names}" if names else str(found.kind)
        grid.add_row(
            found.table,
            step.action,
            Text(shortened(key, MAX_VALUE)),
            Text(f"{why}; {step.why}" if step.why else why),
        )
    data.print(grid)


def _printable(value: str | None) -> str:
    text = value or ""
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)


def _print_mended(plan: TablePlan, mended: Mended, seconds: float) -> None:
    _message(
        f"{plan.table}: {mended.read} rows read again, {mended.deleted} deleted in {seconds:.1f} s,"
        f" by generation {mended.generation}"
    )
    for note in mended.notes:
        _message(f"{plan.table}: {note}", "yellow")
    if mended.left:
        _message(
            f"✘ {plan.table}: {mended.left} rows still differ. Run {ticked('repair')} again; if it"
            f" changes nothing, {ticked('verify')} shows what they hold.",
            "red",
        )
    else:
        _message(f"{plan.table}: every row that was found is equal")


def _instant(microseconds: int) -> str:
    if not microseconds:
        return "not known"
    milliseconds = (microseconds // 1000).to_bytes(8, "big", signed=True)
    when = shown("timestamp", milliseconds) or ""
    return when if microseconds < time.time_ns() // 1000 else f"{when}, in the future"


def _message(text: str, style: str | None = None) -> None:
    messages.print(Text(text, style=style or ""))
