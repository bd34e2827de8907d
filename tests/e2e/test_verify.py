"""`walflow verify` on tables that are written to all the time, with every kind of damage done by CQL."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import kafka
import psycopg2
import pytest
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e.writers import Writers
from tests.servers import EXECUTOR
from walflow.verify import target as in_cassandra
from walflow.verify.barrier import Barrier
from walflow.verify.catalog import SourceTable
from walflow.verify.comparison import Choice, Events, opened
from walflow.verify.results import Verdict

PLAIN = "e2e_verify"
QUOTED = "E2eVerify"
"""Names that have to be quoted on both sides, and a key of two columns."""
ROWS = 600
DAMAGED = 50
"""Rows up to this key are left alone by the writers: what is different about them was done by CQL."""
EXTRA = 100_000
"""Keys from here on PostgreSQL never had."""

SCHEMA = (
    f"CREATE TABLE {PLAIN} (id int PRIMARY KEY, name text, amount numeric(12,2), at timestamptz,"
    " tags text[], hits int NOT NULL DEFAULT 0)",
    f"INSERT INTO {PLAIN} SELECT n, 'name ' || n, n * 1.25, '2026-01-02 03:04:05.678+00',"
    f" ARRAY['a', 'b'] FROM generate_series(1, {ROWS}) n",
    f'CREATE TABLE "{QUOTED}" ("Land" text, "no" int, "Note" text, "order" bigint,'
    ' PRIMARY KEY ("Land", "no"))',
    f"""INSERT INTO "{QUOTED}" SELECT 'D"E', n, 'note ' || n, n FROM generate_series(1, 40) n""",
)

Differences = list[dict[str, Any]]


@pytest.fixture(scope="module")
def source(stack: Stack, target: Session) -> Iterator[Any]:
    """A connection that commits each statement, and both tables, captured."""
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    _run(connection, *SCHEMA)
    try:
        for table in (PLAIN, QUOTED):
            added = stack.walflow("tables", "add", f"public.{table}")
            assert added.returncode == 0, added.stderr
        yield connection
    finally:
        for table in (PLAIN, QUOTED):
            stack.walflow("tables", "remove", f"public.{table}")
            _run(connection, f'DROP TABLE "{table}"')
            target.execute(f'DROP TABLE IF EXISTS "{table}"', timeout=60)
        connection.close()


def _writers(stack: Stack) -> Writers:
    """They insert, update and delete rows behind `DAMAGED`, one of them very often."""
    return Writers(stack.settings.postgres_dsn(), _statement, 0.008, seeds=[1, 2])


def _statement(rng: random.Random) -> str:
    key = DAMAGED + 1 + (rng.randrange(ROWS) if rng.random() < 0.7 else 0)
    return rng.choice(
        (
            f"INSERT INTO {PLAIN} (id, name) VALUES ({key}, 'again') ON CONFLICT (id) DO UPDATE"
            f" SET hits = {PLAIN}.hits + 1, name = NULL",
            f"UPDATE {PLAIN} SET hits = hits + 1, amount = {rng.randrange(1000)} WHERE id = {key}",
            f"DELETE FROM {PLAIN} WHERE id = {key}",
        )
    )


def _run(source: Any, *statements: str) -> None:
    with source.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _verify(stack: Stack, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and the result of the only table."""
    answer = stack.walflow("verify", "-o", "json", *arguments)
    assert answer.stdout, answer.stderr
    (result,) = json.loads(answer.stdout)
    return answer.returncode, result


def _sorted(differences: Differences) -> Differences:
    return sorted(differences, key=lambda d: (d["kind"], int(d["key"].get("id", 0))))


def _different(key: int, **columns: tuple[str | None, str | None]) -> dict[str, Any]:
    shown = {n: {"postgresql": a, "cassandra": b} for n, (a, b) in columns.items()}
    return {"kind": "different", "key": {"id": str(key)}, "columns": shown}


def _whole_row(kind: str, key: int) -> dict[str, Any]:
    return {"kind": kind, "key": {"id": str(key)}, "columns": {}}


def test_rows_that_change_while_they_are_compared_are_equal(stack: Stack, source: Any) -> None:
    """There are differences at first sight; none outlives the lag."""
    looked_at_again = []

    def settling(_: SourceTable, rows: int, __: str) -> None:
        looked_at_again.append(rows)

    with (
        _writers(stack) as writers,
        opened(stack.settings, Events(settling=settling)) as comparison,
    ):
        (table,) = comparison.tables([PLAIN])
        for _ in range(20):
            before = writers.statements
            result = comparison.compare(table, Choice())
            assert (result.verdict, result.differences) == (Verdict.EQUAL, []), result.unknown
            assert writers.statements > before
            if sum(looked_at_again) > 5:
                break
    assert sum(looked_at_again) > 5, "no row was suspect: this run proves nothing"


def test_two_tables_that_are_equal_end_with_0(stack: Stack, source: Any) -> None:
    with _writers(stack):
        answer = stack.walflow("verify", PLAIN, f"public.{QUOTED}")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("equal") == 2


DONE = (
    f"DELETE FROM {PLAIN} WHERE id = 1",
    f"UPDATE {PLAIN} SET name = 'forged' WHERE id = 2",
    f"DELETE amount FROM {PLAIN} WHERE id = 3",
    f"UPDATE {PLAIN} SET at = '2026-01-02 03:04:05.679+0000', tags = ['b', 'a'] WHERE id = 4",
    f"UPDATE {PLAIN} SET name = 'before' WHERE id = 5",  # what PostgreSQL had before its last UPDATE
    f"UPDATE {PLAIN} SET name = 'is null in PostgreSQL' WHERE id = 6",
    f"UPDATE {PLAIN} SET amount = 8.750 WHERE id = 7",  # PostgreSQL's is 8.75, of scale 2
    f"DELETE name, amount, at, tags, hits FROM {PLAIN} WHERE id = 8",  # the row is there, and empty
    f"INSERT INTO {PLAIN} (id, name) VALUES ({EXTRA}, 'never was')",
    f"INSERT INTO {PLAIN} (id) VALUES ({EXTRA + 1})",
    f"UPDATE {PLAIN} SET hits = 1 WHERE id = {EXTRA + 2}",  # a row without a row marker
)
EXPECTED = [
    _different(2, name=("name 2", "forged")),
    _different(3, amount=("3.75", None)),
    _different(
        4,
        at=("2026-01-02T03:04:05.678+00:00", "2026-01-02T03:04:05.679+00:00"),
        tags=("[a, b]", "[b, a]"),
    ),
    _different(5, name=("after", "before")),
    _different(6, name=(None, "is null in PostgreSQL")),
    _different(7, amount=("8.75", "8.750")),
    _different(
        8,
        name=("name 8", None),
        amount=("10.00", None),
        at=("2026-01-02T03:04:05.678+00:00", None),
        tags=("[a, b]", None),
        hits=("0", None),
    ),
    *(_whole_row("extra", EXTRA + n) for n in range(3)),
    _whole_row("missing", 1),
]


@pytest.fixture(scope="module")
def damaged(source: Any, target: Session) -> None:
    """Each kind of damage, done behind the stream's back."""
    _run(
        source,
        f"UPDATE {PLAIN} SET name = 'before' WHERE id = 5",
        f"UPDATE {PLAIN} SET name = 'after' WHERE id = 5",
        f"UPDATE {PLAIN} SET name = NULL WHERE id = 6",
    )
    for statement in DONE:
        target.execute(statement)


@pytest.mark.usefixtures("damaged")
def test_every_damage_is_named_exactly_while_the_table_is_written_to(stack: Stack) -> None:
    with _writers(stack) as writers:
        code, result = _verify(stack, PLAIN)
    assert writers.statements > 50
    assert (code, result["verdict"], result["unknown"]) == (1, "different", None)
    assert _sorted(result["differences"]) == EXPECTED
    assert (result["missing"], result["different"], result["extra"]) == (1, 7, 3)


@pytest.mark.usefixtures("damaged")
def test_differences_are_printed_with_both_values(stack: Stack) -> None:
    answer = stack.walflow("verify", PLAIN, "--keys", "2", "--keys", "6", COLUMNS="200")
    assert answer.returncode == 1
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert [f"public.{PLAIN}", "different", "id=2", "name", "name", "2", "forged"] in lines
    assert any(
        line[:5] == [f"public.{PLAIN}", "different", "id=6", "name", "null"] for line in lines
    )
    limited = stack.walflow("verify", PLAIN, "--limit", "2")
    assert f"public.{PLAIN}: 2 of 11 differences shown; --limit shows more." in limited.stderr


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (
            ["--keys", "1", "--keys", "2", "--keys", "9", "--keys", str(EXTRA)],
            1,
            [EXPECTED[0], EXPECTED[7], EXPECTED[-1]],
        ),
        (["--keys", "9", "--keys", str(EXTRA + 9)], 0, []),
        (["--where", "id <= 3"], 1, [*EXPECTED[:2], EXPECTED[-1]]),
        (["--where", "id > 8 AND id <= 50"], 0, []),
        (["--sample", "100"], 1, EXPECTED),
    ],
    ids=["keys", "equal keys", "where", "equal where", "sample"],
)
def test_only_the_chosen_rows_are_compared(
    stack: Stack, arguments: Sequence[str], code: int, expected: Differences
) -> None:
    found = _verify(stack, PLAIN, *arguments)
    assert (found[0], _sorted(found[1]["differences"])) == (code, expected)


@pytest.mark.usefixtures("damaged")
def test_samples_together_find_what_the_whole_comparison_finds(stack: Stack) -> None:
    """Stretches of the ring that begin at random: nothing is found that is not there."""
    found: dict[str, dict[str, Any]] = {}
    with opened(stack.settings, Events()) as comparison:
        (table,) = comparison.tables([PLAIN])
        for _ in range(40):
            result = comparison.compare(table, Choice(sample=60))
            assert result.unknown is None
            assert result.target_rows is not None and 0 < result.target_rows < ROWS
            for difference in result.differences:
                found[str(difference.key)] = difference.as_dict()
            if len(found) == len(EXPECTED):
                break
    assert _sorted(list(found.values())) == EXPECTED


def test_composite_keys_and_quoted_names_are_compared(
    stack: Stack, source: Any, target: Session
) -> None:
    key = """"Land" = 'D"E' AND "no" ="""
    target.execute(f"""UPDATE "{QUOTED}" SET "Note" = 'forged', "order" = 0 WHERE {key} 1""")
    target.execute(f'DELETE FROM "{QUOTED}" WHERE {key} 2')
    target.execute(f"""INSERT INTO "{QUOTED}" ("Land", "no") VALUES ('', 41)""")
    expected = [
        {
            "kind": "different",
            "key": {"Land": 'D"E', "no": "1"},
            "columns": {
                "Note": {"postgresql": "note 1", "cassandra": "forged"},
                "order": {"postgresql": "1", "cassandra": "0"},
            },
        },
        {"kind": "extra", "key": {"Land": "", "no": "41"}, "columns": {}},
        {"kind": "missing", "key": {"Land": 'D"E', "no": "2"}, "columns": {}},
    ]
    code, whole = _verify(stack, QUOTED)
    assert (code, sorted(whole["differences"], key=lambda d: d["kind"])) == (1, expected)
    code, two = _verify(stack, QUOTED, "--keys", '["D\\"E", 2]', "--keys", '["", 41]')
    assert (code, sorted(two["differences"], key=lambda d: d["kind"])) == (1, expected[1:])
    assert _verify(stack, QUOTED, "--where", '"no" BETWEEN 3 AND 9')[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["e2e_nothing"], "There is no captured table e2e_nothing. Tables of the publication"),
        (
            [PLAIN, "--where", "nothing = 1"],
            f"PostgreSQL refuses --where for public.{PLAIN}: column",
        ),
        ([PLAIN, "--keys", "x"], 'invalid input syntax for type integer: "x"'),
        ([QUOTED, "--keys", "1"], 'Give it as a JSON array of 2 values, for example ["DE", 17].'),
    ],
    ids=["table", "condition", "value", "part of a key"],
)
def test_what_cannot_be_asked_ends_with_2(
    stack: Stack, source: Any, arguments: Sequence[str], sentence: str
) -> None:
    answer = stack.walflow("verify", *arguments)
    assert answer.returncode == 2
    assert sentence in " ".join(answer.stderr.split())


def test_a_quiet_database_is_not_waited_for_until_the_next_heartbeat(
    stack: Stack, source: Any
) -> None:
    """A change of a table that is not captured is in the log; nothing but verify moves the slot."""
    _run(source, "CREATE TABLE IF NOT EXISTS e2e_not_captured AS SELECT 1 AS a")
    try:
        with in_cassandra.connected(stack.settings) as session:
            barrier = Barrier(stack.settings, session, f"cdc.public.{PLAIN}", 60)
            assert any(_passes_within_a_heartbeat(barrier, source) for _ in range(5))
    finally:
        _run(source, "DROP TABLE e2e_not_captured")
    assert _ask(source, "SELECT count(*) FROM walflow.signals WHERE type = 'log'") == 0


def _passes_within_a_heartbeat(barrier: Barrier, source: Any) -> bool:
    heartbeat = "SELECT beat_at FROM walflow.heartbeat"
    before = _ask(source, heartbeat)
    _run(source, "UPDATE e2e_not_captured SET a = a + 1")
    position = int(_ask(source, "SELECT pg_current_wal_insert_lsn() - '0/0'"))
    assert _confirmed(source) < position
    barrier.wait(position)
    assert _confirmed(source) >= position
    return bool(_ask(source, heartbeat) == before)


def _confirmed(source: Any) -> int:
    slot = (
        "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = 'walflow'"
    )
    return int(_ask(source, slot))


def _ask(source: Any, query: str) -> Any:
    with source.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def test_a_stream_that_stands_still_is_named_with_the_record_it_stands_at(
    stack: Stack, source: Any
) -> None:
    with stack.servers.paused(EXECUTOR):
        _run(source, f"UPDATE {PLAIN} SET name = 'not applied' WHERE id = 11")
        code, result = _verify(stack, PLAIN, "--keys", "11", "--keys", "12", "--timeout", "2")
    assert (code, result["verdict"], result["differences"]) == (2, "could not tell", [])
    assert f"The stream has not applied cdc.public.{PLAIN}-" in result["unknown"]
    assert "after 2 s; it stands at offset" in result["unknown"]
    code, result = _verify(stack, PLAIN, "--keys", "11")
    assert (code, result["unknown"]) == (0, None)


def test_a_slot_that_stands_still_is_named(stack: Stack, source: Any) -> None:
    with stack.servers.paused("connect"):
        _run(source, f"UPDATE {PLAIN} SET name = 'not captured yet' WHERE id = 11")
        code, result = _verify(stack, PLAIN, "--keys", "11", "--timeout", "1")
    assert (code, result["verdict"]) == (2, "could not tell")
    assert "The replication slot walflow stands at " in result["unknown"]
    assert f"See `{stack.program} connectors list`" in result["unknown"]
    assert _verify(stack, PLAIN, "--keys", "11")[0] == 0


def test_a_transaction_that_stays_open_in_kafka_is_named(stack: Stack, source: Any) -> None:
    """Nobody reads past it: the slot moves on, and the stream has nothing to apply."""
    topic = f"cdc.public.{PLAIN}"
    producer = kafka.KafkaProducer(
        bootstrap_servers=stack.settings.address("kafka"), transactional_id="e2e-verify"
    )
    producer.init_transactions()
    producer.begin_transaction()
    for partition in range(stack.settings.topics.partitions):
        producer.send(topic, b"never committed", partition=partition).get(10)
    try:
        _run(source, f"UPDATE {PLAIN} SET name = 'behind it' WHERE id = 11")
        code, result = _verify(stack, PLAIN, "--keys", "11", "--timeout", "2")
        assert (code, result["verdict"]) == (2, "could not tell")
        assert f"Kafka does not give the records of {topic}" in result["unknown"]
    finally:
        producer.abort_transaction()
        producer.close()
    assert _verify(stack, PLAIN, "--keys", "11")[0] == 0


def test_a_truncate_that_nothing_follows_holds_nothing_up(
    stack: Stack, source: Any, target: Session, eventually: Any
) -> None:
    _run(source, f'TRUNCATE "{QUOTED}"')
    eventually(lambda: target.execute(f'SELECT * FROM "{QUOTED}"').one(), None)
    target.execute(f"""INSERT INTO "{QUOTED}" ("Land", "no") VALUES ('FR', 1)""")
    code, result = _verify(stack, QUOTED, "--timeout", "20")
    assert (code, result["unknown"]) == (1, None)
    assert [d["key"] for d in result["differences"]] == [{"Land": "FR", "no": "1"}]


def test_a_server_that_is_away_is_named(stack: Stack) -> None:
    answer = stack.walflow("verify", PLAIN, WALFLOW_PORTS__POSTGRES="1")
    assert answer.returncode == 2
    assert "PostgreSQL does not answer at" in answer.stderr
