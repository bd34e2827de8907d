"""Requests to start the query again, so that every task reads the topics' generations anew.

A failed task would not do: while its partition is quiet, Spark notices the failure at the end of the
real-time batch only.
"""

from uuid import UUID, uuid4

from cassandra.cluster import Session

QUERY = "changes"


class RestartRequests:
    """The newest request, kept in Cassandra."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, reason: str) -> None:
        """Ask for a restart, which follows within seconds."""
        self._session.execute(
            "INSERT INTO walflow.stream_restarts (query, request, reason) VALUES (%s, %s, %s)",
            (QUERY, uuid4(), reason),
        )

    def newest(self) -> UUID | None:
        """Names the newest request; a query that sees another one than at its start has to end."""
        row = self._session.execute(
            "SELECT request FROM walflow.stream_restarts WHERE query = %s", (QUERY,)
        ).one()
        request: UUID | None = row.request if row is not None else None
        return request
