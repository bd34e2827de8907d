"""The tables that are written, and the SQL that writes row n of a run: the same row wherever n is."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID


def key(run: str, number: int) -> UUID:
    """The id of row n of a run: without order, as ids of real users are, and known beforehand."""
    digest = hashlib.md5(f"{run}:{number}".encode(), usedforsecurity=False).digest()
    return UUID(bytes=digest)


KEY_SQL = "md5({run} || ':' || {number})::uuid"
"""The same in PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of `public` with an id and columns that are made from n."""

    name: str
    columns: tuple[tuple[str, str, str], ...]
    """Name, PostgreSQL type and the expression over n that gives the value."""
    external: tuple[str, ...] = ()
    """Columns that PostgreSQL is to keep uncompressed."""

    @property
    def create(self) -> str:
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in self.columns)
        external = "".join(
            f"; ALTER TABLE {self.name} ALTER COLUMN {name} SET STORAGE EXTERNAL"
            for name in self.external
        )
        return f"CREATE TABLE IF NOT EXISTS {self.name} (id uuid PRIMARY KEY, {columns}){external}"

    @property
    def prepare(self) -> str:
        """A statement `EXECUTE rows_<table>(run, first, count)`, planned once a connection.

        PostgreSQL would plan it anew for each execution, which takes it longer than one row's insert.
        """
        values = ", ".join(value for _, _, value in self.columns)
        key_of = KEY_SQL.format(run="$1", number="n")
        return (
            "SET plan_cache_mode = force_generic_plan;"
            f" PREPARE rows_{self.name} (text, bigint, bigint) AS INSERT INTO {self.name} (id,"
            f" {', '.join(name for name, _, _ in self.columns)})"
            f" SELECT {key_of}, {values} FROM generate_series($2, $2 + $3 - 1) AS n"
        )

    def insert(self, cursor: Any, run: str, first: int, count: int) -> None:
        """Insert rows first … first + count - 1 by the prepared statement."""
        cursor.execute(f"EXECUTE rows_{self.name}(%s, %s, %s)", (run, first, count))


USERS = Table(
    "created_users",
    (
        ("first_name", "text NOT NULL", "'First' || n % 997"),
        ("last_name", "text NOT NULL", "'Lastname' || n % 9973"),
        ("gender", "text", "CASE n % 2 WHEN 0 THEN 'male' ELSE 'female' END"),
        ("address", "text", "n % 9999 || ' ' || md5(n::text) || ' Street, City, State, Country'"),
        ("post_code", "text", "CASE WHEN n % 50 > 0 THEN (n % 99999)::text END"),
        ("email", "text", "'first' || n || '.last@example.com'"),
        ("username", "text", "'user' || n"),
        ("dob", "timestamptz", "timestamptz '1950-01-01' + n * interval '27.000001 seconds'"),
        ("registered_date", "timestamptz", "now() - n % 100000 * interval '1 minute'"),
        ("phone", "text", "'(0' || n % 100 || ') ' || 1000000 + n"),
        (
            "picture",
            "text",
            "'https://randomuser.me/api/portraits/med/men/' || n % 100 || '.jpg'",
        ),
    ),
)
"""The pipeline's own table, filled as randomuser's answers fill it."""


def like_users(name: str) -> Table:
    return Table(name, USERS.columns)


def wide(columns: int, name: str = "") -> Table:
    """A table of so many columns beside its key, of four types in turn."""
    kinds = (
        ("text", "md5((n + {i})::text)"),
        ("bigint", "n * {i}"),
        ("integer", "(n + {i})::integer"),
        ("timestamptz", "timestamptz '2020-01-01' + (n + {i}) * interval '1 second'"),
    )
    made = tuple(
        (f"c{i:03}", kinds[i % 4][0], kinds[i % 4][1].format(i=i + 1)) for i in range(columns)
    )
    return Table(name or f"bench_wide_{columns}", made)


LARGE_BYTES = 20_480
LARGE = Table(
    "bench_large",
    (
        (
            "payload",
            "text",
            "(SELECT string_agg(md5(n || '-' || i), '')"
            f" FROM generate_series(1, {LARGE_BYTES // 32}) i)",
        ),
    ),
    external=("payload",),
)
"""One text of 20 KB that no compression takes much from."""
