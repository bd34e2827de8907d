"""Which records are wanted: `--filter`, by key or by a condition on what is in them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from walflow.errors import ExitCode, WalflowError
from walflow.topics.events import Event, plain

_CONDITION = re.compile(
    r"(?P<path>op|key|value|partition|offset|changed|(?:key|value|before|after|source)\.[^=!<>~]+)"
    r"(?P<operator>!=|<=|>=|=|<|>|~)(?P<wanted>.*)",
    re.DOTALL,
)
_OPS = {"c": "create", "r": "read", "u": "update", "d": "delete", "t": "truncate", "m": "message"}
_ABSENT = object()

Filter = Callable[[Event], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """`PATH OPERATOR VALUE`, such as `after.country=FR`."""

    path: str
    operator: str
    wanted: str

    def holds(self, event: Event) -> bool:
        if self.path == "changed":
            names = set(event.changed)
            return self.wanted not in names if self.operator == "!=" else self.wanted in names
        found = _value(event, self.path)
        if found is _ABSENT:
            return False
        return _compares(_text(found), self.operator, self.wanted)


def parsed(texts: Sequence[str]) -> Filter:
    """A filter that lets pass what every text wants: a condition or, without an operator, a key.

    Raises:
        WalflowError: a pattern behind ~ is no regular expression, or `changed` is compared.
    """
    filters = [_filter(text) for text in texts]
    return lambda event: all(each(event) for each in filters)


def _filter(text: str) -> Filter:
    match = _CONDITION.fullmatch(text)
    if match is None:
        return lambda event: _has_key(event, text)
    condition = Condition(match["path"], match["operator"], match["wanted"])
    if condition.path == "op":
        wanted = _OPS.get(condition.wanted, condition.wanted)
        condition = Condition("op", condition.operator, wanted)
    if condition.path == "changed" and condition.operator not in ("=", "!="):
        raise WalflowError(
            f"--filter {text}: a column has changed or not: changed=NAME or changed!=NAME.",
            ExitCode.USAGE,
        )
    if condition.operator == "~":
        try:
            re.compile(condition.wanted)
        except re.error as error:
            raise WalflowError(
                f"--filter {text}: {condition.wanted} is no regular expression: {error}.",
                ExitCode.USAGE,
            ) from error
    return condition.holds


def _has_key(event: Event, wanted: str) -> bool:
    """Whether the key, or one of its columns, is this."""
    datum = event.key.datum
    values = datum.values() if isinstance(datum, dict) else [datum]
    return any(_text(value) == wanted for value in values)


def _value(event: Event, path: str) -> Any:
    head, _, rest = path.partition(".")
    values: dict[str, Any] = {
        "op": event.kind.value,
        "partition": event.record.partition,
        "offset": event.record.offset,
        "key": event.key.datum,
        "value": event.value.datum,
        "before": event.before,
        "after": event.after,
        "source": event.source,
    }
    found = values[head]
    for name in rest.split(".") if rest else ():
        if not isinstance(found, dict) or name not in found:
            return _ABSENT
        found = found[name]
    return found


def _compares(found: str, operator: str, wanted: str) -> bool:
    match operator:
        case "=":
            return found == wanted
        case "!=":
            return found != wanted
        case "~":
            return re.search(wanted, found) is not None
    left, right = _number(found), _number(wanted)
    if left is None or right is None:
        order = (found > wanted) - (found < wanted)
    else:
        order = (left > right) - (left < right)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    """As it is shown: null, true, numbers as they are, texts without quotes."""
    match plain(value):
        case None:
            return "null"
        case bool() as truth:
            return str(truth).lower()
        case str() as text:
            return text
        case other:
            return str(other)
