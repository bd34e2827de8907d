"""A page of records: the wanted ones, in order, with no gap and no repetition between pages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from change_stream.record import Record
from walflow.errors import WalflowError
from walflow.monitor import browsing
from walflow.monitor.api.topics import wanted_of
from walflow.monitor.browsing import Page, Wanted, as_dict, cut, places, read
from walflow.topics.events import Event, raw
from walflow.topics.filters import parsed
from walflow.topics.start import AtPlace, Edge

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Log:
    """Partitions in memory with the methods of a TopicReader; a partition's offsets are its times."""

    def __init__(self, sizes: Mapping[int, int]) -> None:
        self._sizes = sizes

    def bounds(self) -> dict[int, tuple[int, int]]:
        return {partition: (0, size) for partition, size in self._sizes.items()}

    def last(self, count: int, bounds: Any, wanted: Any) -> dict[int, int]:
        windows = self.read(
            {p: b[0] for p, b in bounds.items()}, {p: b[1] for p, b in bounds.items()}
        )
        kept = [record for record in windows if wanted(record)][-count:]
        starts = {partition: end for partition, (_, end) in bounds.items()}
        for record in reversed(kept):
            starts[record.partition] = record.offset
        return starts

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Any:
        records = [
            Record("t", p, offset, offset, str(offset % 3).encode(), b"v")
            for p, start in starts.items()
            for offset in range(start, ends[p])
        ]
        return iter(sorted(records, key=lambda record: (record.timestamp_ms, record.partition)))

    def at_time(self, ms: int) -> dict[int, int | None]:
        return dict.fromkeys(self._sizes, ms)


def page(log: Log, wanted: Wanted, clock: Any = lambda: 0.0) -> Page:
    reader: Any = log
    return read(reader, wanted, raw, clock)


def seen(found: Page) -> list[tuple[int, int]]:
    return [(event.record.partition, event.record.offset) for event in found.events]


SIZES = st.dictionaries(st.integers(0, 3), st.integers(0, 30), min_size=1)


@given(SIZES, st.integers(1, 10))
def test_older_pages_lead_back_over_every_record_once(sizes: dict[int, int], count: int) -> None:
    log = Log(sizes)
    found = page(log, Wanted("t", count=count))
    all_seen = seen(found)
    while found.events:
        found = page(log, Wanted("t", before=found.begins, count=count))
        all_seen = seen(found) + all_seen

    assert sorted(all_seen) == [(p, o) for p, size in sorted(sizes.items()) for o in range(size)]


@given(SIZES, st.integers(1, 10))
def test_newer_pages_lead_on_over_every_record_once(sizes: dict[int, int], count: int) -> None:
    log = Log(sizes)
    found = page(log, Wanted("t", start=Edge.EARLIEST, count=count))
    all_seen = seen(found)
    while found.events:
        found = page(log, Wanted("t", after=found.ends, count=count))
        all_seen += seen(found)

    assert sorted(all_seen) == [(p, o) for p, size in sorted(sizes.items()) for o in range(size)]
    assert found.ends == sizes


def test_a_key_is_looked_for_before_the_newest_records() -> None:
    found = page(Log({0: 10}), Wanted("t", count=2, accepts=_has_key("0")))

    assert seen(found) == [(0, 6), (0, 9)]


def _has_key(key: str) -> Any:
    return lambda event: event.key.datum == key.encode()


def test_a_page_from_an_offset_begins_there() -> None:
    assert seen(page(Log({0: 5, 1: 5}), Wanted("t", start=AtPlace(1, 3)))) == [(1, 3), (1, 4)]


def test_when_the_time_is_over_what_was_found_is_shown_and_the_rest_can_be_gone_on_to() -> None:
    seconds = iter(range(100))

    def clock() -> float:
        return next(seconds) * browsing.SECONDS / 4

    found = page(Log({0: 10}), Wanted("t", start=Edge.EARLIEST), clock)

    assert found.is_cut and seen(found) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert found.ends == {0: 4}


def test_a_search_that_finds_nothing_in_time_says_so() -> None:
    seconds = iter(range(100))
    found = page(
        Log({0: 50}),
        Wanted("t", accepts=parsed(["no such key"])),
        lambda: next(seconds) * browsing.SECONDS / 4,
    )

    assert found.is_cut and not found.events and found.looked_at == 4
    assert found.begins == found.ends == {0: 50}


def test_long_texts_are_cut_off_and_say_how_long_they_are() -> None:
    told: Any = cut({"a": ["x" * 10, 1], "b": "short"}, 5)

    assert told == {"a": ["xxxxx… (10 characters)", 1], "b": "short"}


def test_a_page_is_json_for_the_browser() -> None:
    told = as_dict(page(Log({0: 2}), Wanted("t")))

    assert [record["offset"] for record in told["records"]] == [0, 1]
    assert (told["begins"], told["ends"], told["end"]) == ({0: 0}, {0: 2}, {0: 2})


def test_places_are_read_as_they_are_handed_on() -> None:
    assert places("0:17,1:4") == {0: 17, 1: 4}
    assert places("") == {}


def test_a_query_is_understood_as_topics_tail_understands_its_options() -> None:
    query = MultiDict(
        [
            ("from", "0@42"),
            ("filter", "op=u"),
            ("filter", " "),
            ("partition", "0"),
            ("count", "9999"),
        ]
    )

    wanted = wanted_of("t", query, NOW)

    assert wanted.start == AtPlace(0, 42)
    assert (wanted.partitions, wanted.count) == ((0,), browsing.MAX_RECORDS)
    assert wanted.accepts is not None


def test_latest_means_the_newest_records() -> None:
    assert wanted_of("t", MultiDict([("from", "latest")]), NOW).start is None


@pytest.mark.parametrize(
    ("name", "value"), [("from", "soon"), ("count", "many"), ("before", "1"), ("partition", "x")]
)
def test_a_wrong_query_is_refused_with_a_sentence(name: str, value: str) -> None:
    with pytest.raises(WalflowError):
        wanted_of("t", MultiDict([(name, value)]), NOW)


def test_an_event_tells_what_has_changed() -> None:
    event = Event(
        Record("t", 0, 1, 0, None, b""),
        raw(Record("t", 0, 1, 0, None, b"")).kind,
        raw(Record("t", 0, 1, 0, None, b"")).key,
        raw(Record("t", 0, 1, 0, None, b"")).value,
        {"a": 1, "b": 2},
        {"a": 1, "b": 3},
    )

    assert browsing.event_dict(event)["changed"] == ["b"]
