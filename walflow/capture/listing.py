"""The captured tables, each with its target and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from walflow.advice import ticked
from walflow.capture import include_list
from walflow.capture.catalog import SourceTable, find_table, published_tables, split_name
from walflow.capture.connector import capturing, connect_api, unpublished
from walflow.capture.problems import Problem, not_there, problems_of, shared_targets
from walflow.capture.source import CAPTURE_ROLE, connected
from walflow.errors import WalflowError
from walflow.settings import Settings
from walflow.tables import TableRules


@dataclass(frozen=True, slots=True)
class CapturedTable:
    name: str
    target: str
    """`keyspace.table` in Cassandra."""
    is_published: bool
    is_included: bool | None
    """Whether the connector takes it; None where there is no connector to ask."""
    identity: str
    rows_estimate: int | None
    problems: tuple[Problem, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "table": self.name,
            "target": self.target,
            "published": self.is_published,
            "included": self.is_included,
            "replica_identity": self.identity,
            "rows_estimate": self.rows_estimate,
            "problems": [problem.as_dict() for problem in self.problems],
        }


def captured_tables(settings: Settings) -> list[CapturedTable]:
    """What the publication holds and what the connector names, in the order of their names.

    Raises:
        WalflowError: PostgreSQL does not answer. Where Connect does not, the connector is left out.
    """
    config = _live_config(settings)
    rules = TableRules.of(settings)
    with connected(settings) as connection, connection.cursor() as cursor:
        tables: dict[str, SourceTable | None] = {t.full_name: t for t in published_tables(cursor)}
        for name in include_list.literal_names(config) if config is not None else ():
            if name not in tables:
                tables[name] = find_table(cursor, *split_name(name))
    targets = shared_targets([rules.rule(*split_name(name)) for name in tables])
    found = []
    for name, table in sorted(tables.items()):
        rule = rules.rule(*split_name(name))
        is_included = None if config is None else include_list.captures(config, name)
        problems = [targets[name]] if name in targets else []
        if table is None:
            problems.append(not_there(*split_name(name)))
        else:
            problems += [
                *problems_of(table, rule),
                *unpublished(table),
                *_unread(table, is_included),
            ]
        found.append(
            CapturedTable(
                name,
                f"{rule.keyspace}.{rule.table}",
                table is not None and table.is_published,
                is_included,
                table.identity if table is not None else "",
                None if table is None or table.rows_estimate < 0 else table.rows_estimate,
                tuple(problems),
            )
        )
    return found


def _unread(table: SourceTable, is_included: bool | None) -> list[Problem]:
    found = []
    if is_included is False:
        found.append(
            Problem(
                f"The connector does not take {table.full_name} ({include_list.SETTING});"
                f" {ticked(f'tables add {table.full_name}')} has it do so and reads the rows."
            )
        )
    if not table.is_readable:
        found.append(
            Problem(
                f"{CAPTURE_ROLE} may not read {table.sql_name}, so a snapshot would fail.",
                (f"GRANT SELECT ON {table.sql_name} TO {CAPTURE_ROLE}",),
            )
        )
    return found


def _live_config(settings: Settings) -> Mapping[str, str] | None:
    try:
        return capturing(connect_api(settings)).config
    except WalflowError:
        return None
