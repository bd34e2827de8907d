"""docs/runbook.md as commands with what they print."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from walflow.settings import HOME

PAGE = HOME / "docs" / "runbook.md"
ANYTHING = "…"
_SECTION = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n\$ (.+?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SQL = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A command of the page and the lines below it."""

    command: str
    output: tuple[str, ...]

    def with_names(self, names: Mapping[str, str]) -> "Step":
        """The same about what is really there: each name of the page replaced."""

        def replaced(text: str) -> str:
            for name, real in names.items():
                text = text.replace(name, real)
            return text

        return Step(replaced(self.command), tuple(replaced(line) for line in self.output))

    @property
    def arguments(self) -> list[str]:
        program, *words = shlex.split(self.command)
        assert program == "walflow", self.command
        return words

    def missing_from(self, printed: str) -> list[str]:
        """The lines of the page that were not printed, in their order; … stands for anything."""
        left = list(self.output)
        for line in printed.splitlines():
            if left and _pattern(left[0]).fullmatch(line.rstrip()):
                left.pop(0)
        return left


def statements(symptom: str) -> list[str]:
    """The SQL of a section of the page."""
    sections = dict(_SECTION.findall(PAGE.read_text()))
    return [text.strip() for text in _SQL.findall(sections[symptom])]


def steps(symptom: str) -> list[Step]:
    """The commands of a section of the page, in their order."""
    sections = dict(_SECTION.findall(PAGE.read_text()))
    return [
        Step(command, tuple(filter(None, output.splitlines())))
        for command, output in _CONSOLE.findall(sections[symptom])
    ]


def _pattern(line: str) -> re.Pattern[str]:
    """Any number of spaces is as good as another, and … stands for anything, or nothing."""
    indent = len(line) - len(line.lstrip())
    parts = [re.escape(part) for part in re.split(r"\s+", line.strip())]
    text = r"\s+".join(parts)
    return re.compile(rf"\s{{{indent}}}" + re.sub(rf"(?:\\s\+)?{ANYTHING}(?:\\s\+)?", ".*", text))
