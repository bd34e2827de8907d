"""connectors: apply, list, get, delete."""

import json
from pathlib import Path
from typing import Annotated

import typer

from walflow.capture.connector import require_agreement, require_nothing_lost
from walflow.cli.output import Format, data, messages, table
from walflow.connect_api import USERS_CONNECTOR, ConnectApi, read_connector
from walflow.settings import load

app = typer.Typer(
    help="Connectors of the Kafka Connect cluster.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="Name of a connector.")]


def _api() -> ConnectApi:
    return ConnectApi(f"http://{load().address('connect')}")


@app.command()
def apply(
    file: Annotated[
        Path,
        typer.Option(
            "-f",
            "--file",
            help="A connector's JSON, as Connect's REST API takes it.",
            show_default="connect/connectors/users.json",
        ),
    ] = USERS_CONNECTOR,
) -> None:
    """Validate a connector's JSON, create or update the connector, and wait until it runs."""
    connector, api = read_connector(file), _api()
    require_agreement(load(), connector, str(file))
    require_nothing_lost(api, connector, str(file))
    outcome = api.apply(connector, str(file))
    messages.print(f"connector {connector.name}: {outcome}, RUNNING", highlight=False)


@app.command("list")
def list_connectors(
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json.")] = Format.TABLE,
) -> None:
    """List the connectors with the state of connector and tasks."""
    states = _api().states()
    if output is Format.JSON:
        data.print_json(json.dumps([state.as_dict() for state in states]))
        return
    grid = table("NAME", "STATE", "TASKS")
    for state in states:
        grid.add_row(state.name, state.connector, ", ".join(state.tasks) or "none")
    data.print(grid)


@app.command()
def get(name: Name) -> None:
    """Print a connector's JSON as it is in Connect; it can be applied again."""
    data.print_json(json.dumps(_api().get(name)))


@app.command()
def delete(name: Name) -> None:
    """Delete a connector. Its replication slot and its topics stay."""
    _api().delete(name)
    messages.print(f"connector {name}: deleted", highlight=False)
