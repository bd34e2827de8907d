"""Records that cannot be applied: kept, shown, applied again or given up, and the stream goes on."""

import json
from typing import Any
from uuid import UUID, uuid4

import kafka
from cassandra import InvalidRequest
from cassandra.cluster import Session

from tests.conftest import Stack, walflow
from tests.e2e.avro_records import Table, send
from walflow.stack import lifecycle
from walflow.stack.catalogue import services, with_needs


def _insert(source: Any, user: UUID, **columns: Any) -> None:
    names = {"id": str(user), "first_name": "Ada", "last_name": "Lovelace", **columns}
    marks = ", ".join("%s" for _ in names)
    with source.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO created_users ({', '.join(names)}) VALUES ({marks})",
            tuple(names.values()),
        )


def _phone(target: Session, user: UUID) -> Any:
    row: Any = target.execute("SELECT phone FROM created_users WHERE id = %s", (user,)).one()
    return None if row is None else row["phone"]


def _letters(stack: Stack, *options: str) -> Any:
    answer = stack.walflow("deadletters", "list", "--last", "100000", "-o", "json", *options)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def _letter_of(stack: Stack, origin: str, *options: str) -> Any:
    return next((one for one in _letters(stack, *options) if one["origin"] == origin), None)


def _await_letter(stack: Stack, eventually: Any, origin: str) -> Any:
    eventually(lambda: _letter_of(stack, origin) is not None, True)
    return _letter_of(stack, origin)


def _shown(stack: Stack, place: str) -> Any:
    answer = stack.walflow("deadletters", "show", place, "-o", "json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_bytes_that_are_no_avro_become_a_dead_letter_and_the_stream_goes_on(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    origin = send(stack.settings, b"garbage", b"garbage \x00 bytes", headers=[("trace", b"7")])
    user = uuid4()
    _insert(source, user, phone="after garbage")
    eventually(lambda: _phone(target, user), "after garbage")

    letter = _await_letter(stack, eventually, origin)
    assert (letter["table"], letter["state"], letter["copies"]) == (
        "public.created_users",
        "open",
        1,
    )
    assert "0x00 of Avro" in letter["reason"]
    shown = _shown(stack, letter["place"])
    assert shown["headers"] == [["trace", "7"]]
    assert bytes.fromhex(shown["value"]["first_bytes"]) == b"garbage \x00 bytes"
    assert UUID(shown["topic_id"]) and shown["stamp"] > 10**15
    assert shown["replay"].startswith("would fail: the first byte is 0x67")


def test_a_null_key_stays_null_and_bytes_stay_as_they_came(stack: Stack, eventually: Any) -> None:
    value = bytes(range(1, 256)) * 3
    origin = send(stack.settings, None, value)
    place = _await_letter(stack, eventually, origin)["place"]

    partition, offset = (int(part) for part in place.split("@"))
    consumer = kafka.KafkaConsumer(bootstrap_servers=stack.settings.address("kafka"))
    where = kafka.TopicPartition(stack.settings.topics.dead_letters, partition)
    consumer.assign([where])
    consumer.seek(where, offset)
    message = next(consumer)
    consumer.close()
    assert (message.key, message.value) == (None, value)


def test_an_unknown_schema_id_becomes_a_dead_letter_that_stays_open_in_a_replay(
    stack: Stack, eventually: Any
) -> None:
    origin = send(stack.settings, b"k", b"\x00\x7f\xff\xff\x01datum")
    letter = _await_letter(stack, eventually, origin)
    assert letter["reason"] == f"the registry knows no schema id {0x7FFFFF01}"
    shown = _shown(stack, letter["place"])
    assert shown["value"]["schema_id"] == 0x7FFFFF01

    answer = stack.walflow("deadletters", "replay", letter["place"])

    assert answer.returncode == 1
    assert f"{origin}  stays open: the registry knows no schema id" in answer.stdout
    assert _letter_of(stack, origin)["state"] == "open"


def test_truncated_avro_becomes_a_dead_letter(stack: Stack, eventually: Any) -> None:
    table = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    whole = table.create("a", "a body")
    origin = send(stack.settings, table.key("a"), whole[:-20])

    letter = _await_letter(stack, eventually, origin)

    assert f"the bytes do not fit schema id {table.envelope_id}" in letter["reason"]


def test_a_datum_that_is_no_envelope_becomes_a_dead_letter(stack: Stack, eventually: Any) -> None:
    table = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    origin = send(stack.settings, table.key("a"), table.key("a"))

    letter = _await_letter(stack, eventually, origin)

    assert "not a Debezium envelope" in letter["reason"]
    assert _shown(stack, letter["place"])["value"]["datum"] == {"id": "a"}


def test_a_value_out_of_the_range_of_its_cql_type_becomes_a_dead_letter(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    user, behind = uuid4(), uuid4()
    _insert(source, user, dob="infinity", phone="1")
    _insert(source, behind, phone="2")
    eventually(lambda: _phone(target, behind), "2")

    eventually(lambda: any("column dob: " in letter["reason"] for letter in _letters(stack)), True)
    assert _phone(target, user) is None


def test_a_value_that_cassandra_refuses_for_its_size_becomes_a_dead_letter(
    stack: Stack, target: Session, eventually: Any
) -> None:
    table = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    too_large, small = table.create("large", "x" * 9_000_000), table.create("small", "fits")
    origin = send(stack.settings, table.key("large"), too_large)
    send(stack.settings, table.key("small"), small)

    letter = _await_letter(stack, eventually, origin)

    assert "Cassandra refuses it" in letter["reason"]
    assert "exceeds allowed maximum" in letter["reason"]
    assert _shown(stack, letter["place"])["value"]["bytes"] == len(too_large)
    eventually(lambda: _rows(target, table), [("small", "fits")])


def _rows(target: Session, table: Table) -> Any:
    try:
        rows: Any = target.execute(f"SELECT id, body FROM {table.name}")
    except InvalidRequest:
        return "no table"
    return sorted((row["id"], row["body"]) for row in rows)


def test_a_copy_that_a_repeated_batch_sends_is_on_the_line_of_its_record(
    stack: Stack, eventually: Any
) -> None:
    origin = send(stack.settings, b"k", b"garbage")
    first = _await_letter(stack, eventually, origin)
    _send_again(stack, first["place"])

    listed = [letter for letter in _letters(stack) if letter["origin"] == origin]
    assert [(one["place"], one["copies"]) for one in listed] == [(first["place"], 2)]

    discarded = stack.walflow("deadletters", "discard", "--yes", first["place"])

    assert discarded.returncode == 0, discarded.stderr
    assert _letter_of(stack, origin) is None
    assert _letter_of(stack, origin, "--all")["state"] == "discarded"


def _send_again(stack: Stack, place: str) -> None:
    """What a batch that is run again does: the same letter, with the same headers."""
    topic = stack.settings.topics.dead_letters
    partition, offset = (int(part) for part in place.split("@"))
    consumer = kafka.KafkaConsumer(bootstrap_servers=stack.settings.address("kafka"))
    where = kafka.TopicPartition(topic, partition)
    consumer.assign([where])
    consumer.seek(where, offset)
    letter = next(consumer)
    consumer.close()
    send(
        stack.settings,
        letter.key,
        letter.value,
        topic=topic,
        headers=[(k, v) for k, v in letter.headers],
    )


def test_letters_replayed_in_any_order_end_as_the_last_change_by_the_stamps_of_their_origins(
    stack: Stack, target: Session, eventually: Any
) -> None:
    table = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    # A table of that name with another key: records for it cannot be applied.
    target.execute(f"CREATE TABLE {table.name} (other text PRIMARY KEY)")
    key = table.key("a")
    first = send(stack.settings, key, table.create("a", "first"))
    second = send(stack.settings, key, table.create("a", "second"))
    letters = [_await_letter(stack, eventually, origin) for origin in (first, second)]
    assert all("partition key" in letter["reason"] for letter in letters)
    stamps = [_shown(stack, letter["place"])["stamp"] for letter in letters]
    target.execute(f"DROP TABLE {table.name}")

    for letter in reversed(letters):
        answer = stack.walflow("deadletters", "replay", letter["place"])
        assert answer.returncode == 0, answer.stderr
        assert f"replayed: written to spark_streams.{table.name} with stamp" in answer.stdout

    row: Any = target.execute(f"SELECT body, writetime(body) AS stamp FROM {table.name}").one()
    assert (row["body"], row["stamp"]) == ("second", stamps[1])
    assert stamps[1] == stamps[0] + 1
    assert [_letter_of(stack, origin) for origin in (first, second)] == [None, None]
    assert _letter_of(stack, first, "--all")["state"] == "replayed"
    again = stack.walflow("deadletters", "replay", letters[0]["place"])
    assert again.returncode == 0
    assert _rows(target, table) == [("a", "second")]


def test_a_letter_without_a_stamp_and_a_topic_id_is_refused(stack: Stack, eventually: Any) -> None:
    table = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    headers = [
        ("walflow.reason", b"of an earlier version"),
        ("walflow.topic", stack.settings.source_topic.encode()),
        ("walflow.partition", b"0"),
        ("walflow.offset", b"123456789"),
        ("walflow.timestamp", b"0"),
    ]
    topic = stack.settings.topics.dead_letters
    value = table.create("a", "b")
    place = send(stack.settings, table.key("a"), value, topic=topic, headers=headers)

    answer = stack.walflow("deadletters", "replay", place)

    assert answer.returncode == 1
    assert "its stamp is not known" in answer.stdout
    assert stack.walflow("deadletters", "discard", "--yes", place).returncode == 0


def test_while_the_registry_is_away_a_record_of_a_new_schema_waits_and_is_no_dead_letter(
    stack: Stack, target: Session, eventually: Any
) -> None:
    table = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    stack.supervisor.stop("registry")
    try:
        waiting = send(stack.settings, table.key("a"), table.create("a", "waited"), partition=0)
        garbage = send(stack.settings, b"k", b"garbage", partition=1)
        # The other partition goes on, and what is really broken is told at once.
        _await_letter(stack, eventually, garbage)
        assert _letter_of(stack, waiting, "--all") is None
        assert _rows(target, table) == "no table"
    finally:
        wanted = with_needs(services(stack.settings), ["registry"])
        lifecycle.up(stack.settings, wanted, lifecycle.Events())

    eventually(lambda: _rows(target, table), [("a", "waited")])
    assert _letter_of(stack, waiting, "--all") is None


def test_under_the_policy_halt_the_stream_stops_there_and_goes_on_when_told(
    stack: Stack, target: Session, eventually: Any
) -> None:
    table = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    restarts = _stream(stack)["restarts"]
    stack.supervisor.stop("stream")
    origin = send(stack.settings, b"k", b"garbage", partition=0)
    send(stack.settings, table.key("a"), table.create("a", "behind"), partition=0)

    stack.walflow("up", "stream", WALFLOW_STREAM__DEAD_LETTER_POLICY="halt")

    eventually(lambda: _stream(stack)["state"], "halted", seconds=120)
    assert _stream(stack)["restarts"] == restarts
    assert "walflow logs stream" in _stream(stack)["reason"]
    told = stack.walflow("logs", "stream", "-n", "20").stdout
    assert f"{origin} cannot be applied: the first byte is 0x67" in told
    assert _letter_of(stack, origin, "--all") is None
    assert _rows(target, table) == "no table"

    assert stack.walflow("up", "stream").returncode == 0
    eventually(lambda: _rows(target, table), [("a", "behind")])
    assert _letter_of(stack, origin) is not None


def _stream(stack: Stack) -> Any:
    states = json.loads(stack.walflow("status", "-o", "json").stdout)
    return next(state for state in states if state["name"] == "stream")


def test_all_that_are_open_are_given_up_at_once(stack: Stack, eventually: Any) -> None:
    origins = [send(stack.settings, b"k", b"garbage", partition=p) for p in (0, 1)]
    for origin in origins:
        _await_letter(stack, eventually, origin)

    replayed = stack.walflow("deadletters", "replay", "--all")
    unasked = stack.walflow("deadletters", "discard", "--all")
    discarded = stack.walflow("deadletters", "discard", "--all", "--yes")

    assert replayed.returncode == 1
    assert all(f"{origin}  stays open" in replayed.stdout for origin in origins)
    assert (unasked.returncode, discarded.returncode) == (2, 0)
    assert "give --yes" in unasked.stderr
    assert _letters(stack) == []


def test_a_wrong_place_and_no_place_are_told_apart_from_a_letter(stack: Stack) -> None:
    for arguments, said in (
        (("show", "17"), "one is written as 0@17"),
        (("show", "0@99999999"), "There is no dead letter at 0@99999999"),
        (("replay",), "or give --all"),
        (("discard", "--all", "0@1"), "or give --all"),
    ):
        answer = stack.walflow("deadletters", *arguments)
        assert answer.returncode == 2
        assert said in answer.stderr


def test_without_a_stack_it_is_said_how_to_start_it() -> None:
    aside = {"WALFLOW_PORTS__OFFSET": "23000", "WALFLOW_PATHS__RUN": ".run-aside"}
    answer = walflow("deadletters", "list", **aside)
    assert answer.returncode == 3
    assert "Cassandra does not answer" in answer.stderr
    assert "Traceback" not in answer.stderr
