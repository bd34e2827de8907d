"""A Debezium connector's `table.include.list`: regular expressions, one of which has to match.

Source: Debezium documentation, PostgreSQL connector, "table.include.list"; each expression is matched
against the whole of `schema.table`, whatever the case of its letters.
"""

import re
from collections.abc import Mapping

from walflow.advice import ticked
from walflow.errors import WalflowError

SETTING = "table.include.list"
_COMMA = re.compile(r"(?<!\\),")
_LITERAL = re.compile(r"(?:[\w.]|\\[^\w])+", re.ASCII)


def entries(text: str) -> list[str]:
    return [entry.strip() for entry in _COMMA.split(text) if entry.strip()]


def captures(config: Mapping[str, str], full_name: str) -> bool:
    """Whether a connector takes a table's changes; without a list it takes all."""
    listed = entries(config.get(SETTING, ""))
    return not listed or any(matches(entry, full_name) for entry in listed)


def literal_names(config: Mapping[str, str]) -> list[str]:
    """The entries that are the name of one table."""
    listed = entries(config.get(SETTING, ""))
    return [re.sub(r"\\(.)", r"\1", e) for e in listed if _LITERAL.fullmatch(e) and "." in e]


def with_table(config: Mapping[str, str], full_name: str) -> dict[str, str]:
    """The configuration with the table in its list."""
    if captures(config, full_name):
        return dict(config)
    listed = [*entries(config.get(SETTING, "")), _escaped(full_name)]
    return {**config, SETTING: ",".join(listed)}


def without_table(config: Mapping[str, str], full_name: str) -> dict[str, str]:
    """The configuration without the table in its list.

    Raises:
        WalflowError: another entry matches it too, or it is the only one: an empty list takes all.
    """
    listed = entries(config.get(SETTING, ""))
    left = [entry for entry in listed if entry not in (full_name, _escaped(full_name))]
    if not left:
        raise WalflowError(
            f"{full_name} is the only table that the connector captures. Without one it would capture"
            f" every table; {ticked('connectors delete')} ends the capture."
        )
    if matching := [entry for entry in left if matches(entry, full_name)]:
        raise WalflowError(
            f"The connector captures {full_name} by the pattern {matching[0]} of its {SETTING}."
            " Change the pattern in the connector's JSON and apply that."
        )
    return {**config, SETTING: ",".join(left)}


def matches(entry: str, full_name: str) -> bool:
    """Whether an expression is the whole name, whatever the case of its letters."""
    try:
        return re.fullmatch(entry, full_name, re.IGNORECASE) is not None
    except re.error:
        return False  # an expression that only Java knows


def _escaped(full_name: str) -> str:
    """A name as an expression; its dot stays, as in every list written by hand."""
    return re.sub(r"([^\w.])", r"\\\1", full_name, flags=re.ASCII)
