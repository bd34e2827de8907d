"""The one place where walflow connects to Kafka, and where its failures become sentences."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import kafka
import kafka.errors

from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings

BOOTSTRAP_MS = 5_000
"""A person waits; kafka-python itself would look for a broker for 30 s."""
FETCH_BYTES = 16 * 2**20
"""Of one answer; a record that is larger comes all the same (KIP-74)."""


def new_admin(
    settings: Settings, request_ms: int = 10_000, bootstrap_ms: int = BOOTSTRAP_MS
) -> kafka.KafkaAdminClient:
    """An admin client that its caller has to close.

    Raises:
        KafkaError, ValueError: Kafka does not answer.
    """
    return kafka.KafkaAdminClient(
        bootstrap_servers=settings.address("kafka"),
        request_timeout_ms=request_ms,
        bootstrap_timeout_ms=bootstrap_ms,
    )


def new_consumer(
    settings: Settings, bootstrap_ms: int = BOOTSTRAP_MS, **options: Any
) -> kafka.KafkaConsumer:
    """A consumer of committed records, without a group, that its caller has to close.

    Raises:
        KafkaError, ValueError: Kafka does not answer.
    """
    return kafka.KafkaConsumer(
        bootstrap_servers=settings.address("kafka"),
        isolation_level="read_committed",
        bootstrap_timeout_ms=bootstrap_ms,
        group_id=None,
        enable_auto_commit=False,
        # Where retention has taken what was asked for, the next that is kept.
        auto_offset_reset="earliest",
        fetch_max_bytes=FETCH_BYTES,
        **options,
    )


@contextmanager
def admin(settings: Settings) -> Iterator[kafka.KafkaAdminClient]:
    """An admin client for as long as the `with` lasts.

    Raises:
        WalflowError: Kafka does not answer, or refuses.
    """
    with failures_told(settings):
        client = _made(settings, lambda: new_admin(settings))
        try:
            yield client
        finally:
            client.close()


@contextmanager
def consumer(settings: Settings, **options: Any) -> Iterator[kafka.KafkaConsumer]:
    """A consumer of committed records, without a group, for as long as the `with` lasts.

    Raises:
        WalflowError: Kafka does not answer, or refuses.
    """
    with failures_told(settings):
        client = _made(settings, lambda: new_consumer(settings, **options))
        try:
            yield client
        finally:
            client.close()


@contextmanager
def failures_told(settings: Settings) -> Iterator[None]:
    """Kafka's failures as sentences.

    Raises:
        WalflowError: Kafka does not answer, or refuses.
    """
    try:
        yield
    except kafka.errors.KafkaError as error:
        raise _unanswered(settings, error) from error


def _made(settings: Settings, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ValueError as error:  # the client's word for an address that it cannot reach
        raise _unanswered(settings, error) from error


def _unanswered(settings: Settings, error: Exception) -> WalflowError:
    return WalflowError(
        f"Kafka does not answer at {settings.address('kafka')}: {error}. See {ticked('status')};"
        f" {ticked('up kafka')} starts it.",
        ExitCode.NOT_READY,
    )
