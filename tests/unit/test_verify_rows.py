"""What is done with rows once they are bytes: proof of a difference, tokens, plans, results."""

import hashlib
import hmac
import struct
from itertools import pairwise
from typing import Any

import pytest
from cassandra.metadata import ColumnMetadata, Murmur3Token, TableMetadata
from hypothesis import given
from hypothesis import strategies as st

from walflow.settings import TableSettings
from walflow.tables import TableRule
from walflow.verify.catalog import SourceColumn, SourceTable
from walflow.verify.conversions import PgType
from walflow.verify.describing import described
from walflow.verify.display import shown
from walflow.verify.plan import CannotTell, Plan, plan
from walflow.verify.results import ColumnDifference, Kind, TableResult, Verdict
from walflow.verify.rows import field
from walflow.verify.settling import Sides
from walflow.verify.target import MAX_TOKEN, MIN_TOKEN, RING, Arc


def table(*columns: tuple[str, str], key: tuple[str, ...] = ("id",)) -> SourceTable:
    described = tuple(SourceColumn(name, PgType(kind, 0), kind) for name, kind in columns)
    return SourceTable("public", "Order", 1, False, 0, 0, described, key)


def target(*columns: tuple[str, str], partition: int = 1, clustering: int = 0) -> TableMetadata:
    found = TableMetadata("ks", "Order")
    for name, cql_type in columns:
        found.columns[name] = ColumnMetadata(found, name, cql_type)
    every = list(found.columns.values())
    found.partition_key = every[:partition]
    found.clustering_key = every[partition : partition + clustering]
    return found


def rule(**setting: Any) -> TableRule:
    return TableRule("public.Order", "ks", "Order", TableSettings(**setting), b"secret")


SOURCE = table(("id", "int4"), ("name", "text"), ("at", "timestamptz"))
TARGET = target(("id", "int"), ("name", "text"), ("at", "timestamp"))


def test_columns_are_paired_and_the_key_comes_first() -> None:
    planned = plan(SOURCE, rule(), TARGET)
    assert [c.source for c in planned.key] == ["id"]
    assert [(c.source, c.target) for c in planned.rest] == [("name", "name"), ("at", "at")]
    assert planned.target_name == 'ks."Order"'
    assert planned.notes == ()


def test_a_column_that_only_cassandra_has_is_not_compared_and_said() -> None:
    more = target(("id", "int"), ("name", "text"), ("at", "timestamp"), ("old", "text"))
    assert "Not compared: old" in plan(SOURCE, rule(), more).notes[0]


def test_a_column_that_cassandra_does_not_have_yet_is_compared_as_null_and_comes_last() -> None:
    planned = plan(SOURCE, rule(), target(("id", "int"), ("at", "timestamp")))
    assert [c.source for c in planned.rest] == ["at", "name"]
    assert [c.source for c in planned.rest_in_target] == ["at"]
    assert "name yet: compared as null" in planned.notes[0]


def test_renames_and_masks_of_the_rule_are_applied() -> None:
    masked = target(("id", "int"), ("full_name", "text"), ("at", "text"))
    planned = plan(SOURCE, rule(rename={"name": "full_name"}, mask={"at": "redact"}), masked)
    name, at = planned.rest
    assert name.target == "full_name"
    assert at.conversion.convert is not None
    assert at.conversion.convert(struct.pack(">q", 1)) == b"***"


@pytest.mark.parametrize("there", [True, False], ids=["made", "not made yet"])
def test_microseconds_of_the_rule_are_compared_as_such(there: bool) -> None:
    columns = [("id", "int"), ("name", "text"), *([("at", "bigint")] if there else [])]
    planned = plan(SOURCE, rule(timestamps="micros"), target(*columns))
    at = planned.rest[-1]
    assert (at.source, at.cql_type, at.in_target) == ("at", "bigint", there)
    assert at.conversion.convert is not None
    assert at.conversion.convert(struct.pack(">q", 1)) == struct.pack(">q", 946_684_800_000_001)


def test_a_masked_timestamp_of_microseconds_is_the_hash_of_its_bigint() -> None:
    hashed = target(("id", "int"), ("name", "text"), ("at", "text"))
    at = plan(SOURCE, rule(timestamps="micros", mask={"at": "hash"}), hashed).rest[-1]
    assert at.conversion.convert is not None
    expected = hmac.new(b"secret", struct.pack(">q", 946_684_800_000_001), hashlib.sha256)
    assert at.conversion.convert(struct.pack(">q", 1)) == expected.hexdigest().encode()


def test_rows_are_not_looked_up_by_a_masked_key() -> None:
    hashed = target(("id", "text"), ("name", "text"), ("at", "timestamp"))
    assert not plan(SOURCE, rule(mask={"id": "hash"}), hashed).finds_by_key
    assert plan(SOURCE, rule(), TARGET).finds_by_key


@pytest.mark.parametrize(
    ("source", "in_target", "sentence"),
    [
        (table(("id", "int4"), key=()), TARGET, "public.Order has no primary key"),
        (SOURCE, None, "Cassandra has no table ks.Order for public.Order"),
        (
            SOURCE,
            target(("id", "int"), ("name", "text"), ("at", "inet")),
            "column at cannot be compared: verify knows no way from timestamptz to inet",
        ),
        (
            SOURCE,
            target(("name", "text"), ("id", "int"), ("at", "timestamp"), clustering=1),
            r"the primary key of ks.Order is \(name, id\)",
        ),
    ],
)
def test_what_cannot_be_compared_is_said(
    source: SourceTable, in_target: TableMetadata | None, sentence: str
) -> None:
    with pytest.raises(CannotTell, match=sentence):
        plan(source, rule(), in_target)


A, B = (field(b"a"), b"1"), (field(b"b"), b"1")


def test_rows_are_equal_when_their_fields_are_whatever_their_versions() -> None:
    assert Sides(b"k", (field(b"a"), b"1"), (field(b"a"), b"9")).are_equal
    assert Sides(b"k", None, None).are_equal
    assert not Sides(b"k", A, B).are_equal
    assert not Sides(b"k", A, None).are_equal


def test_a_row_that_postgresql_did_not_change_is_proven_different() -> None:
    before = Sides(b"k", A, B).versions
    assert Sides(b"k", A, B).is_proven_different(before)
    assert Sides(b"k", A, None).is_proven_different(before), "Cassandra may have moved on"


def test_a_row_that_postgresql_wrote_again_with_the_same_values_is_not() -> None:
    before = Sides(b"k", A, B).versions
    assert not Sides(b"k", (A[0], b"2"), B).is_proven_different(before)
    assert not Sides(b"k", None, B).is_proven_different(before)


def test_an_extra_row_is_proven_only_if_cassandra_did_not_write_it_meanwhile() -> None:
    before = Sides(b"k", None, B).versions
    assert Sides(b"k", None, B).is_proven_different(before)
    assert not Sides(b"k", None, (B[0], b"2")).is_proven_different(before)


@given(
    st.integers(MIN_TOKEN, MAX_TOKEN), st.integers(1, RING), st.integers(MIN_TOKEN + 1, MAX_TOKEN)
)
def test_the_ranges_of_an_arc_hold_each_token_as_often_as_the_arc(
    start: int, width: int, token: int
) -> None:
    arc = Arc(start, width)
    held = sum(low < token <= high for low, high in arc.ranges())
    assert held == ((token - start - 1) % RING < width)


def test_the_whole_ring_is_held_by_ranges_without_a_gap() -> None:
    ranges = Arc().ranges()
    assert (ranges[0][0], ranges[-1][1]) == (MIN_TOKEN, MAX_TOKEN)
    assert all(a[1] == b[0] for a, b in pairwise(ranges))


@given(st.binary(min_size=1), st.binary())
def test_a_row_is_held_by_its_partition_keys_token(first: bytes, second: bytes) -> None:
    key = field(first) + field(second)
    token = Murmur3Token.from_key(first).value
    assert Arc(token - 1, 1).holds(key, 1)
    composite = b"".join(struct.pack(">H", len(p)) + p + b"\0" for p in (first, second))
    token = Murmur3Token.from_key(composite).value
    assert Arc(token - 1, 1).holds(key, 2)
    assert not Arc(token, 1).holds(key, 2)


def row(kind: Kind) -> tuple[Plan, Sides]:
    source = (field(b"Ann") + field(struct.pack(">q", 1500)), b"")
    in_target = (field(b"Bob") + field(None), field(struct.pack(">q", 70)) + field(None))
    return plan(SOURCE, rule(), TARGET), Sides(
        field(struct.pack(">i", 7)),
        None if kind is Kind.EXTRA else source,
        None if kind is Kind.MISSING else in_target,
    )


def test_a_difference_names_key_columns_and_both_values() -> None:
    difference = described(*row(Kind.DIFFERENT))
    assert difference.kind is Kind.DIFFERENT
    assert [(cell.column, cell.value) for cell in difference.key] == [("id", "7")]
    assert difference.target_key == (struct.pack(">i", 7),)
    assert difference.columns == (
        ColumnDifference("name", "name", "Ann", "Bob"),
        ColumnDifference("at", "at", "1970-01-01T00:00:01.500+00:00", None),
    )
    assert difference.newest_write == 70


def test_missing_and_extra_rows_have_no_columns() -> None:
    missing, extra = described(*row(Kind.MISSING)), described(*row(Kind.EXTRA))
    assert (missing.kind, missing.columns, missing.newest_write) == (Kind.MISSING, (), None)
    assert (extra.kind, extra.columns, extra.newest_write) == (Kind.EXTRA, (), 70)


def test_all_differences_are_counted_and_the_first_are_kept() -> None:
    result = TableResult("public.Order")
    for _ in range(5):
        result.add(described(*row(Kind.EXTRA)), limit=2)
    assert (result.counts[Kind.EXTRA], len(result.differences)) == (5, 2)


def test_a_found_difference_stands_although_the_rest_could_not_be_told() -> None:
    result = TableResult("public.Order", unknown="the stream stands still")
    result.add(described(*row(Kind.MISSING)), limit=0)
    assert result.verdict is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("unknown", "verdict"), [(None, Verdict.EQUAL), ("no table", Verdict.UNKNOWN)]
)
def test_a_table_is_equal_only_if_it_could_be_told(unknown: str | None, verdict: Verdict) -> None:
    assert TableResult("public.Order", unknown=unknown).verdict is verdict


@pytest.mark.parametrize(
    ("cql_type", "value", "wanted"),
    [
        ("decimal", b"\0\0\0\2\xff", "-0.01"),
        ("date", struct.pack(">I", 2**31 + 365), "1971-01-01"),
        ("date", b"\xff\xff\xff\xff", "2147483647 days since 1970-01-01"),
        ("timestamp", struct.pack(">q", 2**63 - 1), "9223372036854775807 ms since 1970-01-01"),
        ("time", struct.pack(">q", 3_600_000_000_001), "01:00:00.000000001"),
        ("blob", b"\x01\xff", "0x01ff"),
        ("frozen<list<int>>", struct.pack(">iiiii", 2, 4, 1, 4, 2), "[1, 2]"),
        ("text", b"\xff", "0xff"),
    ],
)
def test_values_are_shown_as_a_person_reads_them(cql_type: str, value: bytes, wanted: str) -> None:
    assert shown(cql_type, value) == wanted
