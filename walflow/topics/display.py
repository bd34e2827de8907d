"""An event on a screen: a line that says what and where, and one for each column that it changed."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from walflow.deadletters.description import MAX_DUMPED, hex_dump
from walflow.text import shortened
from walflow.topics.events import UNAVAILABLE, Event, Kind, Payload, plain

MAX_VALUE = 200
"""Characters of a value; JSON has all of it."""
_COLOURS = {
    Kind.CREATE: "green",
    Kind.READ: "cyan",
    Kind.UPDATE: "yellow",
    Kind.DELETE: "red",
    Kind.TRUNCATE: "bold red",
    Kind.TOMBSTONE: "magenta",
}


def lines(event: Event, is_raw: bool) -> Iterator[Text]:
    """A record for a person."""
    yield _headline(event)
    if is_raw:
        yield from _raw("key", event.key)
        yield from _raw("value", event.value)
    elif event.kind is Kind.TOMBSTONE:
        yield Text("    tombstone: nothing of the key is left for compaction to keep", style="dim")
    elif event.before is not None or event.after is not None:
        yield from _row(event)
    else:
        yield from _value(event.value)


def _headline(event: Event) -> Text:
    head = Text(f"{event.kind.value:<9}", style=_COLOURS.get(event.kind, ""))
    head.append(f" {event.record.place}  {event.time}", style="")
    if event.key.size is not None:
        head.append(f"  key {_shown_key(event.key)}")
    if lsn := event.source.get("lsn"):
        head.append(f"  lsn {lsn}", style="dim")
    return head


def _shown_key(key: Payload) -> str:
    if isinstance(key.datum, dict) and not key.problem:
        return ", ".join(f"{name}={_shown(value)}" for name, value in key.datum.items())
    return _shown(key.datum)


def _row(event: Event) -> Iterator[Text]:
    before, after = event.before, event.after
    if after is None:
        for name, value in (before or {}).items():
            if not event.has_key_only or name in event.key.datum:
                yield Text(f"  - {name}: {_shown(value)}", style="red")
        if event.has_key_only:
            yield Text(
                "    the other columns were empty, or are not in the log: only the key is, with"
                " REPLICA IDENTITY DEFAULT",
                style="dim",
            )
        return
    if before is None:
        if event.kind is Kind.UPDATE:
            yield Text(
                "    the row before is not in the log: it is with REPLICA IDENTITY FULL",
                style="dim",
            )
        for name, value in after.items():
            yield Text(f"  + {name}: {_shown(value)}", style="green")
        return
    changed = event.changed
    for name, (old, new) in changed.items():
        line = Text(f"  ~ {name}: ")
        line.append(_shown(old), style="red").append(" → ").append(_shown(new), style="green")
        yield line
    same = len(after) - len(changed)
    if same:
        yield Text(f"    {same} {'column' if same == 1 else 'columns'} unchanged", style="dim")


def _value(value: Payload) -> Iterator[Text]:
    if value.problem:
        yield Text(f"    {value.problem}", style="red")
    if isinstance(value.datum, dict):
        for name, each in value.datum.items():
            yield Text(f"    {name}: {_shown(each)}")
    elif value.size is not None:
        yield Text(f"    {_shown(value.datum)}")


def _raw(name: str, payload: Payload) -> Iterator[Text]:
    if payload.size is None:
        yield Text(f"  {name}: null")
        return
    schema = "" if payload.schema_id is None else f", schema id {payload.schema_id}"
    yield Text(f"  {name}: {payload.size} bytes{schema}")
    for line in hex_dump(payload.datum[:MAX_DUMPED]):
        yield Text(f"    {line}")
    if payload.size > MAX_DUMPED:
        yield Text(f"    … {payload.size - MAX_DUMPED} more bytes")


def _shown(value: Any) -> str:
    if value == UNAVAILABLE:
        return "(as it was: a TOASTed value that is not in the log)"
    told = plain(value)
    text = repr(told) if isinstance(value, str) else "null" if told is None else str(told)
    return shortened(text, MAX_VALUE)
