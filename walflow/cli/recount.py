"""recount: the counts of groups, brought back to what PostgreSQL has."""

import time
from typing import Annotated

import typer

from walflow.aggregates import aggregates_of
from walflow.cli.comparing import Timeout
from walflow.cli.output import messages
from walflow.cli.stages import Stages
from walflow.errors import ExitCode, WalflowError
from walflow.repair.counts import recount as do_recount
from walflow.settings import load
from walflow.verify.comparison import BARRIER_SECONDS


def recount(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COUNTS",
            help="Names under aggregates in pipeline.toml; all of them without any.",
        ),
    ] = None,
    timeout: Timeout = BARRIER_SECONDS,
) -> None:
    """Count again, while changes flow: where verify finds counts different, or they were declared late.

    Reads the counted tables again, and counts no more what PostgreSQL does not have.
    """
    settings = load()
    known = {aggregate.name: aggregate for aggregate in aggregates_of(settings)}
    if unknown := [name for name in names or () if name not in known]:
        raise WalflowError(
            f"There are no counts {unknown[0]}. pipeline.toml declares: {', '.join(known) or 'none'}.",
            ExitCode.USAGE,
        )
    for name in dict.fromkeys(names or known):
        began = time.monotonic()
        with Stages(messages) as stages:
            retracted = do_recount(
                settings,
                known[name],
                timeout,
                lambda stage, name=name: stages.show(f"{name}: {stage}"),  # type: ignore[misc]
            )
        messages.print(
            f"{name}: counted again in {time.monotonic() - began:.1f} s; {retracted} rows were counted"
            " that PostgreSQL does not have",
            highlight=False,
        )
