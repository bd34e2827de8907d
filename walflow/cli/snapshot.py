"""snapshot: rows of a captured table, read again."""

import time
from typing import Annotated

import typer

from walflow.cli.output import messages
from walflow.cli.reading import Reading, counted
from walflow.settings import load
from walflow.snapshots.reading import ask_for, read_again


def snapshot(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="A captured table: schema.table or, in public, table."
        ),
    ],
    where: Annotated[
        str | None, typer.Option(help="Only the rows for which this SQL condition holds.")
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Ask for it, and do not wait for its end.")
    ] = False,
) -> None:
    """Read a captured table's rows again and apply them, while changes flow."""
    settings = load()
    began = time.monotonic()
    try:
        with Reading(messages, f"snapshot of {table}") as reading:
            if no_wait:
                ask_for(settings, table, where, reading.show)
                messages.print(f"snapshot of {table}: asked for", highlight=False)
                return
            rows = read_again(settings, table, where, reading.show)
    except KeyboardInterrupt:
        messages.print(f"The snapshot of {table} goes on without you.", highlight=False)
        raise
    seconds = time.monotonic() - began
    messages.print(
        f"snapshot of {table}: {counted(rows)} read and applied in {seconds:.1f} s", highlight=False
    )
