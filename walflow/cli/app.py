"""`walflow`: the commands, and the one place where errors become sentences and exit codes."""

import os
import sys
from typing import Annotated

import typer

from walflow import __version__
from walflow.cli import (
    canary,
    connectors,
    deadletters,
    doctor,
    loggers,
    metrics,
    monitor,
    plugins,
    recount,
    recover,
    repair,
    schemas,
    snapshot,
    stack,
    status,
    tables,
    topics,
    trace,
    verify,
)
from walflow.cli.output import messages
from walflow.errors import ExitCode, WalflowError
from walflow.settings import ENV_PREFIX

MODE = f"{ENV_PREFIX}MODE"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(stack.up)
app.command()(stack.down)
app.command()(stack.restart)
app.command()(status.status)
app.command()(trace.trace)
app.command()(canary.canary)
app.command()(stack.logs)
app.command()(monitor.monitor)
app.command()(stack.demo)
app.command()(doctor.doctor)
app.command()(metrics.metrics)
app.command()(verify.verify)
app.command()(repair.repair)
app.command()(recount.recount)
app.command()(snapshot.snapshot)
app.command()(recover.recover)
app.add_typer(connectors.app, name="connectors")
app.add_typer(plugins.app, name="plugins")
app.add_typer(loggers.app, name="loggers")
app.add_typer(topics.app, name="topics")
app.add_typer(schemas.app, name="schemas")
app.add_typer(tables.app, name="tables")
app.add_typer(deadletters.app, name="deadletters")


@app.callback()
def choose_mode(
    mode: Annotated[
        str | None,
        typer.Option(
            help="What runs the servers: local or compose (Docker).",
            envvar=MODE,
            show_default="as pipeline.toml",
        ),
    ] = None,
) -> None:
    """PostgreSQL's committed changes in Cassandra: run, look at and check the pipeline."""
    if mode is not None:
        os.environ[MODE] = mode  # settings are read from there, and by what this command starts


@app.command()
def version() -> None:
    """Print walflow's version."""
    print(__version__)


def main() -> None:
    """Run the command that was given, and end the process with its exit code."""
    try:
        # Outside standalone mode the code of a typer.Exit is the value returned.
        outcome = app(standalone_mode=False)
        sys.exit(outcome if isinstance(outcome, int) else ExitCode.OK)
    except WalflowError as error:
        messages.print(f"✘ {error.sentence}", style="red", highlight=False, markup=False)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        messages.print("Interrupted.", style="yellow")
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        if not _is_usage_error(error):
            raise
        messages.print(f"✘ {error.format_message()}", style="red", highlight=False, markup=False)  # type: ignore[attr-defined]
        sys.exit(ExitCode.USAGE)


def _is_usage_error(error: Exception) -> bool:
    """A wrong command line, whichever of Typer's click versions raised it."""
    return hasattr(error, "format_message")
