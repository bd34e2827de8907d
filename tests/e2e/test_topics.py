"""Topics and what is in them, as commands show it of the real Kafka and registry."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import kafka
import pytest

from tests.conftest import Stack, walflow
from tests.e2e import avro_records
from tests.e2e.avro_records import Table, encoded
from tests.e2e.own_topic import topic_of_two_partitions
from tests.stack_environment import STACK
from walflow.settings import HOME

WALFLOW = str(HOME / ".venv" / "bin" / "walflow")
LARGE = 120
"""Records of 1 MiB in the topic of a test on memory."""
READING_MEGABYTES = 80
"""What reading may take beside the program with its clients: fetches, and what waits for others."""


@pytest.fixture
def user(stack: Stack, source: Any) -> str:
    """A user that was created, changed and deleted."""
    user = str(uuid4())
    with source.cursor() as cursor:
        cursor.execute(
            "INSERT INTO created_users (id, first_name, last_name, phone)"
            " VALUES (%s, 'Ada', 'Lovelace', '1')",
            (user,),
        )
        cursor.execute("UPDATE created_users SET phone = '2' WHERE id = %s", (user,))
        cursor.execute("DELETE FROM created_users WHERE id = %s", (user,))
    return user


@pytest.fixture
def own_topic(stack: Stack) -> Iterator[str]:
    with topic_of_two_partitions(stack.settings) as name:
        yield name


def tailed(stack: Stack, *arguments: str) -> list[dict[str, Any]]:
    """The records that `walflow topics tail` prints as JSON."""
    answer = stack.walflow("topics", "tail", *arguments, "-o", "json")
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def changes_of(stack: Stack, user: str) -> list[dict[str, Any]]:
    return tailed(stack, stack.settings.source_topic, "--filter", user)


def send(stack: Stack, topic: str, values: list[tuple[int, bytes]]) -> None:
    """Put values into partitions of a topic, in this order."""
    producer = kafka.KafkaProducer(
        bootstrap_servers=stack.settings.address("kafka"), max_request_size=2**22
    )
    for partition, value in values:
        producer.send(topic, value=value, partition=partition)
    producer.close()


def test_a_rows_changes_are_shown_in_order_with_what_they_changed(
    stack: Stack, user: str, eventually: Any
) -> None:
    wanted = ["create", "update", "delete", "tombstone"]
    eventually(lambda: [change["op"] for change in changes_of(stack, user)], wanted)

    created, updated, deleted, tombstone = changes_of(stack, user)

    assert created["before"] is None and created["after"]["phone"] == "1"
    # The users' table has REPLICA IDENTITY DEFAULT.
    assert updated["before"] is None and updated["after"]["phone"] == "2"
    assert deleted["before"]["id"] == user and deleted["after"] is None
    assert tombstone["key"]["datum"] == {"id": user} and tombstone["value"] == {
        "bytes": None,
        "datum": None,
    }
    assert created["source"]["lsn"] < updated["source"]["lsn"] < deleted["source"]["lsn"]
    table = stack.walflow("topics", "tail", stack.settings.source_topic, "--filter", user).stdout
    for change in (created, updated, deleted, tombstone):
        assert f"{change['op']:<9} {change['place']}  {change['time']}  key id='{user}'" in table
    assert "the row before is not in the log" in table
    assert f"  - id: '{user}'\n    the other columns were empty, or are not in the log" in table


def test_of_whole_images_it_shows_what_has_changed(stack: Stack, own_topic: str) -> None:
    table = Table(stack.settings, own_topic)
    source = {"schema": "public", "table": own_topic, "ts_ms": 0, "lsn": 1}
    before, after = {"id": "a", "body": "old"}, {"id": "a", "body": "new"}
    update = {"before": before, "after": after, "source": source, "op": "u"}
    value = encoded(table.envelope_id, table.envelope, update)
    place = avro_records.send(stack.settings, table.key("a"), value, topic=own_topic)
    avro_records.send(stack.settings, table.key("a"), table.create("a", "x"), topic=own_topic)

    answer = stack.walflow("topics", "tail", own_topic, "--filter", "changed=body")

    headline, *lines = answer.stdout.splitlines()
    assert headline.startswith(f"update    {place}  ")
    assert lines == ["  ~ body: 'old' → 'new'", "    1 column unchanged"]


def test_it_can_begin_at_a_place_or_a_time(stack: Stack, user: str, eventually: Any) -> None:
    eventually(lambda: len(changes_of(stack, user)), 4)
    topic, update = stack.settings.source_topic, changes_of(stack, user)[1]

    at_place = tailed(stack, topic, "--from", update["place"], "-n", "1")
    at_time = tailed(stack, topic, "--from", update["time"], "--filter", user)
    ago = tailed(stack, topic, "--from", "10m", "--filter", user, "--filter", "op=update")
    later = tailed(stack, topic, "--from", "2099-01-01")

    assert at_place == ago == [update]
    assert update in at_time
    assert later == []


def test_conditions_look_into_the_images(stack: Stack, user: str, eventually: Any) -> None:
    eventually(lambda: len(changes_of(stack, user)), 4)
    for condition, ops in (
        ("after.phone=1", ["create"]),
        ("after.phone>=1", ["create", "update"]),
        (f"before.id={user}", ["delete"]),
        ("op=d", ["delete"]),
    ):
        topic = stack.settings.source_topic
        found = tailed(stack, topic, "--filter", user, "--filter", condition)
        assert [change["op"] for change in found] == ops, condition


def test_raw_shows_bytes_and_schema_ids(stack: Stack, user: str, eventually: Any) -> None:
    eventually(lambda: len(changes_of(stack, user)), 4)
    place = changes_of(stack, user)[1]["place"]
    answer = stack.walflow(
        "topics", "tail", stack.settings.source_topic, "--raw", "--from", place, "-n", "1"
    )
    assert "bytes, schema id" in answer.stdout
    assert "    0000  00 00 00" in answer.stdout


def test_followed_it_shows_what_comes_and_ends_at_ctrl_c(
    stack: Stack, source: Any, tmp_path: Path
) -> None:
    user = str(uuid4())
    command = [WALFLOW, "topics", "tail", stack.settings.source_topic, "--from", "latest", "-f"]
    with (tmp_path / "stderr").open("w+") as stderr:
        following = subprocess.Popen(
            [*command, "--filter", user, "-o", "json"],
            env=os.environ | STACK,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        assert following.stdout is not None
        try:
            # Whatever comes before it listens is not shown: the row is changed until one is.
            with source.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO created_users (id, first_name, last_name) VALUES (%s, 'A', 'L')",
                    (user,),
                )
                os.set_blocking(following.stdout.fileno(), False)
                line, give_up = "", datetime.now(UTC).timestamp() + 60
                while not line:
                    assert datetime.now(UTC).timestamp() < give_up
                    cursor.execute(
                        "UPDATE created_users SET phone = clock_timestamp() WHERE id = %s RETURNING"
                        " pg_sleep(0.2)",
                        (user,),
                    )
                    line = following.stdout.readline()
                cursor.execute("DELETE FROM created_users WHERE id = %s", (user,))
            assert json.loads(line)["op"] == "update"
            following.send_signal(signal.SIGINT)
            assert following.wait(30) == 0
        finally:
            following.kill()
            following.wait()
        stderr.seek(0)
        assert stderr.read() == ""


def test_the_last_records_of_all_partitions_come_in_the_order_of_time(
    stack: Stack, own_topic: str
) -> None:
    for number in range(30):
        send(stack, own_topic, [(number % 2, str(number).encode())])

    last = tailed(stack, own_topic, "-n", "4")
    first = tailed(stack, own_topic, "--from", "earliest", "-n", "3")
    of_one = tailed(stack, own_topic, "-p", "1", "--from", "-2")

    assert [record["value"]["datum"] for record in last] == ["26", "27", "28", "29"]
    assert [record["value"]["datum"] for record in first] == ["0", "1", "2"]
    assert [(r["partition"], r["value"]["datum"]) for r in of_one] == [(1, "27"), (1, "29")]


@pytest.mark.long
def test_a_large_topic_is_read_within_bounded_memory(
    stack: Stack, own_topic: str, tmp_path: Path
) -> None:
    # All of the first partition is newer than all of the second: it has to wait.
    send(stack, own_topic, [(1, os.urandom(2**20 - 100)) for _ in range(LARGE // 2)])
    send(stack, own_topic, [(0, os.urandom(2**20 - 100)) for _ in range(LARGE // 2)])

    own = _peak_megabytes(["topics", "list"], tmp_path / "list")
    taken = _peak_megabytes(["topics", "tail", own_topic, "--from", "earliest"], tmp_path / "tail")

    shown = (tmp_path / "tail").read_text()
    assert shown.count("record    ") == LARGE
    print(f"peak {taken:.0f} MiB, of which {own:.0f} are the program's")
    assert taken - own < READING_MEGABYTES, f"{taken} MiB, of which {own} are the program's"


def _peak_megabytes(arguments: list[str], output: Path) -> float:
    """Peak of the resident memory of a command whose output goes to a file."""
    with output.open("w") as stdout:
        process = subprocess.Popen([WALFLOW, *arguments], env=os.environ | STACK, stdout=stdout)
        _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    process.returncode = 0
    return usage.ru_maxrss / 1024


def test_a_reader_that_has_seen_enough_is_no_error(stack: Stack) -> None:
    command = f"'{WALFLOW}' topics tail {stack.settings.source_topic} --from earliest | head -n 1"
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=os.environ | STACK,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_topics_are_listed_and_described(stack: Stack) -> None:
    name, partitions = stack.settings.source_topic, stack.settings.topics.partitions
    listed = {
        t["name"]: t for t in json.loads(stack.walflow("topics", "list", "-o", "json").stdout)
    }
    assert len(listed[name]["partitions"]) == partitions
    assert listed[name]["offsets"] > 0 and listed[name]["bytes"] > 0
    assert not any(topic["internal"] for topic in listed.values())
    everything = stack.walflow("topics", "list", "--all").stdout
    for own in ("__consumer_offsets", "walflow.connect.offsets"):
        assert own in everything and own not in listed
    assert {"registry-events", "walflow.schemas", "_schemas"}.isdisjoint(listed)

    about = json.loads(stack.walflow("topics", "describe", name, "-o", "json").stdout)
    assert about["subjects"] == [f"{name}-key", f"{name}-value"]
    letters = stack.walflow("topics", "describe", stack.settings.topics.dead_letters).stdout
    assert "setting   retention.ms = 604800000" in letters


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("describe", "cdc.public.nothing"), "There is no topic cdc.public.nothing. Topics: "),
        (("tail", "cdc.public.nothing"), "There is no topic cdc.public.nothing. Topics: "),
        (("tail", "cdc.public.created_users", "-p", "7"), "has no partition 7; it has 0, 1."),
        (("tail", "cdc.public.created_users", "--from", "noon"), "--from noon is none of"),
        (("tail", "cdc.public.created_users", "--filter", "after.x~("), "no regular expression"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    stack: Stack, arguments: tuple[str, ...], expected: str
) -> None:
    answer = stack.walflow("topics", *arguments)
    assert answer.returncode == 2
    assert expected in answer.stderr and "Traceback" not in answer.stderr


def test_without_a_stack_it_is_said_how_to_start_it() -> None:
    aside = {"WALFLOW_PORTS__OFFSET": "21000", "WALFLOW_PATHS__RUN": ".run-aside"}
    for arguments, service in (
        (("topics", "list"), "kafka"),
        (("topics", "tail", "any"), "kafka"),
        (("schemas", "list"), "registry"),
    ):
        answer = walflow(*arguments, **aside, WALFLOW_MODE="local")
        assert answer.returncode == 3
        assert f"`walflow up {service}` starts it" in answer.stderr
        assert "Traceback" not in answer.stderr
