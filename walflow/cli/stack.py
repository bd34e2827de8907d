"""up, down, restart, logs, demo."""

import os
from typing import Annotated

import typer

from walflow import demo as demonstration
from walflow.advice import typed
from walflow.cli import compose
from walflow.cli.doctor import require_fit_machine
from walflow.cli.output import messages
from walflow.cli.starting import Starting
from walflow.errors import ExitCode, WalflowError
from walflow.settings import load
from walflow.stack import lifecycle
from walflow.stack.catalogue import services, with_needs
from walflow.stack.spark import EXECUTOR, executor_log
from walflow.stack.supervision import Supervisor

Names = Annotated[
    list[str] | None, typer.Argument(metavar="SERVICE", help="Services; all without any.")
]


def up(names: Names = None) -> None:
    """Start the stack, or the named services and what they need; what is up stays as it is."""
    settings = load()
    if settings.mode == "compose":
        compose.up(settings, names or ())
        return
    wanted = with_needs(services(settings), names or ())
    with Starting(messages) as starting:
        lifecycle.up(settings, wanted, starting.events)
    messages.print(f"Stop it with: {typed('down')}", style="dim")


def down(
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Also delete all data: users, topics, checkpoints.")
    ] = False,
) -> None:
    """Stop the stack; its data stays for the next `walflow up`."""
    settings = load()
    if settings.mode == "compose":
        compose.down(settings, wipe=wipe)
        return
    count = lifecycle.down(settings, lambda name: messages.print(f"stopping {name}"))
    messages.print(f"Stopped {count} processes." if count else "Nothing was running.")
    if wipe:
        lifecycle.wipe(settings)
        messages.print(f"Deleted the data in {settings.run_dir}.")


def restart(
    names: Annotated[list[str], typer.Argument(metavar="SERVICE...", help="Services.")],
) -> None:
    """Stop the named services and start them again; settings that were changed take effect."""
    settings = load()
    if settings.mode == "compose":
        compose.up(settings, names, anew=True)
        return
    known = services(settings)
    supervisor = Supervisor(settings)
    with_needs(known, names)
    if supervisor.is_running():
        named = [service for name, service in known.items() if name in names]
        lifecycle.stop(supervisor, named, lambda name: messages.print(f"stopping {name}"))
    with Starting(messages) as starting:
        lifecycle.up(settings, with_needs(known, names), starting.events)


def logs(
    service: Annotated[
        str,
        typer.Argument(
            help="A service, as `walflow status` names it, or executor: the stream's tasks."
        ),
    ],
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines come.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many of the last lines.")] = 50,
) -> None:
    """Print the end of a service's log."""
    settings = load()
    if settings.mode == "compose":
        compose.logs(settings, service, lines, follow)
        return
    known = services(settings)
    if service not in (*known, EXECUTOR):
        raise WalflowError(
            f"There is no service {service}. The services are: {', '.join(known)}; the stream's tasks"
            f" are {EXECUTOR}.",
            ExitCode.USAGE,
        )
    path = executor_log(settings) if service == EXECUTOR else Supervisor(settings).log_path(service)
    if path is None or not path.exists():
        raise WalflowError(f"{service} has no log yet: it was never started.", ExitCode.NOT_READY)
    # tail follows a file through its rotation.
    arguments = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(path)]
    os.execvp("tail", arguments)


def demo(
    users: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="How many users to fetch; else as pipeline.toml."),
    ] = None,
) -> None:
    """Run the pipeline from the users API to Cassandra and show each step with what was seen."""
    settings = load()
    require_fit_machine(settings)
    if settings.mode == "compose":
        compose.up(settings, ())
    else:
        with Starting(messages) as starting:
            lifecycle.up(settings, list(services(settings).values()), starting.events)
    demonstration.run(settings, users or settings.ingest.users_per_run, messages)
    for line in demonstration.banner(settings, demonstration.commands(settings)):
        messages.print(line, highlight=False, markup=False)
