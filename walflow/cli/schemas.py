"""schemas: list, get, diff, check."""

import json
from typing import Annotated

import typer
from rich.text import Text

from walflow.cli.output import Format, data, messages, table
from walflow.errors import ExitCode, WalflowError
from walflow.registry.api import LATEST, registry_api
from walflow.registry.checking import UNCHECKED, candidate
from walflow.registry.checking import check as checked
from walflow.registry.differences import Difference, differences
from walflow.settings import load

app = typer.Typer(
    help="Schemas of the Schema Registry (docs/topics.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="As `list` shows it.")]
Output = Annotated[Format, typer.Option("-o", "--output", help="table or json.")]
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


@app.command("list")
def list_schemas(
    prefix: Annotated[str, typer.Option(help="Only subjects that begin so.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """List the subjects with their versions and the schema id of the latest."""
    registry = registry_api(load())
    subjects = [subject for subject in registry.subjects() if subject.startswith(prefix)]
    found = [(registry.versions(subject), registry.version(subject)) for subject in subjects]
    if output is Format.JSON:
        listed = [
            {
                "subject": latest.subject,
                "versions": versions,
                "latest": latest.number,
                "id": latest.id,
                "type": latest.type,
            }
            for versions, latest in found
        ]
        data.print_json(json.dumps(listed))
        return
    grid = table("SUBJECT", "VERSIONS", "LATEST", "SCHEMA ID", "TYPE")
    for versions, latest in found:
        grid.add_row(
            Text(latest.subject),
            str(len(versions)),
            str(latest.number),
            str(latest.id),
            latest.type,
        )
    data.print(grid)


@app.command()
def get(
    subject: Annotated[
        str | None, typer.Argument(metavar="SUBJECT", help="As `list` shows it.")
    ] = None,
    version: Annotated[str, typer.Option(help="A number, or latest.")] = LATEST,
    identifier: Annotated[
        int | None, typer.Option("--id", help="Instead of a subject: the id that a record carries.")
    ] = None,
) -> None:
    """Print a schema as JSON: a subject's, or that of an id."""
    if (subject is None) == (identifier is None):
        raise WalflowError("Name a subject, or give --id.", ExitCode.USAGE)
    registry = registry_api(load())
    if identifier is not None:
        schema = registry.schema(identifier)
    else:
        schema = registry.version(subject or "", version).schema
    data.print_json(json.dumps(schema))


@app.command()
def diff(
    subject: Subject,
    before: Annotated[
        str | None, typer.Option("--from", help="A version; else the one before the latest.")
    ] = None,
    after: Annotated[str, typer.Option("--to", help="A version, or latest.")] = LATEST,
    output: Output = Format.TABLE,
) -> None:
    """Show how two versions of a subject differ, by record and field."""
    registry = registry_api(load())
    new = registry.version(subject, after)
    if before is None:
        older = [number for number in registry.versions(subject) if number < new.number]
        if not older:
            raise WalflowError(
                f"{subject} has no version before {new.number}: there is nothing to compare with.",
                ExitCode.USAGE,
            )
        before = str(older[-1])
    old = registry.version(subject, before)
    found = differences(old.schema, new.schema)
    if output is Format.JSON:
        data.print_json(
            json.dumps(
                {
                    "subject": subject,
                    "from": old.number,
                    "to": new.number,
                    "differences": [difference.as_dict() for difference in found],
                }
            )
        )
        return
    messages.print(f"{subject}: version {old.number} → {new.number}", highlight=False, markup=False)
    _print(found)


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An Avro schema; - for stdin.")],
    subject: Annotated[
        str | None,
        typer.Option(
            help="Whose next version it would be; else by the schema's namespace, as Debezium names it."
        ),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Ask the registry whether a schema fits a subject, and show how it differs from the latest.

    Exit code 0: it is compatible; 1: it is not.
    """
    wanted = candidate(file)
    whose = subject or wanted.subject
    if not whose:
        raise WalflowError(
            f"{wanted.source} does not tell its subject: give --subject.", ExitCode.USAGE
        )
    found = checked(registry_api(load()), wanted, whose)
    if output is Format.JSON:
        data.print_json(json.dumps(found.as_dict()))
    else:
        _print(list(found.differences))
        for message in found.messages:
            messages.print(Text(message, style="red"))
        word = "compatible" if found.is_compatible else "not compatible"
        messages.print(
            Text(
                f"{word} with version {found.latest.number} of {whose}, at the level {found.level}"
            )
        )
        if found.level == UNCHECKED:
            messages.print("At that level the registry takes any schema.", style="yellow")
    if not found.is_compatible:
        raise typer.Exit(ExitCode.FAILED)


def _print(found: list[Difference]) -> None:
    if not found:
        messages.print("They are the same.")
    for difference in found:
        line = difference.line
        data.print(Text(line, style=_COLOURS[line[0]]), soft_wrap=True)
