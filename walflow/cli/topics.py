"""topics: list, describe, tail."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from change_stream.record import Record
from change_stream.schemas import SchemaRegistry
from walflow.cli.output import Format, data, messages, table
from walflow.cli.units import size
from walflow.errors import WalflowError
from walflow.registry.api import registry_api
from walflow.settings import load
from walflow.stack.registry import confluent_url
from walflow.topics import catalogue, filters, start
from walflow.topics.display import lines
from walflow.topics.events import Event, decoded, raw
from walflow.topics.tailing import Request, events

REGISTRY_SECONDS = 10.0
"""A person waits: the registry is asked for no longer than this."""

app = typer.Typer(
    help="Kafka's topics, and what is in them (docs/topics.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class _Screen(Console):
    """Tells its caller of a broken pipe; rich itself would end the program as failed."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="Name of a topic.")]
Output = Annotated[Format, typer.Option("-o", "--output", help="table or json.")]


@app.command("list")
def list_topics(
    everything: Annotated[
        bool, typer.Option("--all", help="Also internal ones: Kafka's, Connect's, the registry's.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """List the topics with partitions, offsets, size and the time of the newest record."""
    found = [topic for topic in catalogue.topics(load()) if everything or not topic.is_internal]
    if output is Format.JSON:
        data.print_json(json.dumps([topic.as_dict() for topic in found]))
        return
    grid = table("TOPIC", "PARTITIONS", "REPLICAS", "OFFSETS", "SIZE", "NEWEST RECORD")
    for topic in found:
        grid.add_row(
            topic.name,
            str(len(topic.partitions)),
            str(topic.replicas),
            str(topic.offsets),
            size(topic.bytes),
            topic.newest or "none",
        )
    data.print(grid)


@app.command()
def describe(name: Topic, output: Output = Format.TABLE) -> None:
    """Show a topic: partitions with leader and offsets, changed settings, subjects of its schemas."""
    settings = load()
    topic, configs = catalogue.topic(settings, name)
    subjects: list[str] = []
    try:
        known = registry_api(settings).subjects()
        subjects = [subject for subject in known if subject in (f"{name}-key", f"{name}-value")]
    except WalflowError as error:  # no reason not to show what Kafka tells
        messages.print(error.sentence, style="yellow", markup=False)
    if output is Format.JSON:
        about = topic.as_dict() | {"settings": configs, "subjects": subjects}
        data.print_json(json.dumps(about))
        return
    grid = table("PARTITION", "LEADER", "REPLICAS", "IN SYNC", "FIRST", "END", "SIZE")
    for partition in topic.partitions:
        grid.add_row(
            str(partition.number),
            str(partition.leader),
            ", ".join(map(str, partition.replicas)),
            ", ".join(map(str, partition.in_sync)),
            str(partition.first),
            str(partition.end),
            size(partition.bytes),
        )
    data.print(grid)
    told = [("newest", topic.newest or "none")]
    told += [("schema", subject) for subject in subjects]
    told += [("setting", f"{key} = {value}") for key, value in configs.items()]
    for label, text in told:
        data.print(f"{label:<9} {text}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def tail(
    topic: Topic,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="earliest, latest, an offset (-5: before the end), a place (0@42), a time in UTC"
            " (2026-11-21T18:50:00) or a duration before now (10m); else the last records.",
        ),
    ] = None,
    wanted: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="A key, or a condition: op=update, after.country=FR, source.lsn>=42, key.id~^1,"
            " changed=phone. Each that is given has to hold.",
        ),
    ] = None,
    is_decoded: Annotated[
        bool, typer.Option("--decode/--raw", help="By the writer's schema, or bytes as they are.")
    ] = True,
    partitions: Annotated[
        list[int] | None,
        typer.Option("-p", "--partition", help="Only this one. Can be given more than once."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--lines",
            min=1,
            max=100_000,
            help="At most so many records; without --from the last, 10 if not given.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on as records come, until Ctrl-C.")
    ] = False,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="table, or a line of JSON for each record.")
    ] = Format.TABLE,
) -> None:
    """Show a topic's records: op, place, time, key, and what a change did to its row."""
    settings = load()
    begins = None if begin is None else start.parsed(begin, topic, datetime.now(UTC))
    if begins is start.Edge.LATEST and not follow:
        messages.print("latest is behind the last record: add -f to wait for new ones.")
    registry = SchemaRegistry(confluent_url(settings), REGISTRY_SECONDS)

    def read(record: Record) -> Event:
        return decoded(record, registry) if is_decoded else raw(record)

    request = Request(
        topic,
        tuple(partitions or ()),
        begins,
        count,
        follow,
        filters.parsed(wanted) if wanted else None,
    )
    screen = _Screen(width=data.width, soft_wrap=True, highlight=False)
    try:
        with messages.status(f"reading {topic}") as spinner:
            for event in events(settings, request, read):
                spinner.stop()
                if output is Format.JSON:
                    print(json.dumps(event.as_dict(), ensure_ascii=False), flush=True)
                else:
                    for line in lines(event, not is_decoded):
                        screen.print(line)
    except KeyboardInterrupt:
        if not follow:
            raise  # cut off: not all that was asked for was shown
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
