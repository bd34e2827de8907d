"""A workload from a seed: the same seed and mix give the same workload."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tests.workload.plan import Statement, Transaction, Workload
from tests.workload.tables import (
    DOCUMENTS,
    TABLES,
    Column,
    Table,
    added_columns,
    default_of,
    literal,
)

GAP = 100
"""Most units of virtual time between two statements of a session."""

WEIGHTS: Mapping[str, int] = {
    "insert": 14,
    "insert_many": 5,
    "upsert": 16,
    "update": 30,
    "update_many": 5,
    "key_change": 9,
    "delete": 12,
    "delete_many": 2,
    "lock": 2,
    "truncate": 1,
}
"""How often each kind of statement is drawn."""


@dataclass(frozen=True)
class Mix:
    """What a workload is made of."""

    sessions: int = 6
    transactions: int = 40
    """Of each session."""
    statements: int = 8
    """Of a transaction at the most."""
    keys: int = 30
    """Keys of each table: few, so that sessions collide."""
    rollbacks: float = 0.12
    """Share of transactions that roll back of their own accord; others are made to by an error."""
    savepoints: float = 0.2
    """Share of transactions with savepoints."""
    truncates: bool = False
    added_columns: bool = True
    column_defaults: bool = False
    """Added columns have a default: PostgreSQL gives it to rows that exist without an event."""
    toast_key_changes: bool = False
    """Keys change while TOASTed values stay untouched; the table gets REPLICA IDENTITY FULL, without
    which PostgreSQL does not log those values."""
    default_identity: bool = False
    """The table keeps REPLICA IDENTITY DEFAULT even so, to see what is then lost."""
    weights: Mapping[str, int] = field(default_factory=lambda: WEIGHTS)

    @property
    def full_identity(self) -> bool:
        return self.toast_key_changes and not self.default_identity


def generate(seed: int, mix: Mix) -> Workload:
    """The workload of a seed."""
    return _Generator(seed, mix).workload()


@dataclass(frozen=True)
class _Addition:
    at: int
    session: int
    table: Table
    column: Column


class _Generator:
    def __init__(self, seed: int, mix: Mix) -> None:
        self._rng = random.Random(seed)
        self._mix = mix
        length = mix.transactions * mix.statements * GAP // 4
        self._additions = self._plan_additions(length) if mix.added_columns else []
        self._kinds: Mapping[str, Callable[[Table, list[Column]], str]] = {
            "insert": self._insert,
            "insert_many": self._insert_many,
            "upsert": self._upsert,
            "update": self._update,
            "update_many": self._update_many,
            "key_change": self._key_change,
            "delete": self._delete,
            "delete_many": self._delete_many,
            "lock": self._lock,
            "truncate": self._truncate,
        }

    def workload(self) -> Workload:
        return Workload(tuple(self._session(s) for s in range(self._mix.sessions)))

    def _plan_additions(self, length: int) -> list[_Addition]:
        """A few columns, each added twice by some session: at first in vain if that rolls back."""
        rng = self._rng
        additions = []
        for column in rng.sample(added_columns(), 3):
            table = rng.choice(TABLES)
            for at in sorted((rng.randrange(length), rng.randrange(length))):
                session = rng.randrange(self._mix.sessions)
                additions.append(_Addition(at, session, table, column))
        return additions

    def _session(self, number: int) -> tuple[Transaction, ...]:
        at = self._rng.randrange(GAP)
        mine = sorted((a for a in self._additions if a.session == number), key=lambda a: a.at)
        transactions = []
        for _ in range(self._mix.transactions):
            while mine and mine[0].at <= at:
                transactions.append(self._adding(mine.pop(0), at))
                at = transactions[-1].ends_at
            transactions.append(self._transaction(at))
            at = transactions[-1].ends_at
        return tuple(transactions)

    def _adding(self, addition: _Addition, at: int) -> Transaction:
        """A transaction that adds a column, alone or among other statements, and may roll back."""
        column = addition.column
        default = f" DEFAULT {default_of(column)}" if self._mix.column_defaults else ""
        name = f"public.{addition.table.name}"
        sql = f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {column.name} {column.type}{default}"
        around = self._transaction(at)
        place = self._rng.randrange(len(around.statements) + 1)
        before, after = around.statements[:place], around.statements[place:]
        moment = after[0].at if after else around.ends_at
        if self._rng.random() < 0.5:
            return Transaction((Statement(moment, sql),), moment + 1)
        return replace(around, statements=(*before, Statement(moment, sql), *after))

    def _transaction(self, at: int) -> Transaction:
        rng = self._rng
        statements: list[Statement] = []
        open_savepoints: list[str] = []
        has_savepoints = rng.random() < self._mix.savepoints
        for number in range(rng.randint(1, self._mix.statements)):
            at += rng.randrange(1, GAP)
            if has_savepoints and rng.random() < 0.5:
                statements.append(Statement(at, self._savepoint(open_savepoints, number)))
                at += rng.randrange(1, GAP)
            statements.append(Statement(at, self._sql(at)))
        if open_savepoints and rng.random() < 0.6:
            at += rng.randrange(1, GAP)
            statements.append(Statement(at, f"ROLLBACK TO SAVEPOINT {rng.choice(open_savepoints)}"))
        isolation = rng.choices(("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"), (8, 1, 1))[0]
        commits = rng.random() >= self._mix.rollbacks
        return Transaction(tuple(statements), at + rng.randrange(1, GAP), commits, isolation)

    def _savepoint(self, is_open: list[str], number: int) -> str:
        """SAVEPOINT, ROLLBACK TO or RELEASE; the last two end the savepoints after theirs."""
        rng = self._rng
        if not is_open or rng.random() < 0.5:
            is_open.append(f"s{number}")
            return f"SAVEPOINT s{number}"
        name = rng.choice(is_open)
        place = is_open.index(name)
        if rng.random() < 0.5:
            del is_open[place + 1 :]
            return f"ROLLBACK TO SAVEPOINT {name}"
        del is_open[place:]
        return f"RELEASE SAVEPOINT {name}"

    def _sql(self, at: int) -> str:
        rng = self._rng
        weights = dict(self._mix.weights)
        if not self._mix.truncates:
            weights.pop("truncate", None)
        kind = rng.choices(list(weights), list(weights.values()))[0]
        table = rng.choice(TABLES)
        columns = self._columns(table, at)
        return self._kinds[kind](table, columns)

    def _columns(self, table: Table, at: int) -> list[Column]:
        """The table's columns at a time: those that were to be added until then included."""
        added = [a.column for a in self._additions if a.table is table and a.at < at]
        used = [
            column
            for column in dict.fromkeys(added)
            if added.count(column) == 2 or self._rng.random() < 0.2
        ]
        return [*table.columns, *used]

    def _keys(self, most: int) -> list[int]:
        """Unordered, so that statements over several rows can deadlock."""
        return self._rng.sample(range(1, self._mix.keys + 1), self._rng.randint(2, most))

    def _key(self) -> int:
        return self._rng.randint(1, self._mix.keys)

    def _some(self, columns: list[Column]) -> list[Column]:
        """At least one column, and seldom all."""
        return self._rng.sample(columns, self._rng.randint(1, min(4, len(columns))))

    def _insert(self, table: Table, columns: list[Column]) -> str:
        return self._inserting(table, columns, [self._key()])

    def _insert_many(self, table: Table, columns: list[Column]) -> str:
        return f"{self._inserting(table, columns, self._keys(6))} ON CONFLICT DO NOTHING"

    def _upsert(self, table: Table, columns: list[Column]) -> str:
        key = ", ".join(column.name for column in table.key)
        sets = ", ".join(f"{c.name} = excluded.{c.name}" for c in self._some(columns))
        inserting = self._inserting(table, columns, [self._key()])
        return f"{inserting} ON CONFLICT ({key}) DO UPDATE SET {sets}"

    def _inserting(self, table: Table, columns: list[Column], keys: list[int]) -> str:
        names = ", ".join(column.name for column in (*table.key, *columns))
        rows = ", ".join(
            f"({', '.join([*table.key_of(k), *(literal(c, self._rng) for c in columns)])})"
            for k in keys
        )
        return f"INSERT INTO public.{table.name} ({names}) VALUES {rows}"

    def _update(self, table: Table, columns: list[Column]) -> str:
        return self._updating(table, columns, [self._key()])

    def _update_many(self, table: Table, columns: list[Column]) -> str:
        return self._updating(table, columns, self._keys(8))

    def _updating(self, table: Table, columns: list[Column], keys: list[int]) -> str:
        # Values that stay as they are still make a change event.
        sets = ", ".join(
            f"{c.name} = {c.name if self._rng.random() < 0.1 else literal(c, self._rng)}"
            for c in self._some(columns)
        )
        return f"UPDATE public.{table.name} SET {sets} WHERE {table.is_key(keys)}"

    def _key_change(self, table: Table, columns: list[Column]) -> str:
        old, new = self._rng.sample(range(1, self._mix.keys + 1), 2)
        sets = [f"{c.name} = {v}" for c, v in zip(table.key, table.key_of(new), strict=True)]
        touched = self._some(columns) if self._rng.random() < 0.5 else []
        if table is DOCUMENTS and not self._mix.toast_key_changes:
            touched = [column for column in columns if column.is_large]
        sets += [f"{c.name} = {literal(c, self._rng)}" for c in touched]
        return f"UPDATE public.{table.name} SET {', '.join(sets)} WHERE {table.is_key([old])}"

    def _delete(self, table: Table, _columns: list[Column]) -> str:
        return f"DELETE FROM public.{table.name} WHERE {table.is_key([self._key()])}"

    def _delete_many(self, table: Table, _columns: list[Column]) -> str:
        return f"DELETE FROM public.{table.name} WHERE {table.is_key(self._keys(8))}"

    def _lock(self, table: Table, _columns: list[Column]) -> str:
        strength = self._rng.choice(("UPDATE", "SHARE", "NO KEY UPDATE"))
        condition = table.is_key(self._keys(4))
        return f"SELECT FROM public.{table.name} WHERE {condition} FOR {strength}"

    def _truncate(self, table: Table, _columns: list[Column]) -> str:
        others = [t.name for t in TABLES if t is not table and self._rng.random() < 0.2]
        return f"TRUNCATE {', '.join(f'public.{name}' for name in (table.name, *others))}"
