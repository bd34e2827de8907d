"""A connection to PostgreSQL that may change what is captured."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2

from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings

CAPTURE_ROLE = "walflow_capture"
"""The role that the connector logs in as."""


@contextmanager
def connected(settings: Settings) -> Iterator[Any]:
    """A connection of the superuser that commits each statement, unless within `transaction`.

    Raises:
        WalflowError: PostgreSQL does not answer, or refuses a statement.
    """
    try:
        connection = psycopg2.connect(settings.postgres_dsn())
    except psycopg2.OperationalError as error:
        raise WalflowError(
            f"PostgreSQL does not answer at {settings.address('postgres')}: {str(error).strip()}."
            f" See {ticked('status')}.",
            ExitCode.NOT_READY,
        ) from error
    connection.autocommit = True
    try:
        yield connection
    except psycopg2.Error as error:
        raise WalflowError(f"PostgreSQL: {str(error).strip()}.") from error
    finally:
        connection.close()


@contextmanager
def transaction(connection: Any) -> Iterator[Any]:
    """A cursor whose statements are committed together, or not at all."""
    connection.autocommit = False
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.autocommit = True
