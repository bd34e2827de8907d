"""How far tables are behind."""

from dataclasses import replace

from tests.unit.readings import BROKER, NOW, STREAM, TOPIC
from walflow.readings.lags import stretches, table_lags
from walflow.readings.pending import Unapplied
from walflow.readings.reading import Applied, Broker, Stream, TableLag, Unreachable
from walflow.settings import load
from walflow.tables import TableRules

AWAY = Unreachable("Cassandra", "it has not answered", "Wait.")
TABLE = "public.users"


def _lag(
    broker: Broker | Unreachable,
    stream: Stream | Unreachable,
    unapplied: dict[tuple[str, int], Unapplied] | None,
) -> TableLag:
    rules = TableRules.of(load())
    (lag,) = table_lags([TABLE], "cdc", rules, broker, stream, unapplied, NOW)
    return lag


def test_what_is_looked_at_begins_behind_the_applied_offset() -> None:
    assert stretches([TABLE], "cdc", BROKER, STREAM) == {(TOPIC, 0): (9, 10), (TOPIC, 1): (0, 20)}


def test_an_applied_offset_beyond_the_end_is_that_of_an_earlier_topic() -> None:
    stream = replace(STREAM, applied=(Applied(TOPIC, 0, 10, None, None, NOW),))
    assert stretches([TABLE], "cdc", BROKER, stream)[(TOPIC, 0)] == (0, 10)


def test_the_lag_is_the_sum_of_the_partitions_and_the_age_of_the_oldest() -> None:
    unapplied = {
        (TOPIC, 0): Unapplied(1, True, NOW - 500),
        (TOPIC, 1): Unapplied(20, False, NOW - 4000),
    }
    lag = _lag(BROKER, STREAM, unapplied)
    assert (lag.lag_events, lag.is_exact, lag.lag_ms) == (21, False, 4000)
    assert (lag.end_offset, lag.applied_offset, lag.latency_ms) == (30, 9, 20)


def test_a_table_with_all_applied_has_no_lag_though_markers_stand_behind_it() -> None:
    unapplied = dict.fromkeys([(TOPIC, 0), (TOPIC, 1)], Unapplied(0, True, None))
    lag = _lag(BROKER, STREAM, unapplied)
    assert (lag.lag_events, lag.is_exact, lag.lag_ms) == (0, True, 0.0)


def test_a_table_without_a_topic_has_no_change_yet() -> None:
    lag = _lag(Broker(()), STREAM, {})
    assert (lag.lag_events, lag.lag_ms, lag.end_offset) == (0, 0.0, None)


def test_nothing_is_told_of_the_lag_where_a_server_is_away() -> None:
    for lag in (_lag(AWAY, STREAM, None), _lag(BROKER, AWAY, {}), _lag(BROKER, STREAM, None)):
        assert (lag.lag_events, lag.is_exact, lag.lag_ms) == (None, False, None)


def test_unapplied_changes_whose_age_is_not_known_yet_have_none() -> None:
    unapplied = dict.fromkeys([(TOPIC, 0), (TOPIC, 1)], Unapplied(3, False, None))
    assert _lag(BROKER, STREAM, unapplied).lag_ms is None
