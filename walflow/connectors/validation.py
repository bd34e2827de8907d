"""Connect's own check of a configuration, before anything is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from walflow.connectors.plugins import connectors, installed
from walflow.connectors.transport import Transport, require_ok
from walflow.errors import ExitCode, WalflowError

_NULL = "Value must be non-null"


@dataclass(frozen=True, slots=True)
class Validation:
    """What a plugin says of a configuration."""

    errors: tuple[str, ...]
    """Each with the name of its setting."""
    passwords: frozenset[str]
    """The settings that the plugin declares to be of type PASSWORD."""


def validate(transport: Transport, name: str, config: Mapping[str, str], source: str) -> Validation:
    """Ask the plugin of `connector.class`; it may look at the system that it will read or write.

    Args:
        source: where the configuration comes from.

    Raises:
        WalflowError: Connect does not answer, or has no such plugin, which names those that it has.
    """
    kind = config.get("connector.class")
    if not kind:
        raise WalflowError(f"{source}: connector {name} has no connector.class.", ExitCode.USAGE)
    path = f"/connector-plugins/{quote(kind, safe='')}/config/validate"
    answer = transport.call("PUT", path, {**config, "name": name})
    if not answer.ok:
        _require_plugin(transport, kind, f"{source}: connector {name}")
    require_ok(answer, f"{source}: connector {name}")
    return _validation(answer)


def require_valid(
    transport: Transport, name: str, config: Mapping[str, str], source: str
) -> Validation:
    """The same, and refuse a configuration with errors.

    Raises:
        WalflowError: as `validate`, or with a sentence for each field.
    """
    validation = validate(transport, name, config, source)
    if validation.errors:
        raise WalflowError(
            f"Connect refuses connector {name}; nothing was changed.\n"
            + "\n".join(f"{source}: {error}" for error in validation.errors)
        )
    return validation


def _validation(answer: requests.Response) -> Validation:
    fields: list[dict[str, Any]] = answer.json()["configs"]
    return Validation(
        tuple(
            f"{field['value']['name']}: {_sentence(error)}"
            for field in fields
            for error in _telling(field["value"]["errors"])
        ),
        frozenset(
            field["definition"]["name"]
            for field in fields
            if (field.get("definition") or {}).get("type") == "PASSWORD"
        ),
    )


def _telling(errors: list[str]) -> list[str]:
    """Without what only follows: a value that cannot be read is null to the checks behind that."""
    return [error for error in errors if not error.endswith(_NULL)] or errors


def _sentence(error: str) -> str:
    return error if error.endswith((".", "!", "?")) else f"{error}."


def _require_plugin(transport: Transport, kind: str, what: str) -> None:
    known = connectors(installed(transport))
    if not any(plugin.is_called(kind) for plugin in known):
        names = ", ".join(dict.fromkeys(plugin.name for plugin in known)) or "none"
        raise WalflowError(
            f"{what}: Connect has no plugin {kind}. Connectors can be of: {names}.", ExitCode.USAGE
        )
