"""connectors: list, get, describe, apply, patch, pause, resume, restart, stop, delete, offsets."""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from walflow.advice import ticked
from walflow.capture.connector import captures_publication, connect_api
from walflow.cli.output import Format, data, messages, table
from walflow.connect_api import USERS_CONNECTOR, ConnectApi
from walflow.connectors.applying import carry_out, on_each, patched, planned
from walflow.connectors.description import describe as described
from walflow.connectors.description import lines
from walflow.connectors.files import Definition, definitions
from walflow.connectors.offsets import meaning_of_reset, positions, require_stopped
from walflow.connectors.plugins import passwords
from walflow.connectors.secrets import masked
from walflow.errors import ExitCode, WalflowError
from walflow.recovery import note_reset
from walflow.settings import load

app = typer.Typer(
    help="Connectors of the Kafka Connect cluster (docs/connectors.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
offsets = typer.Typer(
    help="How far a connector has come.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(offsets, name="offsets")

Name = Annotated[str, typer.Argument(help="Name of a connector.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of connectors.")]
Output = Annotated[Format, typer.Option("-o", "--output", help="table or json.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Validate and show what would change; change nothing.")
]


class Tasks(StrEnum):
    ALL = "all"
    FAILED = "failed"
    NONE = "none"


def _api() -> ConnectApi:
    return connect_api(load())


@app.command("list")
def list_connectors(output: Output = Format.TABLE) -> None:
    """List the connectors with the state of connector and tasks.

    Exit code 0: none has failed; 1: one has, and why is told below the table.
    """
    states = _api().states()
    if output is Format.JSON:
        data.print_json(json.dumps([state.as_dict() for state in states]))
    else:
        grid = table("NAME", "TYPE", "STATE", "TASKS")
        for state in states:
            grid.add_row(
                Text(state.name), state.type, state.connector, ", ".join(state.tasks) or "none"
            )
        data.print(grid)
        for state in states:
            if state.has_failed:
                _tell(f"{state.name}: {state.reason}", style="red")
    if any(state.has_failed for state in states):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def get(
    name: Name,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print passwords and the like too.")
    ] = False,
) -> None:
    """Print a connector's JSON as it is in Connect; it can be applied again.

    A secret is printed as ********, which `apply` refuses; a reference like ${env:…} as it is.
    """
    api = _api()
    content = api.get(name)
    if not show_secrets:
        config = content["config"]
        hidden = passwords(api.transport, config.get("connector.class", ""))
        content["config"] = masked(config, hidden)
    data.print_json(json.dumps(content))


@app.command()
def describe(name: Name, output: Output = Format.TABLE) -> None:
    """Show a connector: states, workers, why it failed, topics, offsets, configuration."""
    about = described(_api(), name)
    if output is Format.JSON:
        data.print_json(json.dumps(about.as_dict()))
        return
    for line in lines(about):
        data.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def apply(
    places: Annotated[
        list[str] | None,
        typer.Option(
            "-f",
            "--file",
            metavar="FILE",
            help="A connector's JSON, as Connect's REST API takes it; - for standard input; a folder"
            " for all its *.json. Can be given more than once.",
            show_default="connect/connectors/users.json",
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Validate connectors' JSON, show what changes, create or update, and wait until they run.

    Nothing is changed unless all are valid. What is as the files say already is left alone, and a
    connector that is paused or stopped stays so.
    """
    api = _api()
    _carry_out(api, definitions(places or [str(USERS_CONNECTOR)]), dry_run)


@app.command()
def patch(
    name: Name,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "-s", "--set", metavar="KEY=VALUE", help="A setting. Can be given more than once."
        ),
    ] = None,
    removed: Annotated[
        list[str] | None,
        typer.Option(
            "-r", "--remove", metavar="KEY", help="A setting to take out. More than once too."
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Change some settings of a connector, checked and shown like those of a file."""
    pairs = [value.partition("=") for value in values or []]
    if not (pairs or removed) or not all(key and equals for key, equals, _ in pairs):
        raise WalflowError("Say what to change: --set KEY=VALUE or --remove KEY.", ExitCode.USAGE)
    api = _api()
    wanted = patched(api, name, {key: value for key, _, value in pairs}, removed or [])
    _carry_out(api, [wanted], dry_run)


def _carry_out(api: ConnectApi, wanted: list[Definition], dry_run: bool) -> None:
    with messages.status("validating"):
        plans = planned(load(), api, wanted)
    for plan in plans:
        name = plan.definition.connector.name
        # Of a new connector every setting is new: its file tells them as well.
        for change in plan.changes if dry_run or not plan.is_new else ():
            data.print(f"{name}: {change.line}", markup=False, highlight=False, soft_wrap=True)
    for plan in plans:
        name = plan.definition.connector.name
        if dry_run:
            _tell(f"connector {name}: would be {plan.outcome}")
        else:
            with messages.status(f"connector {name}"):
                state = carry_out(api, plan)
            _tell(f"connector {name}: {plan.outcome}, {state}")


@app.command()
def pause(names: Names) -> None:
    """Have connectors wait, with their tasks and connections in place."""
    api = _api()
    _each(api, names, api.pause, "PAUSED")


@app.command()
def resume(names: Names) -> None:
    """Let paused or stopped connectors run, and wait until they do."""
    api = _api()
    _each(api, names, api.resume, "RUNNING")


@app.command()
def stop(names: Names) -> None:
    """Stop connectors: their tasks end; configuration and offsets stay."""
    api = _api()
    _each(api, names, api.stop, "STOPPED")


@app.command()
def restart(
    names: Names,
    tasks: Annotated[
        Tasks,
        typer.Option(
            help="all: the connector and its tasks; failed: what of them is FAILED; none: the"
            " connector without its tasks."
        ),
    ] = Tasks.ALL,
) -> None:
    """Start connectors and their tasks again, and wait until they run."""
    api = _api()

    def again(name: str) -> None:
        if (state := api.state(name)).is_held:
            raise WalflowError(
                f"Connector {name} is {state.connector}: {ticked(f'connectors resume {name}')} lets it"
                " run."
            )
        api.restart(name, tasks is not Tasks.NONE, tasks is Tasks.FAILED)
        api.await_running(name)

    _each(api, names, again, "RUNNING")


@app.command()
def delete(names: Names) -> None:
    """Delete connectors. Their topics stay, and so does the replication slot of one of Debezium."""
    api = _api()
    _each(api, names, api.delete, "deleted")


def _each(api: ConnectApi, names: list[str], act: Callable[[str], None], told: str) -> None:
    def one(name: str) -> None:
        with messages.status(f"connector {name}"):
            act(name)
        _tell(f"connector {name}: {told}")

    on_each(api, names, one)


@offsets.command("get")
def get_offsets(name: Name, output: Output = Format.TABLE) -> None:
    """Show how far a connector has come in each partition of its source, or of its topics."""
    found = positions(_api(), name)
    if output is Format.JSON:
        data.print_json(json.dumps([position.as_dict() for position in found]))
        return
    if not found:
        messages.print("It has no offset: it has not begun, or they were reset.")
        return
    for position in found:
        partition, offset = position.as_row()
        data.print(f"{partition}  {offset}", markup=False, highlight=False, soft_wrap=True)


@offsets.command("reset")
def reset_offsets(
    name: Name,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
) -> None:
    """Forget how far a connector has come. It has to be stopped, and says first what that means."""
    settings, api = load(), _api()
    require_stopped(api, name)
    state, config = api.state(name), api.get(name)["config"]
    is_captured = captures_publication(settings, config)
    _tell(meaning_of_reset(name, state.type, config, is_captured), style="yellow")
    if not yes:
        if not sys.stdin.isatty():
            raise WalflowError("Nobody can be asked here: give --yes.", ExitCode.USAGE)
        typer.confirm(f"Reset the offsets of {name}?", abort=True, err=True)
    if is_captured:
        note_reset(settings, name)
    said = api.delete_offsets(name)
    _tell(f"connector {name}: offsets reset. Connect says: {said}")


def _tell(text: str, style: str = "") -> None:
    messages.print(Text(text, style=style))
