"""The counts of an aggregate: GROUP BY in PostgreSQL against the table in Cassandra, while changes flow.

A count may lag when it is read, so what counts is a difference that outlives the lag. A round

1. reads Cassandra's counts, then PostgreSQL's: groups that are equal are done;
2. waits until everything that PostgreSQL had committed by then is counted;
3. reads both again, Cassandra first: what is equal is done.

A group is proven different if neither side changed it from (1) to (3): in PostgreSQL it has the same
rows with the same versions (`xmin`), in Cassandra the count has the same write time. Then what Cassandra
shows is the count as of (2), and PostgreSQL's was the same all the while. What changed goes round again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cassandra.cluster import Session

from walflow.advice import ticked
from walflow.aggregates import COUNT, COUNTABLE, Aggregate, written
from walflow.errors import WalflowError
from walflow.settings import Settings
from walflow.tables import topic_of
from walflow.verify import source, target
from walflow.verify.barrier import COUNTED, Barrier
from walflow.verify.catalog import SourceTable, captured_tables, quoted
from walflow.verify.plan import CannotTell
from walflow.verify.results import Cell, ColumnDifference, Difference, Kind, TableResult
from walflow.verify.rows import values

MAX_ROUNDS = 20

Group = tuple[str, ...]
"""A group's values as Cassandra's table has them."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a group has on one side."""

    number: int
    version: str
    """What changes with every change of the group."""


Counts = dict[Group, Count]


class CountsComparison:
    """Compares one aggregate.

    Args:
        cursor, session: those of `verify.source.connected` and `verify.target.connected`.
        show: told how many groups are still open, and what is waited for.
    """

    def __init__(
        self,
        settings: Settings,
        cursor: Any,
        session: Session,
        aggregate: Aggregate,
        barrier_seconds: float,
        show: Callable[[int, str], None],
    ) -> None:
        self._settings = settings
        self._cursor = cursor
        self._session = session
        self._aggregate = aggregate
        self._barrier_seconds = barrier_seconds
        self._show = show

    def compare(self, limit: int) -> TableResult:
        """Compare every group; whatever goes wrong is in the result.

        Args:
            limit: how many differences the result keeps.
        """
        aggregate = self._aggregate
        result = TableResult(aggregate.name, aggregate.target)
        began = time.monotonic()
        try:
            with source.failures_told(), target.failures_told():
                for difference in self._differences(result):
                    result.add(difference, limit)
        except WalflowError as error:
            result.unknown = error.sentence
        result.seconds = time.monotonic() - began
        return result

    def _differences(self, result: TableResult) -> list[Difference]:
        query = self._source_query()
        self._require_target()
        barrier: Barrier | None = None
        proven: list[Difference] = []
        suspects: set[Group] | None = None
        for _ in range(MAX_ROUNDS):
            before = self._target_counts(), self._source_counts(query)
            result.source_rows, result.target_rows = len(before[1]), len(before[0])
            suspects = unequal(*before, suspects)
            if not suspects:
                return proven
            self._show(len(suspects), "waiting until their changes are counted")
            barrier = barrier or self._barrier()
            barrier.wait(source.insert_position(self._cursor))
            after = self._target_counts(), self._source_counts(query)
            different, suspects = settled(before, after, suspects)
            proven += [self._difference(group, *after) for group in sorted(different)]
            if not suspects:
                return proven
        raise CannotTell(
            f"{len(suspects or ())} groups of {self._aggregate.name} changed in each of {MAX_ROUNDS}"
            " readings and were never seen equal. Run verify again when they change less often."
        )

    def _barrier(self) -> Barrier:
        aggregate = self._aggregate
        topic = topic_of(self._settings.topics.prefix, aggregate.schema, aggregate.table)
        return Barrier(self._settings, self._session, topic, self._barrier_seconds, COUNTED)

    def _source_query(self) -> str:
        (table,) = captured_tables(self._cursor, [self._aggregate.source])
        return counting_query(self._aggregate, table)

    def _source_counts(self, query: str) -> Counts:
        """PostgreSQL's; groups that a mask makes one are summed."""
        self._cursor.execute(query)
        found: Counts = {}
        for *parts, number, version in self._cursor.fetchall():
            group = tuple(
                written(column.shown(part))
                for column, part in zip(self._aggregate.columns, parts, strict=True)
            )
            same = found.get(group)
            found[group] = (
                Count(number, str(version))
                if same is None
                else Count(same.number + number, f"{same.version} {version}")
            )
        return found

    def _require_target(self) -> None:
        aggregate = self._aggregate
        if target.table_of(self._session, aggregate.keyspace, aggregate.name) is None:
            raise CannotTell(
                f"Cassandra has no table {aggregate.target}. {ticked('up')} makes it, and so does the"
                " stream when it starts."
            )

    def _target_counts(self) -> Counts:
        """Cassandra's; the session's rows are bytes."""
        aggregate = self._aggregate
        width = len(aggregate.columns)
        statement = self._session.prepare(
            f"SELECT {aggregate.key_columns}, {COUNT}, writetime({COUNT}) FROM {aggregate.target}"
        )
        found: Counts = {}
        result = self._session.execute(statement)
        while True:
            for page in result.current_rows:
                fields = values(page.data)
                for start in range(0, len(fields), width + 2):
                    *key, number, write_time = fields[start : start + width + 2]
                    group = tuple((part or b"").decode() for part in key)
                    count = int.from_bytes(number or b"", "big", signed=True)
                    found[group] = Count(count, (write_time or b"").hex())
            if not result.has_more_pages:
                return found
            result.fetch_next_page()

    def _difference(self, group: Group, in_target: Counts, in_source: Counts) -> Difference:
        there, here = in_source.get(group), in_target.get(group)
        kind = Kind.DIFFERENT
        if there is None or here is None:
            kind = Kind.EXTRA if there is None else Kind.MISSING
        return Difference(
            table=self._aggregate.name,
            kind=kind,
            key=tuple(
                Cell(column.name, value)
                for column, value in zip(self._aggregate.columns, group, strict=True)
            ),
            target_key=tuple(part.encode() for part in group),
            columns=(
                ColumnDifference(
                    COUNT,
                    COUNT,
                    None if there is None else str(there.number),
                    None if here is None else str(here.number),
                ),
            ),
        )


def counting_query(aggregate: Aggregate, table: SourceTable) -> str:
    """SQL of a group's values, its number of rows, and what changes with every change of these.

    Raises:
        CannotTell: a column is not there, or of a type by which rows are not counted.
    """
    by_name = {column.name: column for column in table.columns}
    for column in aggregate.columns:
        found = by_name.get(column.source)
        if found is None:
            raise CannotTell(
                f"{aggregate.source} has no published column {column.source}, by which"
                f" aggregates.{aggregate.name} counts. See pipeline.toml."
            )
        kind = found.type
        if kind.name not in COUNTABLE and (not kind.is_enum or kind.element is not None):
            raise CannotTell(
                f"{aggregate.source}: aggregates.{aggregate.name} counts by {column.source}, a"
                f" {found.declared}. Rows are counted by text, integers, boolean, uuid and enums."
            )
    parts = [column.expression(f"t.{quoted(column.source)}") for column in aggregate.columns]
    places = ", ".join(str(n) for n in range(1, len(parts) + 1))
    key = ", ".join(f"t.{quoted(name)}::text" for name in table.key)
    # Rows are numbered by hashes of key and version; their sum changes with each of them.
    return (
        f"SELECT {', '.join(parts)}, count(*),"
        f" sum(hashtextextended(concat_ws(' ', {key}, t.xmin), 0)::numeric)"
        f" FROM {table.from_clause} AS t GROUP BY {places} ORDER BY {places}"
    )


def unequal(in_target: Counts, in_source: Counts, among: set[Group] | None) -> set[Group]:
    """The groups whose numbers differ, of all or of those that are open."""
    groups = in_target.keys() | in_source.keys() if among is None else among
    return {group for group in groups if _number(in_target, group) != _number(in_source, group)}


def settled(
    before: tuple[Counts, Counts], after: tuple[Counts, Counts], suspects: set[Group]
) -> tuple[set[Group], set[Group]]:
    """The suspects that are proven different, and those that changed and go round again.

    Args:
        before, after: Cassandra's and PostgreSQL's counts, each side's before and after the wait.
    """
    still = unequal(*after, suspects)
    proven = {
        group
        for group in still
        if all(was.get(group) == now.get(group) for was, now in zip(before, after, strict=True))
    }
    return proven, still - proven


def _number(counts: Counts, group: Group) -> int | None:
    found = counts.get(group)
    return None if found is None else found.number
