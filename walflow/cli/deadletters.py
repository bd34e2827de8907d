"""deadletters: list, show, replay, discard."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from walflow.cli.output import Format, data, messages, table
from walflow.deadletters.connecting import connected as connected_to
from walflow.deadletters.description import description, lines
from walflow.deadletters.listing import Listing, listing
from walflow.deadletters.outcomes import Outcome, Outcomes, State
from walflow.deadletters.replay import NotApplied, Replay
from walflow.deadletters.topic import DeadLetterTopic, Identity, StoredLetter, place_of
from walflow.errors import ExitCode, WalflowError
from walflow.settings import load
from walflow.text import shortened

app = typer.Typer(
    help="Records that the stream could not apply (docs/deadletters.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Output = Annotated[Format, typer.Option("-o", "--output", help="table or json.")]
Places = Annotated[
    list[str] | None,
    typer.Argument(metavar="PLACE", help="Partition and offset, as `list` shows: 0@17."),
]


@app.command("list")
def list_letters(
    settled: Annotated[
        bool, typer.Option("--all", help="Also those that were replayed or discarded.")
    ] = False,
    last: Annotated[int, typer.Option("--last", min=1, help="Only the newest so many.")] = 1000,
    output: Output = Format.TABLE,
) -> None:
    """List the dead letters that are open, a line for each record, the newest last."""
    settings = load()
    with connected_to(settings) as connected, DeadLetterTopic(settings) as topic:
        found = listing(
            topic.chunks(), Outcomes(connected.session), settings.topics.prefix, settled, last
        )
    if output is Format.JSON:
        data.print_json(json.dumps([letter.as_dict() for letter in found.letters]))
    else:
        _print_table(found)
    if found.older:
        messages.print(f"{found.older} older ones are not listed: raise --last.", style="yellow")


def _print_table(found: Listing) -> None:
    if not found.letters:
        messages.print("There is no dead letter.")
        return
    names = ("place", "stored_at", "origin", "table", "copies", "state")
    rows = [[str(letter.as_dict()[name]) for name in names] for letter in found.letters]
    titles = [name.replace("_", " ").upper() for name in names]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    # The rest of the line, so that a letter is one line.
    room = max(data.width - sum(width + 2 for width in widths), len("REASON"))
    grid = table(*titles, "REASON")
    for row, letter in zip(rows, found.letters, strict=True):
        grid.add_row(*map(Text, row), Text(shortened(letter.reason, room)))
    data.print(grid)


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="Partition and offset, as `list` shows: 0@17.")],
    output: Output = Format.TABLE,
) -> None:
    """Show a dead letter: origin, reason, headers, key and value, and what a replay would do."""
    settings = load()
    with connected_to(settings) as connected, DeadLetterTopic(settings) as topic:
        stored = topic.at(place_of(place, topic.name))
        outcome = Outcomes(connected.session).of([stored.identity])[stored.identity]
        described = description(
            stored,
            outcome,
            Replay(connected).foreseen(stored.letter),
            connected.registry,
            settings.topics.prefix,
        )
    if output is Format.JSON:
        data.print_json(json.dumps(described, default=str))
        return
    for line in lines(described):
        data.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def replay(
    places: Places = None,
    all_open: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
) -> None:
    """Apply dead letters to Cassandra again, each in the place of the order that it had.

    Exit code 0: all were applied; 1: some were not, and stay open.
    """
    settings = load()
    failed: set[Identity] = set()
    with connected_to(settings) as connected, DeadLetterTopic(settings) as topic:
        outcomes, replaying = Outcomes(connected.session), Replay(connected)
        for stored in _chosen(topic, outcomes, places or [], all_open):
            if stored.identity in failed:
                continue  # a copy of it
            try:
                done = replaying.apply(stored.letter)
            except NotApplied as problem:
                failed.add(stored.identity)
                outcomes.note(stored.identity, Outcome(State.OPEN, str(problem)))
                _tell(stored, f"stays open: {problem}")
            else:
                outcomes.note(stored.identity, Outcome(State.REPLAYED))
                _tell(stored, f"replayed: {done}")
    if failed:
        messages.print(f"{len(failed)} could not be applied and stay open.", style="yellow")
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def discard(
    places: Places = None,
    all_open: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
) -> None:
    """Give dead letters up: they are no longer open. The topic keeps them for its time."""
    settings = load()
    with connected_to(settings) as connected, DeadLetterTopic(settings) as topic:
        outcomes = Outcomes(connected.session)
        chosen = _chosen(topic, outcomes, places or [], all_open)
        if not yes:
            _ask("all open dead letters" if all_open else ", ".join(places or []))
        for stored in chosen:
            outcomes.note(stored.identity, Outcome(State.DISCARDED))
            _tell(stored, "discarded")


def _chosen(
    topic: DeadLetterTopic, outcomes: Outcomes, places: list[str], all_open: bool
) -> Iterator[StoredLetter]:
    """The letters that a command is for; each place is checked before the first is acted on."""
    if bool(places) == all_open:
        raise WalflowError("Name the places of dead letters, or give --all.", ExitCode.USAGE)
    if places:
        return iter([topic.at(place_of(text, topic.name)) for text in places])
    return _open_letters(topic, outcomes)


def _open_letters(topic: DeadLetterTopic, outcomes: Outcomes) -> Iterator[StoredLetter]:
    """Each open record once in a chunk; in a later chunk its copy is known to be settled."""
    for chunk in topic.chunks():
        firsts = {stored.identity: stored for stored in reversed(chunk)}
        states = outcomes.of(firsts)
        yield from (
            stored
            for stored in sorted(firsts.values(), key=lambda s: (s.place.partition, s.place.offset))
            if states[stored.identity].state is State.OPEN
        )


def _ask(what: str) -> None:
    if not sys.stdin.isatty():
        raise WalflowError("Nobody can be asked here: give --yes.", ExitCode.USAGE)
    typer.confirm(f"Give up {what}?", abort=True, err=True)


def _tell(stored: StoredLetter, what: str) -> None:
    text = f"{stored.place}  {stored.letter.record.place}  {what}"
    data.print(text, markup=False, highlight=False, soft_wrap=True)
