"""Tables captured, refused and given up while everything runs."""

import json
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from cassandra.cluster import Session

from tests.conftest import Stack
from tests.e2e import avro_records
from tests.e2e.writers import Writers
from walflow.capture import adding
from walflow.connect_api import USERS_CONNECTOR
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings, TableSettings
from walflow.topics.clients import admin

SCHEMA = "E2eSales"
TABLE = f"{SCHEMA}.Order"
SOURCE = f'"{SCHEMA}"."Order"'
TARGET = f'"{SCHEMA}_Order"'
"""Names that have to be quoted on both sides, and a key of two columns."""
EXISTING = 3000
DDL = (
    f'CREATE SCHEMA "{SCHEMA}"',
    f'CREATE TABLE {SOURCE} ("Shop" text, "no" int, amount numeric(12,2), "select" text,'
    ' PRIMARY KEY ("Shop", "no"))',
    f"INSERT INTO {SOURCE} SELECT 'shop ' || n % 7, n, n * 1.25, 'order ' || n"
    f" FROM generate_series(1, {EXISTING}) n",
)
LATE = ("late", 1)

Rows = dict[tuple[str, int], tuple[Decimal | None, str | None]]


def _run(source: Any, *statements: str, values: Any = None) -> None:
    with source.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)


def _source_rows(source: Any) -> Rows:
    with source.cursor() as cursor:
        cursor.execute(f'SELECT "Shop", "no", amount, "select" FROM {SOURCE}')
        return {(shop, no): (amount, text) for shop, no, amount, text in cursor}


def _target_rows(target: Session) -> Rows:
    found: Any = target.execute(f'SELECT "Shop", "no", amount, "select" FROM {TARGET}')
    return {(row["Shop"], row["no"]): (row["amount"], row["select"]) for row in found}


def _differing(source: Any, target: Session) -> list[tuple[str, int]]:
    there, here = _source_rows(source), _target_rows(target)
    return sorted(key for key in there.keys() | here.keys() if there.get(key) != here.get(key))


def _statement(rng: random.Random) -> str:
    """An insert, an update or a delete."""
    no, amount = rng.randrange(1, EXISTING + 500), rng.randrange(10**6)
    shop = f"shop {no % 7}"
    return rng.choice(
        (
            f"INSERT INTO {SOURCE} VALUES ('{shop}', {no}, {amount}.5, 'again')"
            ' ON CONFLICT ("Shop", "no") DO UPDATE SET amount = excluded.amount',
            f'UPDATE {SOURCE} SET "select" = NULL, amount = {amount} WHERE "no" = {no}',
            f'DELETE FROM {SOURCE} WHERE "no" = {no}',
        )
    )


@dataclass(frozen=True)
class Added:
    """The run of `tables add` while a session wrote on and another had written and not committed."""

    answer: subprocess.CompletedProcess[str]
    seconds: float
    statements: int
    """Of the writer, meanwhile."""
    file: Path
    """A connector's JSON that it was to write the table into."""


@pytest.fixture(scope="module")
def source(stack: Stack) -> Iterator[Any]:
    """A connection that commits each statement."""
    connection = psycopg2.connect(stack.settings.postgres_dsn())
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def added(
    stack: Stack, source: Any, target: Session, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Added]:
    file = tmp_path_factory.mktemp("connector") / "users.json"
    file.write_text(USERS_CONNECTOR.read_text())
    _run(source, *DDL)
    late = psycopg2.connect(stack.settings.postgres_dsn())
    _run(
        late,
        f"INSERT INTO {SOURCE} VALUES (%s, %s, 1, 'written before, committed after')",
        values=LATE,
    )
    commit = threading.Timer(4, late.commit)
    try:
        with Writers(stack.settings.postgres_dsn(), _statement, 0.005, seeds=[1]) as writer:
            commit.start()
            began = time.monotonic()
            answer = stack.walflow("tables", "add", TABLE, "-f", str(file))
            seconds = time.monotonic() - began
        yield Added(answer, seconds, writer.statements, file)
    finally:
        commit.join()
        late.close()
        stack.walflow("tables", "remove", TABLE)
        _run(source, f'DROP SCHEMA "{SCHEMA}" CASCADE')
        target.execute(f"DROP TABLE IF EXISTS {TARGET}", timeout=60)


def test_a_table_with_rows_is_added_while_it_is_written_to(
    stack: Stack, source: Any, target: Session, added: Added, eventually: Any
) -> None:
    """A row that was written before and is committed after is what a gap would lose."""
    keyspace = stack.settings.cassandra.keyspace
    assert added.answer.returncode == 0, added.answer.stderr
    assert f"{TABLE}: captured, " in added.answer.stderr
    assert f"applied to {keyspace}.{SCHEMA}_Order" in added.answer.stderr
    assert added.statements > 100
    # It does not wait for the end of a batch.
    assert added.seconds < stack.settings.stream.batch_seconds
    eventually(lambda: _differing(source, target), [], 60)
    assert LATE in _target_rows(target)
    assert len(_target_rows(target)) > EXISTING / 2


def test_a_topic_that_somebody_else_has_made_is_read_before_the_next_batch(
    stack: Stack, target: Session, eventually: Any
) -> None:
    """As of a connector that was posted by hand."""
    table = avro_records.Table(stack.settings, f"made_{uuid4().hex[:8]}")
    topic = f"{stack.settings.topics.prefix}.public.{table.name}"
    with admin(stack.settings) as client:
        client.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    target.execute(f"CREATE TABLE {table.name} (id text PRIMARY KEY, body text)")
    avro_records.send(stack.settings, table.key("a"), table.create("a", "there"), topic=topic)

    eventually(lambda: f"topics={topic}" in stack.walflow("logs", "stream").stdout, True)
    found = f"SELECT body FROM {table.name} WHERE id = 'a'"
    eventually(lambda: [row["body"] for row in target.execute(found)], ["there"])
    target.execute(f"DROP TABLE {table.name}")


def test_quoted_names_and_a_composite_key_are_as_in_postgresql(
    stack: Stack, source: Any, target: Session, added: Added, eventually: Any
) -> None:
    cluster = target.cluster
    cluster.refresh_schema_metadata()
    table = cluster.metadata.keyspaces[stack.settings.cassandra.keyspace].tables[f"{SCHEMA}_Order"]
    assert [column.name for column in table.partition_key] == ["Shop", "no"]
    assert set(table.columns) == {"Shop", "no", "amount", "select"}
    _run(
        source,
        f"""UPDATE {SOURCE} SET "Shop" = 'moved' WHERE ("Shop", "no") = ('late', 1)""",
        f"""INSERT INTO {SOURCE} VALUES ('late', 2, NULL, 'x'), ('late', 3, 3, 'y')""",
        f"""DELETE FROM {SOURCE} WHERE ("Shop", "no") = ('late', 3)""",
    )
    eventually(lambda: _differing(source, target), [], 60)
    late = {key: row for key, row in _target_rows(target).items() if key[0] in ("late", "moved")}
    assert late == {
        ("moved", 1): (Decimal(1), "written before, committed after"),
        ("late", 2): (None, "x"),
    }


def test_an_added_table_is_listed_and_added_only_once(stack: Stack, added: Added) -> None:
    again = stack.walflow("tables", "add", TABLE)
    assert again.returncode == 0
    assert "is captured already" in again.stderr
    listed = json.loads(stack.walflow("tables", "list", "-o", "json").stdout)
    (entry,) = [table for table in listed if table["table"] == TABLE]
    assert entry["target"] == f"{stack.settings.cassandra.keyspace}.{SCHEMA}_Order"
    assert (entry["published"], entry["included"], entry["problems"]) == (True, True, [])
    assert TABLE in stack.walflow("tables", "list").stdout


def test_applying_a_file_does_not_end_the_capture_of_an_added_table(
    stack: Stack, added: Added
) -> None:
    refused = stack.walflow("connectors", "apply", "-f", str(USERS_CONNECTOR))
    assert refused.returncode == 2
    assert f"{TABLE} in table.include.list" in refused.stderr
    assert TABLE in _included(json.loads(added.file.read_text()))
    # The connector has the tables of other tests too, which the file must not end either.
    for table in json.loads(stack.walflow("tables", "list", "-o", "json").stdout):
        stack.walflow("tables", "add", table["table"], "-f", str(added.file))
    applied = stack.walflow("connectors", "apply", "-f", str(added.file))
    assert applied.returncode == 0, applied.stderr
    assert TABLE in _included(json.loads(stack.walflow("connectors", "get", "users").stdout))


def _included(connector: Any) -> list[str]:
    return str(connector["config"]["table.include.list"]).split(",")


def test_the_doctor_names_a_captured_table_that_became_unfit(
    stack: Stack, source: Any, added: Added
) -> None:
    _run(source, f"ALTER TABLE {SOURCE} REPLICA IDENTITY NOTHING")
    try:
        answer = stack.walflow("doctor")
        assert answer.returncode == ExitCode.FAILED
        assert f"{TABLE}: The replica identity of {SOURCE}" in answer.stdout
        assert stack.walflow("tables", "list").returncode == 1
    finally:
        _run(source, f"ALTER TABLE {SOURCE} REPLICA IDENTITY DEFAULT")
    assert f"{TABLE}: The replica identity" not in stack.walflow("doctor").stdout


def test_a_change_of_a_removed_table_is_not_applied(
    stack: Stack, source: Any, target: Session, added: Added, eventually: Any
) -> None:
    before = added.file.read_text()
    removed = stack.walflow("tables", "remove", TABLE, "-f", str(added.file))
    assert removed.returncode == 0, removed.stderr
    assert "stays as it is" in removed.stderr
    assert f",{TABLE}" in before
    assert added.file.read_text() == before.replace(f",{TABLE}", "")
    _run(source, f"""INSERT INTO {SOURCE} VALUES ('late', 4, 4, 'not seen')""")
    _run(
        source,
        "INSERT INTO created_users (id, first_name, last_name)"
        " VALUES ('00000000-0000-4000-8000-00000000beef', 'Be', 'Hind') ON CONFLICT DO NOTHING",
    )
    behind = "SELECT id FROM created_users WHERE id = 00000000-0000-4000-8000-00000000beef"
    eventually(lambda: target.execute(behind).one() is not None, True)
    assert _differing(source, target) == [("late", 4)]
    assert stack.walflow("tables", "remove", TABLE).returncode == ExitCode.USAGE


def test_a_table_is_added_again_though_its_target_was_dropped(
    stack: Stack, source: Any, target: Session, added: Added, eventually: Any
) -> None:
    """The stream knows the table of before: it must not take its rows for ones that have no place."""
    target.execute(f"DROP TABLE {TARGET}", timeout=60)
    answer = stack.walflow("tables", "add", TABLE)
    assert answer.returncode == 0, answer.stderr
    assert _differing(source, target) == []


REFUSED = [
    (
        "CREATE TABLE e2e_refused (a int, b text)",
        "has no primary key, and its replica identity is default",
        "ALTER TABLE public.e2e_refused ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY"
        " PRIMARY KEY;",
    ),
    (
        "CREATE TABLE e2e_refused (a int NOT NULL UNIQUE, b text)",
        "not the index e2e_refused_a_key",
        "ALTER TABLE e2e_refused REPLICA IDENTITY USING INDEX e2e_refused_a_key;",
    ),
    (
        "CREATE UNLOGGED TABLE e2e_refused (a int PRIMARY KEY)",
        "is unlogged",
        "ALTER TABLE public.e2e_refused SET LOGGED;",
    ),
    (
        "CREATE TABLE e2e_refused (a int PRIMARY KEY);"
        " ALTER TABLE e2e_refused REPLICA IDENTITY NOTHING",
        "a delete would not tell which row it was",
        "ALTER TABLE e2e_refused REPLICA IDENTITY DEFAULT;",
    ),
    (
        "CREATE TABLE e2e_refused (a int PRIMARY KEY);"
        " ALTER TABLE e2e_refused ENABLE ROW LEVEL SECURITY",
        "Row-level security",
        "ALTER ROLE walflow_capture BYPASSRLS;",
    ),
]


@pytest.fixture
def refused(source: Any) -> Iterator[Callable[[str], str]]:
    """Makes the table e2e_refused; dropped at the end."""

    def make(ddl: str) -> str:
        _run(source, ddl)
        return "e2e_refused"

    yield make
    _run(source, "ALTER ROLE walflow_capture NOBYPASSRLS", "DROP TABLE IF EXISTS e2e_refused")


def _refusal(settings: Settings, name: str) -> str:
    with pytest.raises(WalflowError) as refused:
        adding.add(settings, name)
    assert refused.value.exit_code is ExitCode.USAGE
    assert "Nothing was changed." in refused.value.sentence
    return refused.value.sentence


def _with_one_slot(settings: Settings) -> Settings:
    """Settings with which no table is added, however fit."""
    stream = settings.stream.model_copy(update={"slots": 1})
    return settings.model_copy(update={"stream": stream})


@pytest.mark.parametrize(
    ("ddl", "sentence", "sql"),
    REFUSED,
    ids=["no key", "unique index", "unlogged", "identity nothing", "row-level security"],
)
def test_a_table_that_cannot_be_replicated_exactly_is_refused_with_sql_that_does_it(
    stack: Stack, source: Any, refused: Callable[[str], str], ddl: str, sentence: str, sql: str
) -> None:
    name = refused(ddl)
    answer = _refusal(stack.settings, name)
    assert sentence in answer
    assert sql in answer
    _run(source, sql)  # it is SQL, and it does what it is said to
    assert "stream.slots" in _refusal(_with_one_slot(stack.settings), name)


def test_a_partition_key_beyond_the_primary_key_needs_whole_old_rows(
    stack: Stack, source: Any, refused: Callable[[str], str]
) -> None:
    name = refused("CREATE TABLE e2e_refused (a int PRIMARY KEY, region text NOT NULL)")
    rule = TableSettings(partition_key=("region",), clustering_key=("a",))
    ruled = stack.settings.model_copy(update={"tables": {"public.e2e_refused": rule}})
    answer = _refusal(ruled, name)
    assert "an update that moves a row has to tell where it was" in answer
    assert "ALTER TABLE e2e_refused REPLICA IDENTITY FULL;" in answer


def test_a_view_and_a_table_that_is_not_there_are_refused(stack: Stack, source: Any) -> None:
    _run(source, "CREATE OR REPLACE VIEW e2e_view AS SELECT 1 AS a")
    try:
        assert "is a view" in _refusal(stack.settings, "e2e_view")
    finally:
        _run(source, "DROP VIEW e2e_view")
    assert "PostgreSQL has no table nowhere.it." in _refusal(stack.settings, "nowhere.it")


def test_a_refusal_is_told_on_the_command_line(stack: Stack, refused: Callable[[str], str]) -> None:
    name = refused("CREATE UNLOGGED TABLE e2e_refused (a int PRIMARY KEY)")
    answer = stack.walflow("tables", "add", name)
    assert answer.returncode == ExitCode.USAGE
    assert "Run in PostgreSQL: ALTER TABLE public.e2e_refused SET LOGGED;" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert name not in stack.walflow("tables", "list").stdout


def test_a_table_for_which_the_stream_has_no_slots_is_refused_with_the_setting(
    stack: Stack, refused: Callable[[str], str]
) -> None:
    name = refused("CREATE TABLE e2e_refused (a int PRIMARY KEY)")
    answer = _refusal(_with_one_slot(stack.settings), name)
    assert "Set stream.slots to " in answer and "micro-batch" in answer


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("topic.prefix", "other", "topics.prefix in pipeline.toml is 'cdc'"),
        ("topic.creation.default.partitions", "7", "topics.partitions in pipeline.toml is '2'"),
        (
            "table.include.list",
            "public.created_users,public.nothing",
            "has no table public.nothing",
        ),
        ("table.include.list", "public.set_aside_users", "has no primary key"),
    ],
    ids=["prefix", "partitions", "no table", "no key"],
)
def test_a_connector_that_does_not_fit_is_refused_by_name(
    stack: Stack, tmp_path: Path, key: str, value: str, expected: str
) -> None:
    content = json.loads(USERS_CONNECTOR.read_text())
    content["name"] = "unfit"
    content["config"][key] = value
    file = tmp_path / "unfit.json"
    file.write_text(json.dumps(content))
    answer = stack.walflow("connectors", "apply", "-f", str(file))
    assert answer.returncode == ExitCode.USAGE
    assert expected in answer.stderr
