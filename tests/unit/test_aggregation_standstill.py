"""What is told of counts that are not kept."""

from datetime import UTC, datetime
from typing import Any

from change_stream.aggregation.standstill import Standstill


class Kept:
    """The row as Cassandra would keep it: its times are UTC and do not say so."""

    def __init__(self) -> None:
        self.since: datetime | None = None
        self.reason = ""

    def execute(self, cql: str, values: tuple[Any, ...]) -> "Kept":
        match cql.split()[0]:
            case "INSERT":
                _, since, self.reason = values
                self.since = since.astimezone(UTC).replace(tzinfo=None)
            case "DELETE":
                self.since = None
        return self

    def one(self) -> "Kept | None":
        return None if self.since is None else self


def standstill(row: Any) -> Standstill:
    return Standstill(row)


def test_a_single_failure_is_not_told_and_those_after_it_are_since_the_first() -> None:
    row = Kept()
    counts = standstill(row)
    assert not counts.is_on
    before = datetime.now(UTC)
    counts.failed("one")
    after = datetime.now(UTC)
    assert row.since is None and counts.is_on

    counts.failed("two")
    counts.failed("three")

    assert row.since is not None
    assert before <= row.since.replace(tzinfo=UTC) <= after
    assert row.reason == "three"


def test_once_the_query_has_got_through_nothing_is_told_and_the_next_failure_is_a_first_one() -> (
    None
):
    row = Kept()
    counts = standstill(row)
    counts.failed("one")
    counts.failed("two")

    counts.end()

    assert row.since is None and not counts.is_on
    counts.failed("three")
    assert row.since is None


def test_what_a_process_before_has_told_stands_until_the_query_gets_through() -> None:
    row = Kept()
    earlier = standstill(row)
    earlier.failed("one")
    earlier.failed("two")
    since = row.since

    later = standstill(row)

    assert later.is_on
    later.failed("three")
    assert (row.since, row.reason) == (since, "three")
    later.end()
    assert row.since is None
