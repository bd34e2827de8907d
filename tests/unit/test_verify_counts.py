"""When a group's counts are proven different, and the SQL by which PostgreSQL counts."""

import pytest

from walflow.aggregates import Aggregate, group_column
from walflow.verify.catalog import SourceColumn, SourceTable
from walflow.verify.conversions import PgType
from walflow.verify.counts import Count, Counts, counting_query, settled, unequal
from walflow.verify.plan import CannotTell

GROUP = ("DE",)
OTHER = ("FR",)


def table(column_type: str) -> SourceTable:
    columns = (
        SourceColumn("id", PgType("uuid"), "uuid"),
        SourceColumn("Land", PgType(column_type), column_type),
    )
    return SourceTable("public", "people", 1, False, 0, 0, columns, ("id",))


def aggregate(text: str) -> Aggregate:
    return Aggregate("by_land", "public", "people", "ks", (group_column("land", text),))


def test_groups_of_only_one_side_are_unequal() -> None:
    in_target: Counts = {GROUP: Count(2, "t")}
    in_source: Counts = {GROUP: Count(2, "s"), OTHER: Count(1, "s")}

    assert unequal(in_target, in_source, None) == {OTHER}
    assert unequal({OTHER: Count(1, "")}, {}, None) == {OTHER}


def test_a_count_that_neither_side_changed_is_proven_different() -> None:
    sides: tuple[Counts, Counts] = ({GROUP: Count(3, "t")}, {GROUP: Count(2, "s")})

    assert settled(sides, sides, {GROUP}) == ({GROUP}, set())


@pytest.mark.parametrize(
    ("target", "source"),
    [(Count(3, "later"), Count(2, "s")), (Count(3, "t"), Count(2, "others"))],
    ids=["written meanwhile", "changed meanwhile"],
)
def test_a_count_that_changed_meanwhile_goes_round_again(target: Count, source: Count) -> None:
    before: tuple[Counts, Counts] = ({GROUP: Count(3, "t")}, {GROUP: Count(2, "s")})

    assert settled(before, ({GROUP: target}, {GROUP: source}), {GROUP}) == (set(), {GROUP})


def test_a_count_that_came_is_settled() -> None:
    before: tuple[Counts, Counts] = ({}, {GROUP: Count(2, "s")})

    assert settled(before, ({GROUP: Count(2, "t")}, before[1]), {GROUP}) == (set(), set())


def test_postgresql_counts_by_the_same_parts() -> None:
    query = counting_query(aggregate("first(Land, 2)"), table("text"))

    assert 'SELECT left(t."Land"::text, 2), count(*)' in query
    assert 'FROM ONLY "public"."people" AS t GROUP BY 1' in query


@pytest.mark.parametrize("kind", ["numeric", "timestamptz", "bpchar", "text[]"])
def test_rows_are_not_counted_by_types_whose_text_differs(kind: str) -> None:
    with pytest.raises(CannotTell, match="counts by Land"):
        counting_query(aggregate("Land"), table(kind))


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(CannotTell, match="no published column Staat"):
        counting_query(aggregate("Staat"), table("text"))
