"""Writes docs/cli.md from the commands' own --help: `.venv/bin/python -m docs.generate_cli`."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from walflow.cli.app import app
from walflow.errors import ExitCode
from walflow.settings import HOME

PAGE = Path(__file__).resolve().parent / "cli.md"
WIDTH = 98
UNWRAPPED = 10_000
"""Help is asked for without line breaks: a path within it would move them from checkout to checkout."""

INTRODUCTION = """\
# Command line

<!-- Written by docs/generate_cli.py from --help. Do not edit: change the command and run
     .venv/bin/python -m docs.generate_cli -->

`make install` puts the command at `.venv/bin/walflow`; it works from any directory. Data goes to
stdout, messages to stderr. Every command reads [pipeline.toml](settings.md).

## Exit codes

| code | name | meaning |
|---:|---|---|
"""

MEANINGS = {
    ExitCode.OK: "The command did what it was asked.",
    ExitCode.FAILED: "It ran, and what it was asked to do or to see did not come true.",
    ExitCode.USAGE: (
        "The command line, a file named on it, or `pipeline.toml` is wrong; nothing was done."
    ),
    ExitCode.NOT_READY: (
        "The machine or the stack lacks something: a port, a program, disk, a running service."
    ),
    ExitCode.INTERRUPTED: "Ctrl-C; `walflow up` has stopped again what it had started.",
}


def page() -> str:
    """The whole page, as it should be."""
    codes = [f"| {code.value} | `{code.name}` | {MEANINGS[code]} |" for code in ExitCode]
    command = get_command(app)
    context = command.make_context(
        "walflow", [], resilient_parsing=True, terminal_width=UNWRAPPED, max_content_width=UNWRAPPED
    )
    helps = [f"## {name}\n\n```text\n{text}\n```" for name, text in _helps(command, context)]
    return INTRODUCTION + "\n".join(codes) + "\n\n" + "\n\n".join(helps) + "\n"


def _helps(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """Name and help of a command and of all below it; Any, since Typer brings its own click."""
    text = command.get_help(context).replace(f"{HOME}/", "")
    yield context.command_path, "\n".join(_wrapped(line) for line in text.splitlines())
    for name, child in getattr(command, "commands", {}).items():
        below = type(context)(
            child,
            parent=context,
            info_name=name,
            terminal_width=UNWRAPPED,
            max_content_width=UNWRAPPED,
        )
        yield from _helps(child, below)


def _wrapped(line: str) -> str:
    """A line broken at WIDTH, continued under its description if it is one of a list."""
    listed = re.match(r"  \S.*?  +(?=\S)", line)
    indent = len(listed[0]) if listed else len(line) - len(line.lstrip())
    return textwrap.fill(
        line,
        WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(HOME)}")
