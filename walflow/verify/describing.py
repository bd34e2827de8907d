"""A row that differs, as a value to print and to repair by."""

from collections.abc import Iterable

from walflow.verify.conversions import UNREPRESENTABLE
from walflow.verify.display import shown
from walflow.verify.plan import Plan
from walflow.verify.results import Cell, ColumnDifference, Difference, Kind
from walflow.verify.rows import values
from walflow.verify.settling import Sides

_TIME_BYTES = 8


def described(plan: Plan, row: Sides) -> Difference:
    """What is different about a row that both sides were read of."""
    key = values(row.key)
    source_values = values(row.source[0]) if row.source is not None else []
    kind = Kind.DIFFERENT
    if row.source is None or row.target is None:
        kind = Kind.EXTRA if row.source is None else Kind.MISSING
    return Difference(
        table=plan.source.full_name,
        kind=kind,
        key=tuple(
            Cell(column.source, shown(column.cql_type, value))
            for column, value in zip(plan.key, key, strict=True)
        ),
        target_key=tuple(value or b"" for value in key),
        columns=tuple(_columns(plan, row)) if kind is Kind.DIFFERENT else (),
        newest_write=_newest_write(plan, row),
        is_representable=UNREPRESENTABLE not in (*key, *source_values),
    )


def _columns(plan: Plan, row: Sides) -> Iterable[ColumnDifference]:
    if row.source is None or row.target is None:
        return
    pairs = zip(plan.rest, values(row.source[0]), values(row.target[0]), strict=True)
    for column, source, target in pairs:
        if source != target:
            yield ColumnDifference(
                column.source,
                column.target,
                shown(column.cql_type, source),
                shown(column.cql_type, target),
            )


def _newest_write(plan: Plan, row: Sides) -> int | None:
    """Of a collection Cassandra gives a list of times, which tells it from a single one by its size."""
    if row.target is None or not plan.rest_in_target:
        return None
    times: list[int] = []
    for value in values(row.target[1]):
        if value is not None:
            single = [value] if len(value) == _TIME_BYTES else values(value[4:])
            times += [int.from_bytes(time, "big", signed=True) for time in single if time]
    return max(times, default=None)
