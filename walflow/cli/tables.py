"""tables: list, add, remove."""

import json
from pathlib import Path
from typing import Annotated

import typer

from walflow.advice import ticked
from walflow.capture import adding, listing, removing
from walflow.cli.output import Format, data, messages, table
from walflow.cli.reading import Reading, counted
from walflow.errors import ExitCode
from walflow.settings import load

app = typer.Typer(
    help="Captured tables of PostgreSQL (docs/tables.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="TABLE", help="schema.table or, in public, table.")]


@app.command("list")
def list_tables(
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json.")] = Format.TABLE,
) -> None:
    """List the captured tables, their targets in Cassandra, and what is wrong with them.

    Exit code 0: each can be replicated exactly; 1: not so.
    """
    found = listing.captured_tables(load())
    if output is Format.JSON:
        data.print_json(json.dumps([captured.as_dict() for captured in found]))
    else:
        grid = table(
            "TABLE", "TARGET", "PUBLISHED", "CONNECTOR", "REPLICA IDENTITY", "ROWS", "STATE"
        )
        for captured in found:
            included = {True: "takes it", False: "does not take it", None: "not known"}
            estimate = captured.rows_estimate
            grid.add_row(
                captured.name,
                captured.target,
                "yes" if captured.is_published else "no",
                included[captured.is_included],
                captured.identity,
                "not known" if estimate is None else f"about {estimate}",
                "ok" if not captured.problems else "see below",
            )
        data.print(grid)
        for captured in found:
            for problem in captured.problems:
                messages.print(
                    f"{captured.name}: {problem.text}", style="red", markup=False, highlight=False
                )
    if any(captured.problems for captured in found):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def add(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Option(
            "-f",
            "--file",
            help="Also write the table into this connector's JSON, so that applying it keeps it.",
        ),
    ] = None,
) -> None:
    """Capture a table from now on and read the rows that it has, while everything runs."""
    with Reading(messages, f"adding {name}") as reading:
        added = adding.add(load(), name, file, reading.show)
    if added.was_captured:
        messages.print(
            f"{added.table} is captured already, to {added.target}. {ticked(f'snapshot {added.table}')}"
            " reads its rows again.",
            highlight=False,
        )
        return
    messages.print(
        f"{added.table}: captured, {counted(added.rows)} read and applied to {added.target}",
        highlight=False,
    )
    if added.target_was_there:
        messages.print(
            f"{added.target} was there before and may have rows that PostgreSQL has no more;"
            f" {ticked(f'verify {added.table}')} finds them.",
            highlight=False,
        )


@app.command()
def remove(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Option("-f", "--file", help="Also take the table out of this connector's JSON."),
    ] = None,
) -> None:
    """Capture a table no more. What Cassandra has of it stays, and changes no more."""
    removed = removing.remove(load(), name, file)
    messages.print(
        f"{removed.table}: no longer captured. {removed.target} stays as it is, and so does the topic"
        f" {removed.topic}, whose partitions keep their slots.",
        highlight=False,
    )
