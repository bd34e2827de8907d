"""Since when the counts are not kept, and why: told in Cassandra, where `walflow status` reads it."""

from datetime import UTC, datetime

from cassandra.cluster import Session

from change_stream.restart_requests import COUNTS_QUERY


class Standstill:
    """From the first failure of the query that counts until it gets through again.

    The first is not told: mostly the query goes on seconds later, and it also fails when the stream is
    stopped. What an earlier process has told stands until this one's query gets through.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        told = session.execute(
            "SELECT since FROM walflow.aggregate_failure WHERE query = %s", (COUNTS_QUERY,)
        ).one()
        self._since: datetime | None = None if told is None else told.since.replace(tzinfo=UTC)

    @property
    def is_on(self) -> bool:
        return self._since is not None

    def failed(self, reason: str) -> None:
        """
        Raises:
            Exception: one of `patience.AWAY`, Cassandra does not take it; the next failure tells it.
        """
        if self._since is None:
            self._since = datetime.now(UTC)
            return
        self._session.execute(
            "INSERT INTO walflow.aggregate_failure (query, since, reason) VALUES (%s, %s, %s)",
            (COUNTS_QUERY, self._since, reason),
        )

    def end(self) -> None:
        """The query has got through.

        Raises:
            Exception: one of `patience.AWAY`, Cassandra does not take it; to be called again.
        """
        self._session.execute(
            "DELETE FROM walflow.aggregate_failure WHERE query = %s", (COUNTS_QUERY,)
        )
        self._since = None
