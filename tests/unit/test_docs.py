"""The documentation says what the code does: each claim that can be checked is checked here."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.main import get_command

from docs import generate_cli
from walflow.cli.app import app
from walflow.doctor.catalogue import CHECKS
from walflow.doctor.checks.connector_settings import RULES
from walflow.doctor.finding import Severity
from walflow.errors import ExitCode
from walflow.install.prerequisites import APT
from walflow.settings import HOME, SETTINGS_FILE

README = HOME / "README.md"
PAGES = [README, *sorted((HOME / "docs").glob("*.md"))]
WRITTEN = [page for page in PAGES if page != generate_cli.PAGE]
"""Pages by hand; docs/cli.md is compared as a whole."""

FENCED = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MAKE = re.compile(r"(?:[A-Z_]+=\S+ )*make (?:[A-Z_]+=\S+ )*([a-z-]+)")
WALFLOW = re.compile(r"(?<![\w./-])(?:\.venv/bin/)?walflow((?: [^\s#|;&()…]+)+)")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
CHECK_ROW = re.compile(
    r"^\| `([a-z-]+)` \| ((?:loses data|stalls|worth knowing|each its own)[^|]*?) \|", re.MULTILINE
)
ROW = re.compile(r"^\| `([^`]+)` \| (?:`([^`]*)` \|)?", re.MULTILINE)


def code_of(page: Path) -> Iterator[str]:
    """Each line of a page's code blocks, and each piece of code within its text."""
    text = page.read_text()
    for block in FENCED.findall(text):
        yield from (line.strip() for line in block.splitlines())
    yield from INLINE.findall(FENCED.sub("", text))


def shown(pattern: re.Pattern[str]) -> list[Any]:
    """What a pattern finds in the code of the pages by hand, as test parameters with the page's name."""
    found = {
        (page.name, match[1].strip())
        for page in WRITTEN
        for line in code_of(page)
        for match in pattern.finditer(line)
        if pattern is not MAKE or match.start() == 0
    }
    return [pytest.param(name, text, id=f"{name}: {text}") for name, text in sorted(found)]


def anchors_of(page: Path) -> set[str]:
    """The anchors that a Markdown page gets for its headings."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def documented_settings() -> dict[str, dict[str, str]]:
    """Section → key → default, as docs/settings.md shows them."""
    parts = re.split(r"^## `\[(\w+)\]`$", (HOME / "docs" / "settings.md").read_text(), flags=re.M)
    return {
        name: dict(ROW.findall(text)) for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 150


def test_readme_names_the_packages_that_the_installation_asks_for() -> None:
    assert APT in README.read_text()


@pytest.mark.parametrize(("page", "target"), shown(MAKE))
def test_each_make_command_shown_exists(page: str, target: str) -> None:
    assert target in TARGET.findall((HOME / "Makefile").read_text()), page


@pytest.mark.parametrize(("page", "arguments"), shown(WALFLOW))
def test_each_walflow_command_shown_is_understood(page: str, arguments: str) -> None:
    command: Any = get_command(app)
    words = shlex.split(arguments)
    if words[0] == "--mode":
        assert words[1] in ("local", "compose"), page
        words = words[2:] or ["--help"]
    name = "walflow"
    while words and words[0] in getattr(command, "commands", {}):
        name = words.pop(0)
        command = command.commands[name]
    assert not hasattr(command, "commands") or words == ["--help"], f"{page}: no such command"
    if words != ["--help"]:
        command.make_context(name, words)  # raises what the command line would say


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = [link for link in LINK.findall(FENCED.sub("", page.read_text())) if "://" not in link]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


def test_each_setting_is_documented_with_its_default_and_no_other() -> None:
    shipped = tomllib.loads(SETTINGS_FILE.read_text())
    assert f'`"{shipped.pop("mode")}"` (the default)' in (HOME / "docs" / "settings.md").read_text()
    expected = {
        section: {key: json.dumps(value) for key, value in keys.items()}
        for section, keys in shipped.items()
    }
    assert documented_settings() == expected


def test_settings_named_in_the_pages_exist() -> None:
    """`section.key` and WALFLOW_SECTION__KEY, wherever they stand."""
    shipped = tomllib.loads(SETTINGS_FILE.read_text())
    sections = "|".join(shipped)
    for page in WRITTEN:
        text = "\n".join(code_of(page))
        named = re.findall(rf"^({sections})\.((?!(?:py|yaml)$)[a-z_]+)$", text, re.M)
        named += re.findall(r"WALFLOW_([A-Z]+)__([A-Z_]+)", text)
        for section, key in named:
            assert key.lower() in shipped[section.lower()], f"{page.name}: {section}.{key}"


def test_cli_reference_is_current() -> None:
    current = generate_cli.page()
    assert generate_cli.PAGE.read_text() == current, "run .venv/bin/python -m docs.generate_cli"


def test_each_exit_code_has_a_meaning() -> None:
    assert set(generate_cli.MEANINGS) == set(ExitCode)


def test_each_direct_dependency_is_documented_and_no_other() -> None:
    packages = {
        name
        for file in (HOME / "requirements").glob("*.in")
        for name in REQUIREMENT.findall(file.read_text())
    }
    elements = ElementTree.parse(HOME / "pom.xml").iter(
        "{http://maven.apache.org/POM/4.0.0}artifactId"
    )
    artifacts = {str(element.text) for element in elements} - {"jars"}  # the project itself
    rows = ROW.findall((HOME / "docs" / "dependencies.md").read_text())
    assert {name for name, _ in rows} == packages | artifacts


def test_each_check_of_the_doctor_is_documented_with_its_severity_and_no_other() -> None:
    rows = CHECK_ROW.findall((HOME / "docs" / "doctor.md").read_text())
    assert {name for name, _ in rows} == {check.name for check in CHECKS}
    words = {severity.value for severity in Severity}
    assert all(set(told.split(", ")) <= words for name, told in rows if name != "connector-setting")


def test_each_rule_for_settings_of_a_connector_is_documented() -> None:
    text = (HOME / "docs" / "doctor.md").read_text()
    for rule in RULES:
        values = ", ".join(
            f"`{word}`" if word else "unset"
            for word in sorted(rule.wrong, key=lambda word: (word == "", word))
        )
        assert f"| `{rule.key}` | {values} | {rule.severity.value} |" in text
