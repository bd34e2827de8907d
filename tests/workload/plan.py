"""A workload as data: sessions of transactions of statements, each with its place in the schedule."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

Place = tuple[int, int, int]
"""Session, transaction and statement, counted from 0."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL without parameters, so that a workload can be read and run by hand."""

    at: int
    """Virtual time: of all sessions' next statements, the one with the lowest is sent first. A
    workload from which statements were dropped keeps the order of those that are left."""
    sql: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """BEGIN, these statements, and COMMIT or ROLLBACK at `ends_at`."""

    statements: tuple[Statement, ...]
    ends_at: int
    commits: bool = True
    isolation: str = "READ COMMITTED"

    def steps(self) -> tuple[Statement, ...]:
        """Everything that is sent, BEGIN and COMMIT included."""
        begins_at = self.statements[0].at if self.statements else self.ends_at
        return (
            Statement(begins_at, f"BEGIN ISOLATION LEVEL {self.isolation}"),
            *self.statements,
            Statement(self.ends_at, "COMMIT" if self.commits else "ROLLBACK"),
        )


@dataclass(frozen=True, slots=True)
class Workload:
    """Each session is a tuple of transactions."""

    sessions: tuple[tuple[Transaction, ...], ...]

    def places(self) -> Iterator[Place]:
        """Where each statement is; BEGIN and COMMIT have none."""
        for s, session in enumerate(self.sessions):
            for t, transaction in enumerate(session):
                for i in range(len(transaction.statements)):
                    yield s, t, i

    def only(self, places: Iterable[Place]) -> "Workload":
        """The workload with nothing but these statements; what is then empty is left out."""
        kept = set(places)
        sessions = []
        for s, session in enumerate(self.sessions):
            transactions = []
            for t, transaction in enumerate(session):
                statements = tuple(
                    statement
                    for i, statement in enumerate(transaction.statements)
                    if (s, t, i) in kept
                )
                if statements:
                    transactions.append(
                        Transaction(
                            statements,
                            transaction.ends_at,
                            transaction.commits,
                            transaction.isolation,
                        )
                    )
            if transactions:
                sessions.append(tuple(transactions))
        return Workload(tuple(sessions))

    def script(self) -> str:
        """The statements in the order of the schedule, each behind its session's number."""
        lines = [
            (step.at, s, n, step.sql)
            for s, session in enumerate(self.sessions)
            for n, step in enumerate(step for t in session for step in t.steps())
        ]
        return "\n".join(f"{s}: {sql};" for _, s, _, sql in sorted(lines))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def from_json(text: str) -> Workload:
    """What `Workload.to_json` wrote."""
    return Workload(
        tuple(
            tuple(
                Transaction(
                    tuple(Statement(**statement) for statement in transaction["statements"]),
                    transaction["ends_at"],
                    transaction["commits"],
                    transaction["isolation"],
                )
                for transaction in session
            )
            for session in json.loads(text)["sessions"]
        )
    )
