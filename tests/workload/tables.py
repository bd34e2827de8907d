"""The tables that workloads write to, and the SQL literals that go into them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

LARGE_REPEATS = 400
"""Of 32 characters each: 12,800, beyond the 2 kB from which PostgreSQL stores a value out of line."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    """PostgreSQL's name of the type."""
    is_large: bool = False
    """Some of its values are TOASTed; STORAGE EXTERNAL, so that compression cannot prevent it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in schema public. Columns beside the key are nullable: a row can be its key alone."""

    name: str
    key: tuple[Column, ...]
    columns: tuple[Column, ...]

    def ddl(self) -> tuple[str, ...]:
        """CREATE TABLE and what else makes it."""
        key = [f"{column.name} {column.type}" for column in self.key]
        others = [f"{column.name} {column.type}" for column in self.columns]
        names = ", ".join(column.name for column in self.key)
        columns = ", ".join([*key, *others, f"PRIMARY KEY ({names})"])
        return (
            f"CREATE TABLE IF NOT EXISTS public.{self.name} ({columns})",
            *(
                f"ALTER TABLE public.{self.name} ALTER COLUMN {column.name} SET STORAGE EXTERNAL"
                for column in self.columns
                if column.is_large
            ),
        )

    def key_of(self, number: int) -> tuple[str, ...]:
        """The literals of the key with a number; different numbers have different keys."""
        match [column.type for column in self.key]:
            case ["int"]:
                return (str(number),)
            case ["bigint"]:
                return (str(number * 10_000_000_000),)
            case _:
                return (f"'region {number % 3}'", str(number // 3))

    def is_key(self, numbers: Sequence[int]) -> str:
        """The condition that picks the rows with these keys."""
        names = ", ".join(column.name for column in self.key)
        keys = ", ".join(f"({', '.join(self.key_of(number))})" for number in numbers)
        return f"({names}) IN ({keys})"


ACCOUNTS = Table(
    "soak_accounts",
    key=(Column("id", "int"),),
    columns=(
        Column("owner", "text"),
        Column("balance", "numeric(14,2)"),
        Column("ratio", "numeric"),
        Column("active", "boolean"),
        Column("opened", "timestamptz"),
        Column("reference", "uuid"),
        Column("visits", "bigint"),
    ),
)
DOCUMENTS = Table(
    "soak_documents",
    key=(Column("id", "bigint"),),
    columns=(
        Column("title", "text"),
        Column("revision", "int"),
        Column("body", "text", is_large=True),
        Column("scan", "bytea", is_large=True),
        Column("tags", "jsonb", is_large=True),
        Column("marks", "int[]", is_large=True),
        Column("words", "text[]", is_large=True),
    ),
)
ENTRIES = Table(
    "soak_entries",
    key=(Column("region", "text"), Column("number", "int")),
    columns=(
        Column("amount", "numeric(14,2)"),
        Column("booked", "timestamptz"),
        Column("note", "text"),
        Column("settled", "boolean"),
    ),
)
TABLES = (ACCOUNTS, DOCUMENTS, ENTRIES)

ADDED_TYPES = ("int", "text", "numeric(14,2)", "boolean", "timestamptz")
ADDED_PREFIX = "added_"


def added_columns() -> tuple[Column, ...]:
    """The columns that workloads may add. A name always has one type: CQL types do not change."""
    return tuple(
        Column(f"{ADDED_PREFIX}{kind.partition('(')[0]}_{number}", kind)
        for kind in ADDED_TYPES
        for number in (1, 2)
    )


def default_of(column: Column) -> str:
    """A constant that an added column may have as its default."""
    literals = {"int": "7", "text": "'seven'", "boolean": "true"}
    return literals.get(column.type, "'7.25'" if "numeric" in column.type else "'2020-02-02Z'")


def literal(column: Column, rng: random.Random, null_share: float = 0.15) -> str:
    """A random value of a column's type as SQL: short to read even where the value is large."""
    if rng.random() < null_share:
        return "NULL"
    tag = rng.randrange(1_000_000)
    if column.is_large and rng.random() < 0.6:
        return _large(column.type, tag)
    return _small(column.type, tag, rng)


def _large(kind: str, tag: int) -> str:
    text = f"repeat(md5('{tag}'), {LARGE_REPEATS})"
    match kind:
        case "bytea":
            return f"decode({text}, 'hex')"
        case "jsonb":
            return f"jsonb_build_object('tag', {text})"
        case "int[]":
            return f"array_fill({tag}, ARRAY[{LARGE_REPEATS * 4}])"
        case "text[]":
            return f"array_fill(md5('{tag}'), ARRAY[{LARGE_REPEATS // 2}])"
        case _:
            return text


def _small(kind: str, tag: int, rng: random.Random) -> str:
    match kind:
        case "int" | "bigint":
            return str(tag if kind == "int" else tag * 10_000_000_000)
        case "numeric(14,2)":
            return f"{rng.randrange(-(10**9), 10**9)}.{rng.randrange(100):02d}"
        case "numeric":
            return str(rng.choice((f"{tag}.{tag}", f"{tag}e12", f"0.{tag:030d}", "0", f"-{tag}")))
        case "boolean":
            return rng.choice(("true", "false"))
        case "timestamptz":
            return f"'{_moment(rng).isoformat()}'"
        case "uuid":
            return f"'{UUID(int=rng.getrandbits(128))}'"
        case "bytea":
            return f"'\\x{tag:08x}'"
        case "jsonb":
            return f'\'{{"tag": {tag}, "of": ["a", null, 1.5]}}\''
        case "int[]":
            return f"ARRAY[{tag}, {tag + 1}]"
        case "text[]":
            return f"ARRAY['{tag}', '', 'ä€']"
        case _:
            return rng.choice((f"'text {tag}'", "''", f"'µ 漢 🙂 {tag}'", "E'two\\nlines'"))


def _moment(rng: random.Random) -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(microseconds=rng.randrange(10**14))
