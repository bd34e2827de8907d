"""Which hop has not happened."""

from dataclasses import replace
from typing import Any

import pytest

from change_stream.record import Record
from walflow.readings.reading import Stage, StageName, StageState
from walflow.topics.events import Event, Kind, Payload
from walflow.trace.results import Search, SourceRow, TargetCell, TracedEvent
from walflow.trace.verdict import Found, agree, hops, sentence

PAUSED = "Connector users is PAUSED. Let it go on: walflow connectors resume users."


def _stage(name: StageName, reason: str = "") -> Stage:
    state = StageState.HELD if reason else StageState.OK
    return Stage(name, state, reason, None, None, None, None)


def _event(kind: Kind = Kind.UPDATE, xid: int | None = 7, **about: Any) -> TracedEvent:
    source = {} if xid is None else {"txId": xid}
    event = Event(
        Record("t", 0, 9, 0, b"k", b"v"), kind, Payload(1, 1), Payload(1, 2), source=source
    )
    return TracedEvent(event, **{"stamp": 100, "is_applied": True, **about})


def _cell(differs: bool = False, written: int = 100) -> TargetCell:
    return TargetCell("phone", "phone", "1", "2" if differs else "1", written, differs)


FOUND = Found(
    source=SourceRow(7, None, {"phone": "1"}),
    search=Search("t", (0,), True, 10, True),
    events=(_event(),),
    row=(_cell(),),
    missing_target="",
    applied_offset=9,
    capture=_stage(StageName.CAPTURE),
    apply=_stage(StageName.APPLY),
)


def test_equal_rows_agree_whatever_is_on_its_way() -> None:
    found = replace(FOUND, events=(_event(is_applied=False),))
    assert agree(found)
    assert sentence(found) == ("PostgreSQL and Cassandra agree: the row is the same on both sides.")


def test_neither_side_having_the_row_is_agreement() -> None:
    found = replace(FOUND, source=None, row=None, events=(_event(Kind.DELETE),))
    assert agree(found)
    assert "neither has a row" in sentence(found)


@pytest.mark.parametrize(
    ("changed", "happened", "told"),
    [
        pytest.param(
            {"events": (_event(xid=6),), "capture": _stage(StageName.CAPTURE, PAUSED)},
            (False, True),
            f"capture has not happened. The last event in Kafka is update t-0@9, of transaction 6;"
            f" the row is of 7. {PAUSED}",
            id="the change is not captured",
        ),
        pytest.param(
            {"events": (), "row": None, "capture": _stage(StageName.CAPTURE, PAUSED)},
            (False, None),
            f"capture has not happened. Kafka has no event of this key any more in t. {PAUSED}",
            id="no change is captured",
        ),
        pytest.param(
            {"source": None, "capture": _stage(StageName.CAPTURE, PAUSED)},
            (False, True),
            "but PostgreSQL has no row.",
            id="the delete is not captured",
        ),
        pytest.param(
            {"events": (_event(is_applied=False),), "applied_offset": 5},
            (True, False),
            "apply has not happened. The stream has not applied t-0@9: it stands at offset 5.",
            id="the change is not applied",
        ),
        pytest.param(
            {"events": (_event(letter="a number is too large"),)},
            (True, False),
            "t-0@9 is a dead letter: a number is too large.",
            id="the change is a dead letter",
        ),
        pytest.param(
            {"row": (_cell(differs=True, written=500),)},
            (True, True),
            "phone in Cassandra was written later than the last event's stamp 100, by somebody else",
            id="somebody else wrote to Cassandra",
        ),
        pytest.param(
            {"row": None},
            (True, True),
            "only PostgreSQL has the row), though every hop has happened. `walflow repair`",
            id="somebody else deleted in Cassandra",
        ),
        pytest.param(
            {"events": (_event(xid=8),), "row": (_cell(differs=True),)},
            (None, True),
            "the row was written behind a savepoint, or its event is on its way",
            id="another transaction though capture keeps up",
        ),
        pytest.param(
            {"events": (_event(Kind.READ, xid=None),), "row": (_cell(differs=True),)},
            (None, True),
            "read by a snapshot",
            id="read by a snapshot",
        ),
        pytest.param(
            {
                "events": (),
                "row": (_cell(differs=True),),
                "search": Search("t", (0,), True, 10, False),
            },
            (None, None),
            "among the last 10 records in t. A larger --scan looks further back.",
            id="the events are further back",
        ),
    ],
)
def test_the_hop_that_has_not_happened_is_named(
    changed: dict[str, Any], happened: tuple[bool | None, bool | None], told: str
) -> None:
    found = replace(FOUND, **changed)
    if agree(found):
        found = replace(found, row=(_cell(differs=True),))
    assert tuple(hop.happened for hop in hops(found)) == happened
    assert sentence(found).startswith("They differ (")
    assert told in sentence(found)
