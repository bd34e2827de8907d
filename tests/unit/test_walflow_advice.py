"""Commands in sentences act on the stack that the sentence is about, in whatever shell."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from walflow import settings
from walflow.advice import program, ticked, typed
from walflow.cli.lazily import MODULES
from walflow.monitor.server import STATIC, page
from walflow.settings import HOME

COMMAND = re.compile(rf"\bwalflow ({'|'.join(MODULES)})\b")
NAMED = HOME / "walflow" / "metrics" / "definitions.py"
"""Descriptions of metrics name commands, and advise none."""


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


def _file_with(monkeypatch: pytest.MonkeyPatch, folder: Path, mode: str) -> None:
    text = settings.SETTINGS_FILE.read_text()
    file = folder / f"{mode}.toml"
    file.write_text(text.replace('mode = "local"', f'mode = "{mode}"'))
    monkeypatch.setattr(settings, "SETTINGS_FILE", file)


@pytest.mark.parametrize(
    ("in_file", "in_environment", "expected"),
    [
        ("local", None, "walflow"),
        ("local", "local", "walflow"),
        ("local", "compose", "walflow --mode compose"),
        ("compose", None, "walflow"),
        ("compose", "compose", "walflow"),
        ("compose", "local", "walflow --mode local"),
    ],
)
def test_the_mode_is_named_where_a_plain_command_would_act_in_another(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    in_file: str,
    in_environment: str | None,
    expected: str,
) -> None:
    monkeypatch.delenv("WALFLOW_MODE", raising=False)
    if in_environment is not None:
        monkeypatch.setenv("WALFLOW_MODE", in_environment)
    _file_with(monkeypatch, tmp_path, in_file)

    assert program() == expected
    assert typed("up kafka") == f"{expected} up kafka"
    assert ticked("logs stream") == f"`{expected} logs stream`"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "See `walflow status`."),
        (("--mode", "compose"), "See `walflow --mode compose status`."),
    ],
)
def test_a_command_that_was_given_a_mode_advises_commands_with_it(
    tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    nobody = {"WALFLOW_PORTS__OFFSET": "29000", "WALFLOW_PATHS__RUN": str(tmp_path)}
    plain = {name: value for name, value in os.environ.items() if name != "WALFLOW_MODE"}
    answer = subprocess.run(
        [HOME / ".venv" / "bin" / "walflow", *arguments, "connectors", "list"],
        env=plain | nobody,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert answer.returncode == 3
    assert expected in answer.stderr


@pytest.mark.parametrize("folder", ["walflow", "spark"])
def test_no_sentence_has_a_command_that_is_not_made_for_the_mode(folder: str) -> None:
    found = [
        f"{file.relative_to(HOME)}:{line}: {text}"
        for file in sorted((HOME / folder).rglob("*.py"))
        if file != NAMED
        for line, text in _texts(ast.parse(file.read_text()))
        if COMMAND.search(text)
    ]

    assert found == []


def test_no_page_of_the_monitor_has_one_either() -> None:
    for file in STATIC.rglob("*"):
        if file.suffix in (".js", ".html") and "vendor" not in file.parts:
            shown = "\n".join(
                line
                for line in file.read_text().splitlines()
                if not line.lstrip().startswith(("//", "/**"))
            )
            assert COMMAND.search(shown) is None, file.name


@pytest.mark.parametrize(
    ("mode", "expected"), [("local", "walflow"), ("compose", "walflow --mode compose")]
)
def test_the_monitors_page_is_sent_with_what_a_command_line_begins_with(
    monkeypatch: pytest.MonkeyPatch, mode: str, expected: str
) -> None:
    monkeypatch.setenv("WALFLOW_MODE", mode)

    assert f'<html lang="en" data-program="{expected}">' in page()
    assert f"<code>{expected} status --watch</code>" in page()
    assert "document.documentElement.dataset.program" in (STATIC / "format.js").read_text()


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Strings that may be shown: no docstrings, and no help of the command line, which is of no mode."""
    passed_over: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()) | ast.keyword(arg="help"):
                passed_over.update(ast.walk(node.value))
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node not in passed_over:
                yield node.lineno, text
