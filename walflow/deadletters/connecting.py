"""The stream's own connections, in the process of whoever looks at dead letters or replays them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace as changed

from cassandra.cluster import NoHostAvailable

from change_stream.config import stream_config
from change_stream.connections import Connections, connections
from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.spark import addresses

REGISTRY_SECONDS = 10.0
"""A person waits: the registry is asked for no longer than this."""


def connect(settings: Settings) -> Connections:
    """Connections that the caller has to `disconnect`.

    Raises:
        WalflowError: Cassandra does not answer.
    """
    config = changed(
        stream_config(settings, addresses(settings)),
        retry_seconds=REGISTRY_SECONDS,
        # A wrong "unknown id" does no harm here: the letter stays open.
        schema_confirm_seconds=0,
    )
    try:
        return connections(config)
    except NoHostAvailable as error:
        raise WalflowError(
            f"Cassandra does not answer at {settings.address('cassandra')}."
            f" {ticked('up cassandra')} starts it.",
            ExitCode.NOT_READY,
        ) from error


def disconnect(connected: Connections) -> None:
    """Close them; the next `connect` makes new ones."""
    connections.cache_clear()
    connected.session.cluster.shutdown()


@contextmanager
def connected(settings: Settings) -> Iterator[Connections]:
    """Connections for as long as the `with` lasts.

    Raises:
        WalflowError: Cassandra does not answer.
    """
    made = connect(settings)
    try:
        yield made
    finally:
        disconnect(made)
