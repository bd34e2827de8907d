"""How two Avro schemas differ, told by record and field."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

_STRUCTURE = {"name", "namespace", "type", "fields", "items", "values", "symbols", "size", "doc"}
"""What is told by other means than as an attribute."""

Aspects = dict[str, str]
"""Name → value of what makes a field what it is: its type, its default, what Connect noted of it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is in one of two schemas, or otherwise in the other."""

    where: str
    """A record's name, or `record.field`."""
    aspect: str
    """field, type, default, symbols… or an attribute such as connect.name."""
    before: str | None
    """None: it was not there."""
    after: str | None
    """None: it is not there any more."""

    @property
    def line(self) -> str:
        if self.before is None:
            return f"+ {self.where}: {self.aspect} {self.after}"
        if self.after is None:
            return f"- {self.where}: {self.aspect} {self.before}"
        return f"~ {self.where}: {self.aspect} {self.before} → {self.after}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def differences(before: Any, after: Any) -> list[Difference]:
    """What has come, gone or changed from one schema to another, in the order of their fields."""
    old, new = _parts(before), _parts(after)
    found: list[Difference] = []
    for where in dict.fromkeys([*old, *new]):
        if where not in new:
            found.append(Difference(where, "field", _told(old[where]), None))
        elif where not in old:
            found.append(Difference(where, "field", None, _told(new[where])))
        else:
            found += _changed(where, old[where], new[where])
    return found


def _changed(where: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for aspect in dict.fromkeys([*old, *new]):
        if old.get(aspect) != new.get(aspect):
            yield Difference(where, aspect, old.get(aspect), new.get(aspect))


def _told(aspects: Mapping[str, str]) -> str:
    default = f", default {aspects['default']}" if "default" in aspects else ""
    return f"{aspects.get('type', '')}{default}"


def _parts(schema: Any) -> dict[str, Aspects]:
    """Where → aspects, of every named type and every field of a schema."""
    found: dict[str, Aspects] = {}
    _collect(schema, found)
    if not found:
        found["(schema)"] = {"type": type_text(schema), **_attributes(schema)}
    return found


def _collect(schema: Any, found: dict[str, Aspects]) -> None:
    match schema:
        case list():
            for branch in schema:
                _collect(branch, found)
        case {"type": "record" | "error", "name": name, "fields": fields}:
            found[name] = {"type": "record", **_attributes(schema)}
            for field in fields:
                found[f"{name}.{field['name']}"] = _aspects(field)
            for field in fields:
                _collect(field["type"], found)
        case {"type": "enum", "name": name, "symbols": symbols}:
            found[name] = {"type": "enum", "symbols": ", ".join(symbols), **_attributes(schema)}
        case {"type": "fixed", "name": name, "size": size}:
            found[name] = {"type": f"fixed of {size} bytes", **_attributes(schema)}
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            _collect(inner, found)
        case {"type": dict() | list() as inner}:
            _collect(inner, found)


def _aspects(field: Mapping[str, Any]) -> Aspects:
    aspects = {"type": type_text(field["type"])}
    if "default" in field:
        aspects["default"] = _json(field["default"])
    for branch in field["type"] if isinstance(field["type"], list) else [field["type"]]:
        if isinstance(branch, dict) and branch.get("type") not in ("record", "enum", "fixed"):
            aspects |= _attributes(branch)
    return aspects | _attributes(field)


def _attributes(schema: Any) -> Aspects:
    """What Connect and others noted beside Avro's own words, such as `connect.parameters`."""
    if not isinstance(schema, dict):
        return {}
    found: Aspects = {}
    for name, value in schema.items():
        if name == "connect.parameters" and isinstance(value, dict):
            found |= {key: _json(each) for key, each in value.items()}
        elif name not in _STRUCTURE and name != "default":
            found[name] = _json(value)
    return found


def type_text(schema: Any) -> str:
    """A type in a few words: `null | string`, `array of long`, `record Value`."""
    match schema:
        case str():
            return schema.rpartition(".")[2]
        case list():
            return " | ".join(type_text(branch) for branch in schema)
        case {"type": "array", "items": inner}:
            return f"array of {type_text(inner)}"
        case {"type": "map", "values": inner}:
            return f"map of {type_text(inner)}"
        case {"type": "record" | "enum" | "fixed" | "error", "name": name}:
            # Later it is named only: where it is described first is no difference.
            return str(name)
        case {"type": inner, **rest}:
            logical = rest.get("connect.name") or rest.get("logicalType")
            return f"{type_text(inner)} ({logical})" if logical else type_text(inner)
    return str(schema)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
