"""loggers: list, set."""

import json
from typing import Annotated

import typer

from walflow.cli.output import Format, data, messages, table
from walflow.connectors.loggers import Level, Scope, levels, set_level
from walflow.connectors.transport import connect_transport
from walflow.settings import load

app = typer.Typer(
    help="Log levels of the Kafka Connect cluster.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_loggers(
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json.")] = Format.TABLE,
) -> None:
    """List the loggers of the worker whose level is set, and since when."""
    found = levels(connect_transport(load()))
    if output is Format.JSON:
        data.print_json(json.dumps([logger.as_dict() for logger in found]))
        return
    grid = table("LOGGER", "LEVEL", "CHANGED AT")
    for logger in found:
        grid.add_row(logger.name, logger.level, logger.changed_at)
    data.print(grid)


@app.command("set")
def set_logger(
    name: Annotated[str, typer.Argument(help="A package, a class or root.")],
    level: Annotated[Level, typer.Argument(case_sensitive=False, help="A level of log4j.")],
    scope: Annotated[
        Scope, typer.Option(help="cluster: all workers; worker: the one that is asked.")
    ] = Scope.CLUSTER,
) -> None:
    """Change the level of a logger and of those below it until the worker ends."""
    set_level(connect_transport(load()), name, level, scope)
    where = "on all workers" if scope is Scope.CLUSTER else "on this worker"
    messages.print(f"logger {name}: {level.value} {where}", highlight=False, markup=False)
