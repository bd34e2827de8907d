"""A line of a log is one event, readable by programs, with the place of the record that it is about."""

import io
import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.deadletters import DeadLetters, Halted
from change_stream.letter import Kind
from change_stream.record import Record
from walflow.logs import configure, fields, fields_of_reason, logfmt_line, record_fields

PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)(?: |$)')
RECORD = Record("cdc.public.created_users", 1, 17, 0, b"k", b"garbage")


def written(kind: str, event: str, extra: dict[str, dict[str, object]]) -> str:
    stream, logger = io.StringIO(), logging.getLogger("test_walflow_logs")
    configure(logger, kind, stream)
    logger.warning(event, extra=extra)
    return stream.getvalue()


def read_logfmt(line: str) -> dict[str, str]:
    return {
        name: json.loads(value) if value.startswith('"') else value
        for name, value in PAIR.findall(line)
    }


def test_a_line_about_a_record_names_its_place_whole_and_in_parts() -> None:
    line = written("logfmt", "dead letter", record_fields(*RECORD[:3], "cdc", reason="not Avro"))

    assert line.startswith("time=") and line.endswith(
        'Z level=warning event="dead letter" at=cdc.public.created_users-1@17'
        " table=public.created_users topic=cdc.public.created_users partition=1 offset=17"
        ' reason="not Avro"\n'
    )


def test_as_json_a_line_is_one_object_with_the_same_fields() -> None:
    told = json.loads(written("json", "truncated", record_fields(*RECORD[:3], "cdc")))

    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "warning",
        "event": "truncated",
        "at": "cdc.public.created_users-1@17",
        "table": "public.created_users",
        "topic": "cdc.public.created_users",
        "partition": 1,
        "offset": 17,
    }


@given(st.text())
def test_whatever_a_value_holds_the_event_stays_one_line_and_comes_back(text: str) -> None:
    line = logfmt_line({"before": "1", "reason": text, "after": "2"})

    assert len(line.splitlines()) == 1
    assert read_logfmt(line) == {"before": "1", "reason": text, "after": "2"}


def test_an_exception_stays_within_the_line_of_its_event() -> None:
    stream, logger = io.StringIO(), logging.getLogger("test_walflow_logs")
    configure(logger, "json", stream)
    try:
        raise ValueError("no such thing")
    except ValueError:
        logger.exception("a reading failed")

    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["traceback"].endswith("ValueError: no such thing")


def test_a_field_that_is_not_known_is_left_out() -> None:
    assert "reason" not in written("logfmt", "event", fields(reason=None))


@pytest.mark.parametrize(
    ("reason", "at"),
    [
        ("cdc.public.t-0@7: Cassandra could not take the write", "cdc.public.t-0@7"),
        ("cdc.public.a-1-0@7 cannot be applied", "cdc.public.a-1-0@7"),
        ("Cassandra does not answer", None),
    ],
)
def test_the_place_that_a_reason_begins_with_becomes_fields(reason: str, at: str | None) -> None:
    told = fields_of_reason(reason, "cdc")["fields"]

    assert (told.get("at"), told["reason"]) == (at, reason)


def test_a_halt_is_logged_with_the_place_of_the_record_that_it_stops_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    letters = DeadLetters("nowhere:1", "letters", "halt", "cdc", lambda _: (), "walflow")
    logger = logging.getLogger("change_stream")
    logger.propagate = True  # a stream in this process may have said otherwise

    with caplog.at_level(logging.ERROR, "change_stream"), pytest.raises(Halted):
        letters.put(RECORD, "not Avro", Kind.UNDECODABLE)

    (told,) = caplog.records
    assert told.getMessage() == "halt"
    assert vars(told)["fields"] == {
        "at": "cdc.public.created_users-1@17",
        "table": "public.created_users",
        "topic": "cdc.public.created_users",
        "partition": 1,
        "offset": 17,
        "kind": "undecodable",
        "reason": "not Avro",
    }
