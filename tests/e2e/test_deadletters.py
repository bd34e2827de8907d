"""Records that cannot be applied: kept, shown, applied again or given up, and the stream goes on."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import kafka
import pytest
from cassandra import InvalidRequest
from cassandra.cluster import NoHostAvailable, Session

from tests.conftest import Stack, walflow
from tests.e2e.avro_records import Table, send
from walflow.deadletters.topic import DeadLetterTopic, StoredLetter


@pytest.fixture
def table(stack: Stack, target: Session) -> Iterator[Table]:
    """A table of PostgreSQL that is not there: its records are made by hand."""
    made = Table(stack.settings, f"letters_{uuid4().hex[:8]}")
    yield made
    target.execute(f"DROP TABLE IF EXISTS {made.name}")


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


def _bodies(target: Session, table: Table) -> Any:
    """Body of each row by its id, or None while there is no such table."""
    try:
        rows: Any = target.execute(f"SELECT id, body FROM {table.name}")
    except (InvalidRequest, NoHostAvailable):
        return None  # in the moment in which a table is made anew, Cassandra has a server error
    return {row["id"]: row["body"] for row in rows}


def _kept(stack: Stack) -> list[StoredLetter]:
    """All that is in the dead-letter topic, copies and settled ones too."""
    with DeadLetterTopic(stack.settings) as topic:
        return [letter for chunk in topic.chunks() for letter in chunk]


def _copies(stack: Stack, origin: str) -> list[StoredLetter]:
    return [letter for letter in _kept(stack) if letter.letter.record.place == origin]


def _await_letter(stack: Stack, eventually: Any, origin: str) -> StoredLetter:
    eventually(lambda: len(_copies(stack, origin)) > 0, True)
    return _copies(stack, origin)[0]


def _list(stack: Stack, *options: str) -> Any:
    """What `walflow deadletters list` tells, by origin."""
    answer = stack.walflow("deadletters", "list", "--last", "100000", "-o", "json", *options)
    assert answer.returncode == 0, answer.stderr
    return {letter["origin"]: letter for letter in json.loads(answer.stdout)}


def _show(stack: Stack, letter: StoredLetter) -> Any:
    answer = stack.walflow("deadletters", "show", str(letter.place), "-o", "json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def _stream(stack: Stack) -> Any:
    states = json.loads(stack.walflow("status", "-o", "json").stdout)["services"]
    return next(state for state in states if state["name"] == "stream")


def test_under_the_policy_halt_the_stream_stops_there_and_goes_on_once_the_cause_is_mended(
    stack: Stack, target: Session, eventually: Any, table: Table
) -> None:
    # A stream that is stopped repeats its batch: it must not meet another test's letters there.
    a_batch = stack.settings.stream.batch_seconds + 60
    eventually(
        lambda: stack.servers.last_commit_ms() > _newest_letter_ms(stack), True, seconds=a_batch
    )
    target.execute(f"CREATE TABLE {table.name} (other text PRIMARY KEY)")
    deaths = _stream(stack)["restarts"]
    stack.servers.stop("stream")
    try:
        broken = send(stack.settings, table.key("a"), table.create("a", "broken"))
        send(stack.settings, table.key("b"), table.create("b", "behind"))

        stack.walflow("up", "stream", WALFLOW_STREAM__DEAD_LETTER_POLICY="halt")
        eventually(lambda: stack.servers.has_halted("stream"), True)

        told = _stream(stack)
        assert (told["state"], told["restarts"]) == ("halted", deaths)
        assert "logs stream -n 5` says where" in told["reason"] and " up`" in told["reason"]
        log = stack.walflow("logs", "stream", "-n", "5").stdout
        (halt,) = [line for line in log.splitlines() if 'event="the stream halts"' in line]
        assert f" at={broken} " in halt and f'reason="{broken} cannot be applied: ' in halt
        assert _copies(stack, broken) == []
    finally:
        target.execute(f"DROP TABLE {table.name}")
        started = stack.walflow("up", "stream")

    assert started.returncode == 0, started.stderr
    eventually(lambda: _bodies(target, table), {"a": "broken", "b": "behind"})
    assert _copies(stack, broken) == []


def _newest_letter_ms(stack: Stack) -> int:
    return max((letter.stored_ms for letter in _kept(stack)), default=0)


def test_bytes_that_are_no_avro_become_a_dead_letter_and_the_stream_goes_on(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    origin = send(stack.settings, b"garbage", b"garbage \x00 bytes", headers=[("trace", b"7")])
    user = uuid4()
    _insert(source, user, phone="after garbage")
    eventually(lambda: _phone(target, user), "after garbage")

    letter = _await_letter(stack, eventually, origin)
    listed = _list(stack)[origin]
    assert (listed["place"], listed["table"], listed["state"], listed["copies"]) == (
        str(letter.place),
        "public.created_users",
        "open",
        1,
    )
    assert "0x00 of Avro" in listed["reason"]
    shown = _show(stack, letter)
    assert shown["headers"] == [["trace", "7"]]
    assert bytes.fromhex(shown["value"]["first_bytes"]) == b"garbage \x00 bytes"
    assert UUID(shown["topic_id"]) and shown["stamp"] > 10**15
    assert shown["replay"].startswith("would fail: the first byte is 0x67")


def test_a_null_key_stays_null_and_bytes_stay_as_they_came(stack: Stack, eventually: Any) -> None:
    value = bytes(range(1, 256)) * 3
    origin = send(stack.settings, None, value)
    letter = _await_letter(stack, eventually, origin)

    message = _message(stack, letter)

    assert (message.key, message.value) == (None, value)


def _message(stack: Stack, letter: StoredLetter) -> Any:
    """The letter as Kafka has it."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=stack.settings.address("kafka"))
    where = kafka.TopicPartition(stack.settings.topics.dead_letters, letter.place.partition)
    consumer.assign([where])
    consumer.seek(where, letter.place.offset)
    try:
        return next(consumer)
    finally:
        consumer.close()


def test_an_unknown_schema_id_becomes_a_dead_letter_that_stays_open_in_a_replay(
    stack: Stack, eventually: Any
) -> None:
    origin = send(stack.settings, b"k", b"\x00\x7f\xff\xff\x01datum")
    letter = _await_letter(stack, eventually, origin)
    assert letter.letter.reason == f"the registry knows no schema id {0x7FFFFF01}"
    assert letter.letter.value_schema_id == 0x7FFFFF01

    answer = stack.walflow("deadletters", "replay", str(letter.place))

    assert answer.returncode == 1
    assert f"{origin}  stays open: the registry knows no schema id" in answer.stdout
    assert _list(stack)[origin]["state"] == "open"


def test_truncated_avro_becomes_a_dead_letter(stack: Stack, eventually: Any, table: Table) -> None:
    origin = send(stack.settings, table.key("a"), table.create("a", "a body")[:-20])

    letter = _await_letter(stack, eventually, origin).letter

    assert f"the bytes do not fit schema id {table.envelope_id}" in letter.reason


def test_a_datum_that_is_no_envelope_becomes_a_dead_letter(
    stack: Stack, eventually: Any, table: Table
) -> None:
    origin = send(stack.settings, table.key("a"), table.key("a"))

    letter = _await_letter(stack, eventually, origin)

    assert "not a Debezium envelope" in letter.letter.reason
    assert _show(stack, letter)["value"]["datum"] == {"id": "a"}


def test_a_value_whose_column_has_another_type_becomes_a_dead_letter_that_names_the_column(
    stack: Stack, target: Session, eventually: Any, table: Table
) -> None:
    target.execute(f"CREATE TABLE {table.name} (id text PRIMARY KEY, body int)")
    origin = send(stack.settings, table.key("a"), table.create("a", "no number"))

    letter = _await_letter(stack, eventually, origin).letter

    assert "column body" in letter.reason
    assert "int" in letter.reason and "text" in letter.reason
    assert _bodies(target, table) == {}


def test_a_value_that_cassandra_refuses_for_its_size_becomes_a_dead_letter(
    stack: Stack, target: Session, eventually: Any, table: Table
) -> None:
    too_large = table.create("large", "x" * 9_000_000)
    origin = send(stack.settings, table.key("large"), too_large)
    send(stack.settings, table.key("small"), table.create("small", "fits"))

    letter = _await_letter(stack, eventually, origin).letter

    assert "Cassandra refuses it" in letter.reason
    assert "exceeds allowed maximum" in letter.reason
    assert letter.record.value == too_large
    eventually(lambda: _bodies(target, table), {"small": "fits"})


def test_a_copy_that_a_repeated_batch_sends_is_on_the_line_of_its_record(
    stack: Stack, eventually: Any
) -> None:
    origin = send(stack.settings, b"k", b"garbage")
    first = _await_letter(stack, eventually, origin)
    _send_again(stack, first)

    listed = _list(stack)[origin]
    assert (listed["place"], listed["copies"]) == (str(first.place), 2)

    discarded = stack.walflow("deadletters", "discard", "--yes", str(first.place))

    assert discarded.returncode == 0, discarded.stderr
    after = _list(stack, "--all")[origin]
    assert (after["state"], after["copies"]) == ("discarded", 2)
    assert origin not in _list(stack)


def _send_again(stack: Stack, letter: StoredLetter) -> None:
    """What a batch that is run again does: the same letter, with the same headers."""
    message = _message(stack, letter)
    send(
        stack.settings,
        message.key,
        message.value,
        topic=stack.settings.topics.dead_letters,
        headers=[(name, value) for name, value in message.headers],
    )


def test_letters_replayed_in_any_order_end_as_the_last_change_and_never_undo_a_newer_one(
    stack: Stack, target: Session, eventually: Any, table: Table
) -> None:
    # A table of that name with another key: records for it cannot be applied.
    target.execute(f"CREATE TABLE {table.name} (other text PRIMARY KEY)")
    changes = [("a", "first"), ("a", "second"), ("b", "old")]
    origins = [send(stack.settings, table.key(i), table.create(i, body)) for i, body in changes]
    letters = [_await_letter(stack, eventually, origin) for origin in origins]
    assert all("partition key" in letter.letter.reason for letter in letters)
    target.execute(f"DROP TABLE {table.name}")
    send(stack.settings, table.key("b"), table.create("b", "newer"))
    # The query starts again to make the table anew, and may read the other records once more with it.
    eventually(lambda: (_bodies(target, table) or {}).get("b"), "newer")

    places = [str(letter.place) for letter in reversed(letters)]
    replayed = stack.walflow("deadletters", "replay", *places)
    repeated = stack.walflow("deadletters", "replay", str(letters[0].place))

    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.count(f"replayed: written to spark_streams.{table.name} with stamp") == 3
    assert repeated.returncode == 0, repeated.stderr
    assert _bodies(target, table) == {"a": "second", "b": "newer"}
    row: Any = target.execute(
        f"SELECT writetime(body) AS stamp FROM {table.name} WHERE id = 'a'"
    ).one()
    assert row["stamp"] == letters[1].letter.stamp
    listed = _list(stack, "--all")
    assert [listed[origin]["state"] for origin in origins] == ["replayed"] * 3


def test_a_letter_without_a_stamp_and_a_topic_id_is_refused(stack: Stack, table: Table) -> None:
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


def test_while_the_registry_is_away_and_starts_records_wait_and_make_no_dead_letter(
    stack: Stack, target: Session, eventually: Any, table: Table
) -> None:
    # Behind this nothing is left to be read that needs the registry, in the partition that is to go on.
    _await_letter(stack, eventually, send(stack.settings, b"k", b"garbage", partition=1))
    stack.servers.stop("registry")
    try:
        waiting = [send(stack.settings, table.key("a"), table.create("a", "waited"))]
        # The other partition goes on, and what is really broken is told at once.
        garbage = send(stack.settings, b"k", b"garbage", partition=1)
        _await_letter(stack, eventually, garbage)
        assert _bodies(target, table) is None
    finally:
        stack.servers.start("registry")
    ids = [f"b{number}" for number in range(5)]
    waiting += [send(stack.settings, table.key(i), table.create(i, "flowed")) for i in ids]

    eventually(lambda: _bodies(target, table), {"a": "waited"} | dict.fromkeys(ids, "flowed"))
    assert [_copies(stack, origin) for origin in waiting] == [[]] * len(waiting)
    assert stack.walflow("up", "registry").returncode == 0


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
    assert _list(stack) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "17"), "one is written as 0@17"),
        (("show", "0@99999999"), "There is no dead letter at 0@99999999"),
        (("replay",), "or give --all"),
        (("discard", "--all", "0@1"), "or give --all"),
    ],
    ids=["no place", "nothing there", "nothing named", "both"],
)
def test_a_wrong_place_is_told_apart_from_a_letter(
    stack: Stack, arguments: tuple[str, ...], said: str
) -> None:
    answer = stack.walflow("deadletters", *arguments)
    assert answer.returncode == 2
    assert said in answer.stderr


def test_without_a_stack_it_is_said_how_to_start_it() -> None:
    aside = {"WALFLOW_PORTS__OFFSET": "23000", "WALFLOW_PATHS__RUN": ".run-aside"}
    answer = walflow("deadletters", "list", **aside)
    assert answer.returncode == 3
    assert "Cassandra does not answer" in answer.stderr
    assert "Traceback" not in answer.stderr
