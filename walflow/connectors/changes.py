"""What a new configuration changes of the one that is there, without a secret in sight."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from walflow.connectors.secrets import MASK, is_secret


@dataclass(frozen=True, slots=True)
class Change:
    """One setting; a value that is a secret is masked."""

    name: str
    before: str | None
    """None: it was not set."""
    after: str | None
    """None: it is set no more."""

    @property
    def line(self) -> str:
        if self.before is None:
            return f"+ {self.name}: {self.after}"
        if self.after is None:
            return f"- {self.name}: {self.before}"
        return f"~ {self.name}: {self.before} → {self.after}"

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "before": self.before, "after": self.after}


def changes(
    before: Mapping[str, str], after: Mapping[str, str], passwords: Set[str] = frozenset()
) -> list[Change]:
    """The settings in which two configurations differ, by name."""

    def shown(name: str, value: str | None) -> str | None:
        return MASK if value is not None and is_secret(name, value, passwords) else value

    return [
        Change(name, shown(name, before.get(name)), shown(name, after.get(name)))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
