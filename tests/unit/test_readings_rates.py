"""What takes two looks."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings import BROKER, LAG, NOW, SLOT, SOURCE, TOPIC, healthy
from walflow.readings.rates import (
    MAX_SAMPLES,
    LogEnds,
    with_rates,
    with_slot_forecast,
    with_uncommitted_ages,
)
from walflow.readings.reading import (
    Broker,
    Ingest,
    PartitionReading,
    Source,
    Unreachable,
    Wal,
    Writes,
)

AWAY = Unreachable("PostgreSQL", "it has not answered", "Wait.")


def test_rates_are_what_was_counted_between_the_two_looks() -> None:
    before = healthy()
    topic = replace(BROKER.topics[0], partitions=(PartitionReading(0, 0, 40, 40),))
    writes = Writes("public.users", 20, 5, 1)
    after = replace(
        before,
        taken_at_ms=NOW + 2000,
        source=replace(
            SOURCE,
            wal=Wal(3000),
            ingest=Ingest((writes,), ()),
        ),
        broker=Broker((topic,)),
        tables=(replace(LAG, end_offset=40, applied_offset=38),),
    )
    rated = with_rates(before, after)
    assert isinstance(rated.source, Source)
    assert isinstance(rated.broker, Broker)
    assert rated.source.wal.bytes_per_second == 1000
    assert rated.source.ingest.writes[0].per_second == 5
    assert rated.broker.topics[0].per_second == 5
    assert rated.tables[0].captured_per_second == 5
    assert rated.tables[0].applied_per_second == 5


def test_a_topic_that_was_made_anew_has_no_rate() -> None:
    before = healthy()
    topic = replace(BROKER.topics[0], id="another")
    after = replace(before, taken_at_ms=NOW + 1000, broker=Broker((topic,)))
    rated = with_rates(before, after)
    assert isinstance(rated.broker, Broker)
    assert rated.broker.topics[0].per_second is None


def test_a_part_that_was_away_in_one_of_the_looks_has_no_rates() -> None:
    before = replace(healthy(), source=AWAY)
    after = replace(healthy(), taken_at_ms=NOW + 1000)
    rated = with_rates(before, after)
    assert isinstance(rated.source, Source)
    assert rated.source.wal.bytes_per_second is None


def test_a_slot_reaches_its_limit_when_what_is_left_is_written() -> None:
    grown = replace(SLOT, retained_bytes=SLOT.retained_bytes + 1000, left_bytes=10_000)
    forecast = with_slot_forecast(SLOT, grown, 10.0)
    assert forecast.growth_per_second == 100
    assert forecast.lost_in_seconds == 100


def test_a_slot_that_shrinks_or_has_no_limit_is_not_lost() -> None:
    shrunk = with_slot_forecast(SLOT, replace(SLOT, retained_bytes=0), 10.0)
    assert shrunk.lost_in_seconds is None
    grown = replace(SLOT, retained_bytes=1000, left_bytes=None)
    assert with_slot_forecast(SLOT, grown, 10.0).lost_in_seconds is None


def test_a_committed_end_that_stands_before_an_open_transaction_ages() -> None:
    topic = replace(BROKER.topics[0], partitions=(PartitionReading(0, 0, 10, 12),))
    since: dict[tuple[str, int], tuple[int, float]] = {}
    first = with_uncommitted_ages(Broker((topic,)), since, NOW)
    second = with_uncommitted_ages(Broker((topic,)), since, NOW + 3000)
    moved = replace(topic, partitions=(PartitionReading(0, 0, 12, 14),))
    third = with_uncommitted_ages(Broker((moved,)), since, NOW + 4000)
    assert first.topics[0].uncommitted_ms is None
    assert second.topics[0].uncommitted_ms == 3000
    assert third.topics[0].uncommitted_ms == 0
    assert list(since) == [(TOPIC, 0)]


def test_a_position_that_the_log_has_not_passed_has_no_age() -> None:
    ends = LogEnds()
    ends.note(0, 100)
    assert ends.age_ms(100, 5) == 0


def test_one_look_tells_no_age_of_what_was_passed_before_it() -> None:
    ends = LogEnds()
    ends.note(0, 100)
    assert ends.age_ms(50, 5) is None


def test_the_age_is_the_time_since_the_first_look_at_a_later_end() -> None:
    ends = LogEnds()
    for at, position in ((0, 100), (1000, 100), (2000, 200), (3000, 300)):
        ends.note(at, position)
    assert ends.age_ms(100, 5000) == 3000
    assert ends.age_ms(250, 5000) == 2000
    assert ends.age_ms(50, 5000) == 5000


@given(st.lists(st.integers(0, 50), min_size=2, max_size=4 * MAX_SAMPLES))
def test_the_ends_of_the_log_take_bounded_memory_and_never_forget_the_first(
    steps: list[int],
) -> None:
    ends, position = LogEnds(), 1
    for at, step in enumerate(steps):
        position += step
        ends.note(at, position)
    assert len(ends._samples) <= MAX_SAMPLES
    assert ends.age_ms(0, len(steps)) == len(steps)
