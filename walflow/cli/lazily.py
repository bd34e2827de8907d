"""Commands that are imported when they are used: to import all of them takes a second of CPU."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

SETTINGS: dict[str, Any] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "add_completion": False,
    "rich_markup_mode": None,
}
"""Of every Typer here, so that a command is the same wherever it hangs."""
MODULES = {
    "up": "stack",
    "down": "stack",
    "restart": "stack",
    "status": "status",
    "trace": "trace",
    "canary": "canary",
    "logs": "stack",
    "monitor": "monitor",
    "demo": "stack",
    "doctor": "doctor",
    "metrics": "metrics",
    "verify": "verify",
    "repair": "repair",
    "recount": "recount",
    "snapshot": "snapshot",
    "recover": "recover",
    "version": "version",
    "connectors": "connectors",
    "plugins": "plugins",
    "loggers": "loggers",
    "topics": "topics",
    "schemas": "schemas",
    "tables": "tables",
    "deadletters": "deadletters",
}
"""Command → module of walflow.cli, in the order of `walflow --help`. The module has `app` with
commands of its own, or a function of the command's name."""


class _Commands(MutableMapping[str, Any]):
    """Name → click's command, made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = dict.fromkeys(MODULES)

    def __getitem__(self, name: str) -> Any:
        if self._made[name] is None:
            self._made[name] = _made(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class LazyGroup(TyperGroup):
    """Click's group of all commands of `MODULES`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: Any = _Commands()


def _made(name: str) -> Any:
    module = import_module(f"walflow.cli.{MODULES[name]}")
    holder = typer.Typer(**SETTINGS)
    holder.callback()(_nothing)  # with one, a single command too stays a command of a group
    commands: typer.Typer | None = getattr(module, "app", None)
    if commands is not None:
        holder.add_typer(commands, name=name)
    else:
        holder.command(name)(getattr(module, name))
    command: Any = get_command(holder)
    return command.commands[name]


def _nothing() -> None:
    return None
