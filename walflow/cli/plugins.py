"""plugins: list."""

import json
from typing import Annotated

import typer

from walflow.cli.output import Format, data, table
from walflow.connectors.plugins import connectors, installed
from walflow.connectors.transport import connect_transport
from walflow.settings import load

app = typer.Typer(
    help="Plugins of the Kafka Connect cluster.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def plugins() -> None:
    """Keeps `list` a command of its own: Typer would take a lone one for the whole."""


@app.command("list")
def list_plugins(
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also converters, transformations and predicates."),
    ] = False,
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json.")] = Format.TABLE,
) -> None:
    """List the classes that a connector can be of, with their versions."""
    found = installed(connect_transport(load()))
    shown = found if everything else connectors(found)
    if output is Format.JSON:
        data.print_json(json.dumps([plugin.as_dict() for plugin in shown]))
        return
    grid = table("CLASS", "TYPE", "VERSION")
    for plugin in shown:
        grid.add_row(plugin.name, plugin.type, plugin.version)
    data.print(grid)
