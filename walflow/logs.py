"""Log lines of walflow's own services: an event a line, as logfmt or as JSON (`logs.format`).

A line about a record names it by `at`, topic-partition@offset, and by its parts; and the table.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

_FIELDS = "fields"
_PLACE = re.compile(r"(?P<topic>\S+)-(?P<partition>\d+)@(?P<offset>\d+)")
_BARE = re.compile(r"[^\s\"=\\]+")
"""A value that logfmt takes without quotes."""


class Lines(logging.Formatter):
    """time, level, event, then the event's own fields.

    Args:
        kind: logfmt or json.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._write = json_line if kind == "json" else logfmt_line

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        fields = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, _FIELDS, {}),
            "traceback": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return self._write({name: value for name, value in fields.items() if value is not None})


def configure(logger: logging.Logger, kind: str, stream: TextIO | None = None) -> None:
    """Have a logger, and those below it, write such lines; called again, it changes the format.

    Args:
        kind: logfmt or json.
        stream: stderr unless given.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(kind))
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)


def fields(**values: Any) -> dict[str, dict[str, Any]]:
    """What to give as `extra` with an event; a None is left out of the line."""
    return {_FIELDS: values}


def record_fields(
    topic: str, partition: int, offset: int, prefix: str, **values: Any
) -> dict[str, dict[str, Any]]:
    """The same for an event that concerns a record.

    Args:
        prefix: of the topics, which is no part of a table's name.
    """
    at = f"{topic}-{partition}@{offset}"
    table = topic.removeprefix(f"{prefix}.")
    return fields(at=at, table=table, topic=topic, partition=partition, offset=offset, **values)


def fields_of_reason(reason: str, prefix: str) -> dict[str, dict[str, Any]]:
    """The same for a reason that begins with a record's place, or with none."""
    place = _PLACE.match(reason)
    if place is None:
        return fields(reason=reason)
    topic, partition, offset = place["topic"], int(place["partition"]), int(place["offset"])
    return record_fields(topic, partition, offset, prefix, reason=reason)


def logfmt_line(values: dict[str, Any]) -> str:
    """`key=value` pairs; what is not a bare word stands in quotes, as a JSON string."""
    return " ".join(f"{name}={_logfmt(value)}" for name, value in values.items())


def json_line(values: dict[str, Any]) -> str:
    """One object; what is neither a number nor a text is shown as a text."""
    return _on_one_line({name: _plain(value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _logfmt(value: Any) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) and text.isprintable() else _on_one_line(text)


def _on_one_line(value: Any) -> str:
    """JSON; whatever might end a line, U+2028 too, is escaped, and then all that is not ASCII."""
    shown = json.dumps(value, ensure_ascii=False)
    return shown if shown.isprintable() else json.dumps(value)
