"""What a reading's figures mean."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.readings import BROKER, CONNECTOR, LAG, NOW, SLOT, SOURCE, STREAM, healthy
from walflow.readings.judging import judged
from walflow.readings.reading import (
    Broker,
    CanaryRun,
    CountsFailure,
    DeadLetters,
    StageName,
    StageState,
    TaskFailure,
    Unreachable,
    Verified,
    VerifiedTable,
)

AWAY = Unreachable("PostgreSQL", "nobody listens at 127.0.0.1:5432", "Start it.")
PAUSED = replace(CONNECTOR, state="PAUSED", tasks=("PAUSED",))
FAILED = replace(CONNECTOR, tasks=("FAILED",), reason="wrong password")


def test_nothing_holds_a_pipeline_up_in_which_all_is_well() -> None:
    reading = healthy()
    assert reading.is_healthy
    assert reading.held_up_by is None
    assert [stage.name.value for stage in reading.stages] == [
        "ingest",
        "capture",
        "transport",
        "apply",
    ]
    assert all(stage.is_ok for stage in reading.stages)


@pytest.mark.parametrize(
    ("changed", "stage", "state", "told"),
    [
        ({"source": AWAY}, StageName.INGEST, StageState.UNKNOWN, "nobody listens"),
        ({"connectors": (PAUSED,)}, StageName.CAPTURE, StageState.HELD, "connectors resume users"),
        ({"connectors": (FAILED,)}, StageName.CAPTURE, StageState.DOWN, "wrong password"),
        ({"connectors": ()}, StageName.CAPTURE, StageState.DOWN, "walflow connectors apply"),
        (
            {"source": replace(SOURCE, slots=(replace(SLOT, wal_status="lost"),))},
            StageName.CAPTURE,
            StageState.DOWN,
            "walflow recover",
        ),
        (
            {"source": replace(SOURCE, slots=())},
            StageName.CAPTURE,
            StageState.DOWN,
            "no replication slot",
        ),
        (
            {"source": replace(SOURCE, slots=(replace(SLOT, is_active=False),))},
            StageName.CAPTURE,
            StageState.DOWN,
            "Nobody reads the slot walflow",
        ),
        (
            {"source": replace(SOURCE, slots=(replace(SLOT, lag_ms=15_000.0),))},
            StageName.CAPTURE,
            StageState.BEHIND,
            "15 s behind PostgreSQL's log",
        ),
        ({"broker": AWAY}, StageName.TRANSPORT, StageState.UNKNOWN, "nobody listens"),
        (
            {"broker": Broker((replace(BROKER.topics[0], uncommitted_ms=20_000.0),))},
            StageName.TRANSPORT,
            StageState.BEHIND,
            "open for 20 s",
        ),
        ({"stream": AWAY}, StageName.APPLY, StageState.UNKNOWN, "nobody listens"),
        (
            {"stream": replace(STREAM, is_up=False)},
            StageName.APPLY,
            StageState.DOWN,
            "walflow up stream",
        ),
        (
            {"tables": (replace(LAG, lag_events=7, lag_ms=12_000.0),)},
            StageName.APPLY,
            StageState.BEHIND,
            "public.users is 7 changes and 12 s behind",
        ),
    ],
)
def test_the_stage_that_holds_changes_up_is_named_with_what_to_do(
    changed: dict[str, Any], stage: StageName, state: StageState, told: str
) -> None:
    reading = judged(replace(healthy(), **changed))
    assert not reading.is_healthy
    assert reading.stage(stage).state is state
    assert reading.held_up_by is not None
    assert reading.held_up_by.startswith(f"{stage.value}: ")
    assert told in reading.held_up_by
    assert reading.problems[0] == reading.held_up_by


def test_a_stage_that_does_not_work_is_named_before_one_that_is_only_behind() -> None:
    behind = replace(SOURCE, slots=(replace(SLOT, lag_ms=60_000.0),))
    reading = judged(replace(healthy(), source=behind, stream=replace(STREAM, is_up=False)))
    assert reading.held_up_by is not None
    assert reading.held_up_by.startswith("apply: ")
    assert any(problem.startswith("capture: ") for problem in reading.problems)


def test_of_stages_that_are_behind_the_one_that_is_behind_most_is_named() -> None:
    behind = replace(SOURCE, slots=(replace(SLOT, lag_ms=11_000.0),))
    reading = judged(
        replace(healthy(), source=behind, tables=(replace(LAG, lag_events=1, lag_ms=30_000.0),))
    )
    assert reading.held_up_by is not None
    assert reading.held_up_by.startswith("apply: ")


def test_a_stream_that_halts_at_a_record_tells_which() -> None:
    failure = TaskFailure(NOW, "t-0@1: it cannot be applied.", True)
    reading = judged(replace(healthy(), stream=replace(STREAM, is_up=False, failures=(failure,))))
    assert reading.held_up_by == (
        "apply: The stream does not run: t-0@1: it cannot be applied. It halts there by setting; mend"
        " it, then run: walflow up stream."
    )


def test_a_slot_that_is_lost_within_the_hour_is_a_problem_though_all_stages_work() -> None:
    slot = replace(SLOT, retained_bytes=3 * 2**30, lost_in_seconds=600.0)
    reading = judged(replace(healthy(), source=replace(SOURCE, slots=(slot,))))
    assert reading.held_up_by is None
    assert not reading.is_healthy
    assert "is lost in about 10 min" in reading.problems[0]


def test_a_burst_of_writes_behind_a_slot_that_is_read_is_no_problem() -> None:
    slot = replace(SLOT, growth_per_second=100 * 2**20, lost_in_seconds=40.0)
    assert judged(replace(healthy(), source=replace(SOURCE, slots=(slot,)))).is_healthy


def test_another_connector_that_has_failed_is_a_problem_that_holds_nothing_up() -> None:
    other = replace(FAILED, name="other", captures=False)
    reading = judged(replace(healthy(), connectors=(CONNECTOR, other)))
    assert reading.held_up_by is None
    assert reading.problems == (
        "Connector other has failed: wrong password. Mend the cause, then:"
        " walflow connectors restart other --tasks failed.",
    )


def test_a_task_that_failed_lately_is_a_warning_while_all_is_applied() -> None:
    failure = TaskFailure(NOW, "Cassandra could not take the write.", False)
    reading = judged(replace(healthy(), stream=replace(STREAM, failures=(failure,))))
    assert reading.is_healthy
    assert "Cassandra could not take the write." in reading.warnings[0]


def test_counts_that_are_not_kept_are_a_problem_that_holds_no_row_up() -> None:
    failure = CountsFailure(NOW - 180_000, "public.users has no column area.")
    reading = judged(replace(healthy(), stream=replace(STREAM, counts_failure=failure)))
    assert reading.held_up_by is None
    assert not reading.is_healthy
    assert reading.problems == (
        "The counts of [aggregates] have not been kept for 3 min, since 1970-01-01 00:13:40 UTC:"
        " public.users has no column area. `walflow logs stream` tells more. They go on by themselves"
        " within a minute once the cause is mended. If `walflow verify` then finds them wrong, run:"
        " walflow recount.",
    )
    told = reading.as_dict()["stream"]["counts_failure"]
    assert told == {"since_ms": NOW - 180_000, "reason": "public.users has no column area."}


def test_dead_letters_differences_and_a_lost_canary_are_warnings() -> None:
    table = VerifiedTable("public.users", "different", 10, 1, 0, 0, "")
    reading = judged(
        replace(
            healthy(),
            dead_letters=DeadLetters("walflow.deadletters", 3, 2, NOW),
            last_verify=Verified(NOW, 1.0, False, (table,)),
            last_canary=CanaryRun(NOW, "x", False, (), "The insert was not seen in Kafka."),
        )
    )
    assert reading.is_healthy
    assert [warning.split(".")[0] for warning in reading.warnings] == [
        "2 dead letters are open",
        "`walflow verify` found differences in public",
        "The last canary did not come through: The insert was not seen in Kafka",
    ]
