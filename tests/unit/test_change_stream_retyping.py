"""Columns under another name, masked, or written as the type that the table already has."""

import hashlib
import hmac
from decimal import Decimal
from typing import Any

import pytest

from change_stream.columns import UNAVAILABLE, Column, Unmappable
from change_stream.retyping import masked, retyped
from walflow.tables import Mask, RuleConflict, TargetColumn

TEXT = Column("email", "text", lambda v: v)
NUMBER = Column("salary", "int", lambda v: v)
HASH = Mask("hash", secret=b"k")


def test_a_column_is_renamed() -> None:
    assert masked(TEXT, TargetColumn("email", "mail")).name == "mail"


def test_a_hash_is_that_of_the_text() -> None:
    column = masked(TEXT, TargetColumn("email", "email", HASH))
    assert column.convert("ä") == hmac.new(b"k", "ä".encode(), hashlib.sha256).hexdigest()
    assert column.cql_type == "text"


def test_a_number_can_be_hashed_and_redacted() -> None:
    column = masked(NUMBER, TargetColumn("salary", "salary", HASH))
    assert column.convert(7) == hmac.new(b"k", b"\0\0\0\7", hashlib.sha256).hexdigest()
    assert masked(NUMBER, TargetColumn("salary", "salary", Mask("redact"))).convert(7) == "***"


def test_a_masked_column_still_knows_an_untouched_toast_value() -> None:
    assert masked(TEXT, TargetColumn("email", "email", HASH)).is_unavailable(UNAVAILABLE)


def test_a_number_cannot_be_truncated() -> None:
    with pytest.raises(RuleConflict, match="column salary is int"):
        masked(NUMBER, TargetColumn("salary", "salary", Mask("truncate", length=2)))


@pytest.mark.parametrize(
    ("now", "present", "value", "written"),
    [
        ("int", "int", 7, 7),
        ("bigint", "int", 7, 7),
        ("smallint", "bigint", 7, 7),
        ("int", "decimal", 7, Decimal(7)),
        ("float", "double", 0.5, 0.5),
    ],
)
def test_a_value_that_keeps_its_meaning_is_written_as_the_table_has_it(
    now: str, present: str, value: Any, written: Any
) -> None:
    column = retyped(Column("n", now, lambda v: v), present)
    assert (column.cql_type, column.convert(value)) == (present, written)


@pytest.mark.parametrize(
    ("present", "largest"), [("smallint", 2**15 - 1), ("int", 2**31 - 1), ("bigint", 2**63 - 1)]
)
def test_an_integer_beyond_the_tables_column_is_refused_with_what_to_do(
    present: str, largest: int
) -> None:
    column = retyped(Column("n", "varint", lambda v: v), present)
    assert (column.convert(largest), column.convert(-largest - 1)) == (largest, -largest - 1)
    for beyond in (largest + 1, -largest - 2):
        with pytest.raises(ValueError, match=f"type was {present}; write it to another column"):
            column.convert(beyond)


@pytest.mark.parametrize(
    ("now", "present"),
    [("text", "int"), ("int", "text"), ("double", "float"), ("bigint", "timestamp")],
)
def test_a_type_with_another_meaning_is_unmappable(now: str, present: str) -> None:
    with pytest.raises(Unmappable, match=f"column n is {present} in Cassandra and now {now}"):
        retyped(Column("n", now, lambda v: v), present)
