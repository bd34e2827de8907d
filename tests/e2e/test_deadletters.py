"""Records that cannot be applied: kept, shown, applied again or given up, and the stream goes on."""

import json
from typing import Any
from uuid import UUID, uuid4

import kafka
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.avro_records import Table, send


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
