"""Rows of PostgreSQL, read by COPY in the form of `rows`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2

from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.verify.catalog import quoted
from walflow.verify.conversions import UNREPRESENTABLE
from walflow.verify.copying import CopyReader, TakeRow, Wanted
from walflow.verify.display import shown
from walflow.verify.plan import CannotTell, ComparedColumn, Plan
from walflow.verify.rows import Converts, values

# What text and numbers look like must not depend on the server's settings.
_SESSION = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c client_encoding=UTF8"


@contextmanager
def connected(settings: Settings) -> Iterator[Any]:
    """A cursor that can only read; every statement sees what is committed when it begins.

    Raises:
        WalflowError: PostgreSQL is not reachable.
    """
    try:
        connection = psycopg2.connect(settings.postgres_dsn(), options=_SESSION)
    except psycopg2.OperationalError as error:
        raise WalflowError(
            f"PostgreSQL does not answer at {settings.address('postgres')}:"
            f" {str(error).strip()}. See {ticked('status')}.",
            ExitCode.NOT_READY,
        ) from error
    try:
        connection.set_session(readonly=True, autocommit=True)
        with failures_told(), connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@contextmanager
def failures_told() -> Iterator[None]:
    """What PostgreSQL answers to a statement, as a sentence."""
    try:
        yield
    except psycopg2.Error as error:
        raise CannotTell(f"PostgreSQL: {str(error).strip()}.") from error


def insert_position(cursor: Any) -> int:
    """The end of the log, as a number of bytes: what was seen so far was committed before it."""
    cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
    return int(cursor.fetchone()[0])


class SourceRows:
    """The rows of one table."""

    def __init__(self, plan: Plan, cursor: Any) -> None:
        self._plan = plan
        self._cursor = cursor
        self._columns = ", ".join(c.expression("t") for c in (*plan.key, *plan.rest))
        self._key = [column.conversion.convert for column in plan.key]
        self._rest = [column.conversion.convert for column in plan.rest]

    def scan(self, take: TakeRow, wanted: Wanted | None = None) -> None:
        """Hand on the key and the rest of every row, or of those whose key is wanted."""
        query = f"SELECT {self._columns} FROM {self._plan.source.from_clause} AS t"
        self._copy(query, self._rest, take, wanted)

    def keys_where(self, condition: str, take: Callable[[bytes], None]) -> None:
        """Hand on the keys of the rows for which an SQL condition holds.

        Raises:
            CannotTell: PostgreSQL refuses the condition.
        """
        select = ", ".join(column.expression() for column in self._plan.key)
        query = f"SELECT {select} FROM {self._plan.source.from_clause} WHERE ({condition}\n)"
        try:
            self._copy(query, (), lambda key, _rest: take(key))
        except psycopg2.Error as error:
            raise CannotTell(
                f"PostgreSQL refuses --where for {self._plan.source.full_name}: {str(error).strip()}"
            ) from error

    def versions(self, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
        """The rows with these keys: the rest of the row, and what changes with every UPDATE of it.

        That is xmin, the transaction that wrote the row as it is (documentation, "System Columns").
        """
        # A masked key cannot be turned back: then every row is read.
        among = self._among(keys) if self._plan.finds_by_key else ""
        return self._versions(among, frozenset(keys).__contains__)

    def versions_where(self, condition: str) -> dict[bytes, tuple[bytes, bytes]]:
        """The same of the rows for which an SQL condition holds."""
        return self._versions(f" WHERE ({condition})")

    def _versions(
        self, which: str, wanted: Wanted | None = None
    ) -> dict[bytes, tuple[bytes, bytes]]:
        found: dict[bytes, tuple[bytes, bytes]] = {}
        xmin_bytes = 8  # a length and four bytes

        def take(key: bytes, rest: bytes) -> None:
            found[key] = (rest[:-xmin_bytes], rest[-xmin_bytes:])

        query = f"SELECT {self._columns}, t.xmin FROM {self._plan.source.from_clause} AS t{which}"
        self._copy(query, [*self._rest, None], take, wanted)
        return found

    def given_keys(self, rows: Sequence[Sequence[str]]) -> list[bytes]:
        """Keys that a person wrote, values in the order of PostgreSQL's key, in the form of `rows`.

        Raises:
            CannotTell: the target's key has more columns, or a value does not fit its column.
        """
        source = self._plan.source
        if {column.source for column in self._plan.key} != set(source.key):
            raise CannotTell(
                f"--keys: the key of {self._plan.target_name} has columns beyond {source.full_name}'s;"
                " use --where."
            )
        by_name = {column.source: column for column in self._plan.key}
        given = ", ".join(
            f"k.k{n}::{by_name[name].declared} AS {quoted(name)}"
            for n, name in enumerate(source.key)
        )
        select = ", ".join(column.expression() for column in self._plan.key)
        query = (
            f"SELECT {select} FROM (SELECT {given} FROM {self._unnest(rows, len(source.key))}) t"
        )
        found: list[bytes] = []
        try:
            self._copy(query, (), lambda key, _rest: found.append(key))
        except psycopg2.Error as error:
            raise CannotTell(f"--keys: {str(error).strip()}") from error
        return found

    def key_literals(self, keys: Sequence[bytes]) -> list[tuple[str, ...]]:
        """Of the rows with these keys, the values of PostgreSQL's own key, written as SQL."""
        found: list[tuple[str, ...]] = []
        wanted = frozenset(keys)

        def take(key: bytes, literals: bytes) -> None:
            if key in wanted:
                found.append(tuple((value or b"").decode() for value in values(literals)))

        source = self._plan.source
        columns = [column.expression("t") for column in self._plan.key]
        columns += [f"quote_literal(t.{quoted(name)}::text)" for name in source.key]
        query = f"SELECT {', '.join(columns)} FROM {source.from_clause} AS t"
        if self._plan.finds_by_key:
            query += self._among(keys)
        self._copy(query, [None] * len(source.key), take)
        return found

    def insert_position(self) -> int:
        """The end of the log, as the function of this name gives it."""
        return insert_position(self._cursor)

    def _among(self, keys: Sequence[bytes]) -> str:
        rows = [
            [
                literal(column, value)
                for column, value in zip(self._plan.key, values(key), strict=True)
            ]
            for key in keys
        ]
        conditions = " AND ".join(
            (column.conversion.match or "").format(
                column=f"t.{quoted(column.source)}",
                key=f"k.k{n}",
                type=column.declared,
            )
            for n, column in enumerate(self._plan.key)
        )
        return f" JOIN {self._unnest(rows, len(self._plan.key))} ON {conditions}"

    def _unnest(self, rows: Sequence[Sequence[str]], columns: int) -> str:
        arrays = ", ".join(["%s::text[]"] * columns)
        names = ", ".join(f"k{n}" for n in range(columns))
        lists = [[row[n] for row in rows] for n in range(columns)]
        code: bytes = self._cursor.mogrify(f"unnest({arrays}) AS k({names})", lists)
        return code.decode()

    def _copy(
        self, query: str, rest: Converts, take: TakeRow, wanted: Wanted | None = None
    ) -> None:
        reader = CopyReader(self._key, rest, take, wanted)
        self._cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", reader)
        reader.close()


def literal(column: ComparedColumn, value: bytes | None) -> str:
    """A value of a key column in Cassandra's bytes, as the text that its `match` expects.

    Raises:
        CannotTell: the value cannot be in Cassandra.
    """
    if value is None or value == UNREPRESENTABLE:
        raise CannotTell(
            f"A row's {column.source} has no place in {column.cql_type}, so Cassandra cannot have the"
            f" row; it is among {ticked('deadletters list')}. Leave such rows out with --where."
        )
    match column.cql_type:
        case "timestamp" | "time":
            return str(int.from_bytes(value, "big", signed=True))
        case "date":
            return str(int.from_bytes(value, "big") - 2**31)
        case "blob":
            return "\\x" + value.hex()
        case cql_type:
            return shown(cql_type, value) or ""
