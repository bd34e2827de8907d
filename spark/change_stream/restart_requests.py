"""Requests to start the query again, so that every task reads the topics' generations anew.

A failed task would not do: while its partition is quiet, Spark notices the failure at the end of the
real-time batch only.
"""

from uuid import UUID, uuid4

from cassandra.cluster import Session

QUERY = "changes"
COUNTS_QUERY = "aggregates"
"""The one that copies rows, and the one that counts them."""


class RestartRequests:
    """The newest request for one query, kept in Cassandra."""

    def __init__(self, session: Session, query: str = QUERY) -> None:
        self._session = session
        self._query = query
        self._taken_up = f"{query}: taken up"
        """Names the row with the request that the query which runs has been started for."""

    def add(self, reason: str) -> None:
        """Ask for a restart, which follows within seconds."""
        self._write(self._query, uuid4(), reason)

    def take_up(self) -> UUID | None:
        """Called when no query runs, before one is started: the request that it answers.

        Every task of it reads the topics' generations after this.
        """
        request = self.newest()
        if request is not None:
            self._write(self._taken_up, request, "")
        return request

    def are_taken_up(self) -> bool:
        """Whether a query has been started since the newest request, and none from before runs."""
        taken_up = self._read(self._taken_up)
        return taken_up is not None and taken_up == self.newest()

    def newest(self) -> UUID | None:
        """Names the newest request; a query that sees another one than at its start has to end."""
        return self._read(self._query)

    def _write(self, query: str, request: UUID, reason: str) -> None:
        self._session.execute(
            "INSERT INTO walflow.stream_restarts (query, request, reason) VALUES (%s, %s, %s)",
            (query, request, reason),
        )

    def _read(self, query: str) -> UUID | None:
        row = self._session.execute(
            "SELECT request FROM walflow.stream_restarts WHERE query = %s", (query,)
        ).one()
        request: UUID | None = row.request if row is not None else None
        return request
