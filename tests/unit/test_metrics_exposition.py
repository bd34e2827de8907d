"""Readings of the pipeline as Prometheus reads them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from walflow.metrics.definitions import ALL, Kind
from walflow.metrics.exposition import CONTENT_TYPE, Metrics
from walflow.readings.reading import (
    Applied,
    Broker,
    CanaryRun,
    ConnectorReading,
    CountsFailure,
    DeadLetters,
    Hop,
    Ingest,
    LetterCount,
    Reading,
    Slot,
    Source,
    Stage,
    StageName,
    StageState,
    Stream,
    TableLag,
    Unreachable,
    Verified,
    VerifiedTable,
    Wal,
    Writes,
)

TABLE, TOPIC = "public.t", "cdc.public.t"
AWAY = Unreachable("Kafka", "it does not answer", "Run: walflow up kafka")


def applied(offset: int, committed: float, recorded: float, at: float) -> Applied:
    return Applied(TOPIC, 0, offset, committed, recorded, at)


def reading(*done: Applied) -> Reading:
    """A pipeline in which something is to be told of every part."""
    return Reading(
        taken_at_ms=1_700_000_000_000,
        took_ms=40,
        source=Source(
            Ingest((Writes(TABLE, 10, 4, 1),), ()),
            Wal(5_000),
            (SLOT,),
        ),
        connectors=(
            ConnectorReading("users", "source", True, "RUNNING", ("RUNNING", "FAILED"), "because"),
        ),
        broker=Broker(()),
        stream=Stream(True, 2, 1.0, done),
        dead_letters=DeadLetters("letters", 3, 2, 1.0, counts=(LetterCount(TOPIC, "refused", 3),)),
        tables=(TABLE_LAG,),
        last_verify=Verified(
            1_700_000_000_000,
            2.5,
            False,
            (VerifiedTable(TABLE, "different", 9, 1, 0, 2, ""),),
        ),
        last_canary=CanaryRun(
            1_700_000_000_000, "c", True, (Hop("insert", "cassandra", 30.0),), ""
        ),
        stages=(Stage(StageName.APPLY, StageState.BEHIND, "slow", 1.0, 7, 100, 900.0),),
        problems=("a", "b"),
    )


SLOT = Slot(
    name="walflow",
    is_captures=True,
    is_active=True,
    wal_status="reserved",
    invalidation=None,
    confirmed=100,
    sent=100,
    retained_bytes=4096,
    lag_bytes=128,
    limit_bytes=10_000,
    left_bytes=5_904,
)
TABLE_LAG = TableLag(
    table=TABLE,
    target="ks.t",
    topic=TOPIC,
    end_offset=20,
    applied_offset=13,
    lag_events=7,
    is_exact=True,
    lag_ms=900.0,
    latency_ms=30.0,
    last_commit_at_ms=1.0,
)


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    return Metrics(tmp_path / "not made yet")


def shown(metrics: Metrics) -> dict[str, float]:
    """`name{label="value",…}` → value, labels by name."""
    return dict(_shown(metrics))


def _shown(metrics: Metrics) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            yield sample.name + (f"{{{labels}}}" if labels else ""), sample.value


def test_a_whole_reading_gives_every_metric_and_each_says_what_it_is(metrics: Metrics) -> None:
    metrics.observe(reading(applied(1, 0, 10, 30)))
    metrics.observe(reading(applied(2, 0, 10, 30)))

    families = {f.name: f for f in text_string_to_metric_families(metrics.exposition().decode())}

    for metric in ALL:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind.value, metric.help)
        assert family.samples, metric.name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), metric.name
    assert len(families) == len(ALL)


def test_values_are_those_of_the_reading(metrics: Metrics) -> None:
    failure = CountsFailure(1_700_000_000_000 - 60_000, "no column area")
    metrics.observe(replace(reading(), stream=Stream(True, 2, 1.0, (), (), failure)))
    told = shown(metrics)

    expected = {
        'walflow_rows_ingested_total{change="update",table="public.t"}': 4,
        'walflow_captured_offsets_total{table="public.t",topic="cdc.public.t"}': 20,
        'walflow_applied_offsets_total{table="public.t",topic="cdc.public.t"}': 13,
        'walflow_table_lag_milliseconds{table="public.t"}': 900,
        'walflow_stage_state{stage="apply",state="behind"}': 1,
        'walflow_stage_state{stage="apply",state="ok"}': 0,
        'walflow_slot_retained_bytes{slot="walflow"}': 4096,
        'walflow_slot_limit_bytes{slot="walflow"}': 10_000,
        'walflow_slot_lost{slot="walflow"}': 0,
        'walflow_connector_state{connector="users",state="RUNNING"}': 1,
        'walflow_connector_tasks{connector="users",state="FAILED"}': 1,
        'walflow_dead_letters_total{kind="refused",table="public.t"}': 3,
        'walflow_dead_letters_total{kind="undecodable",table="public.t"}': 0,
        "walflow_dead_letters_open": 2,
        'walflow_verify_different_rows{kind="extra",table="public.t"}': 2,
        "walflow_verify_timestamp_seconds": 1_700_000_000,
        'walflow_canary_milliseconds{change="insert",place="cassandra"}': 30,
        "walflow_counts_kept": 0,
        "walflow_healthy": 0,
        "walflow_problems": 2,
        'walflow_reachable{part="kafka"}': 1,
    }
    assert {name: told[name] for name in expected} == expected
    assert 0 < told["walflow_disk_free_bytes"] < told["walflow_disk_bytes"]


def test_a_part_that_does_not_answer_keeps_no_old_value(metrics: Metrics) -> None:
    metrics.observe(reading())
    away = replace(
        reading(), source=AWAY, connectors=AWAY, broker=AWAY, stream=AWAY, dead_letters=AWAY
    )
    metrics.observe(replace(away, tables=(), stages=()))
    told = shown(metrics)

    reachable = {name: value for name, value in told.items() if "walflow_reachable" in name}
    assert len(reachable) == 4 and not any(reachable.values())
    left = (
        "slot",
        "connector",
        "stream",
        "dead_letters",
        "rows_ingested",
        "table",
        "stage",
        "counts",
    )
    assert not [name for name in told if name.startswith(tuple(f"walflow_{x}" for x in left))]


def test_each_change_is_observed_once_by_stage_and_none_from_before_the_first_reading(
    metrics: Metrics,
) -> None:
    old, new = applied(5, 0, 10, 2_000), applied(6, 1_000, 1_012, 1_040)
    for done in (old, old, new, new):
        metrics.observe(reading(done))
    told = shown(metrics)

    def observed(stage: str) -> tuple[float, float]:
        labels = f'{{stage="{stage}",table="public.t"}}'
        name = "walflow_latency_milliseconds"
        return told[f"{name}_count{labels}"], told[f"{name}_sum{labels}"]

    assert [observed(stage) for stage in ("capture", "apply", "all")] == [(1, 12), (1, 28), (1, 40)]


def test_a_partition_seen_for_the_first_time_later_is_observed(metrics: Metrics) -> None:
    metrics.observe(reading())
    metrics.observe(reading(applied(0, 0, 10, 30)))
    labels = '{stage="all",table="public.t"}'
    assert shown(metrics)[f"walflow_latency_milliseconds_count{labels}"] == 1


def test_before_the_first_reading_there_is_the_disk_only(metrics: Metrics) -> None:
    assert set(shown(metrics)) == {"walflow_disk_bytes", "walflow_disk_free_bytes"}


def test_names_follow_prometheus_conventions() -> None:
    names = [metric.name for metric in ALL]
    assert len(set(names)) == len(names)
    for metric in ALL:
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")
