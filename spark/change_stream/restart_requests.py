"""Requests to start the query again, so that every task reads the topics' generations anew.

A failed task would not do: while its partition is quiet, Spark notices the failure at the end of the
real-time batch only.
"""

from uuid import UUID, uuid4

from cassandra.cluster import Session

QUERY = "changes"
_TAKEN_UP = "changes: taken up"
"""Names the row with the request that the query which runs has been started for."""


class RestartRequests:
    """The newest request, kept in Cassandra."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, reason: str) -> None:
        """Ask for a restart, which follows within seconds."""
        self._write(QUERY, uuid4(), reason)

    def take_up(self) -> UUID | None:
        """Called when no query runs, before one is started: the request that it answers.

        Every task of it reads the topics' generations after this.
        """
        request = self.newest()
        if request is not None:
            self._write(_TAKEN_UP, request, "")
        return request

    def are_taken_up(self) -> bool:
        """Whether a query has been started since the newest request, and none from before runs."""
        taken_up = self._read(_TAKEN_UP)
        return taken_up is not None and taken_up == self.newest()

    def newest(self) -> UUID | None:
        """Names the newest request; a query that sees another one than at its start has to end."""
        return self._read(QUERY)

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
