"""What counts as the same value on both sides."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

from tests.workload.compare import Difference, Key, Row, differences, plain
from tests.workload.tables import ACCOUNTS


def test_a_time_is_compared_in_utc_to_the_millisecond() -> None:
    in_paris = datetime(2024, 5, 6, 9, 8, 7, 123_999, timezone(timedelta(hours=2)))
    from_cassandra = datetime(2024, 5, 6, 7, 8, 7, 123_000)
    assert plain(in_paris) == plain(from_cassandra) == from_cassandra.replace(tzinfo=UTC)


def test_values_of_both_drivers_get_one_form() -> None:
    identifier = UUID(int=7)
    assert plain(identifier) == str(identifier)
    assert plain(memoryview(b"\x01")) == b"\x01"
    assert plain((1, identifier)) == [1, str(identifier)]
    assert plain(Decimal("1.10")) == plain(Decimal("1.1"))


def test_equal_sides_have_no_difference() -> None:
    rows: dict[Key, Row] = {(1,): {"id": 1, "owner": None}}
    assert differences(ACCOUNTS.name, rows, rows) == []


def test_a_missing_an_extra_and_a_different_row_are_three_differences() -> None:
    source: dict[Key, Row] = {(1,): {"id": 1, "owner": "a"}, (2,): {"id": 2, "owner": None}}
    target: dict[Key, Row] = {(2,): {"id": 2, "owner": "b"}, (3,): {"id": 3, "owner": "c"}}
    assert differences("t", source, target) == [
        Difference("t", (1,), (), is_missing=True),
        Difference("t", (2,), (("owner", None, "b"),)),
        Difference("t", (3,), (), is_extra=True),
    ]


def test_a_column_that_only_cassandra_has_is_no_difference_and_one_it_lacks_is() -> None:
    source: dict[Key, Row] = {(1,): {"id": 1, "new": 5}}
    target: dict[Key, Row] = {(1,): {"id": 1, "dropped": "old"}}
    assert differences("t", source, target) == [Difference("t", (1,), (("new", 5, None),))]


def test_a_difference_names_the_row_and_both_values_and_shortens_large_ones() -> None:
    text = Difference("t", ("r", 4), (("body", "x" * 9000, None),)).text()
    assert text.startswith("t r, 4: body: 'xxx")
    assert "9002 characters" in text
    assert "None in Cassandra" in text
    assert len(text) < 200
