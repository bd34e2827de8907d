"""`walflow`: the commands, and the one place where errors become sentences and exit codes."""

import os
import sys
from typing import Annotated

import typer

from walflow.cli.lazily import SETTINGS, LazyGroup
from walflow.cli.output import messages
from walflow.errors import ExitCode, WalflowError
from walflow.settings import ENV_PREFIX

MODE = f"{ENV_PREFIX}MODE"

app = typer.Typer(cls=LazyGroup, **SETTINGS)


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
