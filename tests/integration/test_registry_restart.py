"""A registry that has just started denies ids that it has; nobody may believe it."""

import time
from uuid import uuid4

import pytest
import requests

from change_stream.schemas import NOT_FOUND, SchemaRegistry
from tests.conftest import Stack
from tests.e2e.avro_records import Table
from walflow.stack import lifecycle
from walflow.stack.catalogue import services, with_needs
from walflow.stack.registry import confluent_url

pytestmark = pytest.mark.only("local", "Confluent's registry reads its journal before it listens")

RETRY_SECONDS = 60
STARTS = 5
"""Now and then the journal is read before anybody can ask."""


def test_an_id_that_a_registry_denies_while_it_reads_its_journal_is_found_all_the_same(
    stack: Stack,
) -> None:
    known = Table(stack.settings, f"restart_{uuid4().hex[:8]}").envelope_id
    url = confluent_url(stack.settings)
    confirm_seconds = stack.settings.stream.schema_confirm_seconds

    try:
        starts = (_denied_at_start(stack, f"{url}/schemas/ids/{known}") for _ in range(STARTS))
        assert any(starts), "the id was not denied once"
        found = SchemaRegistry(url, RETRY_SECONDS, confirm_seconds).schema(known)
    finally:
        wanted = with_needs(services(stack.settings), ["registry"])
        lifecycle.up(stack.settings, wanted, lifecycle.Events())

    assert isinstance(found, dict) and found["name"].endswith(".Envelope")


def _denied_at_start(stack: Stack, url: str) -> bool:
    """Start the registry anew; returns in the moment in which it denies an id that exists.

    Returns:
        False if it never did.
    """
    stack.servers.stop("registry")
    stack.servers.start("registry")
    give_up = time.monotonic() + RETRY_SECONDS
    while time.monotonic() < give_up:
        try:
            answer = requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.01)  # it does not listen yet
            continue
        if answer.status_code == requests.codes.not_found:
            assert answer.json()["error_code"] in NOT_FOUND
            return True
        if answer.ok:
            return False
    raise AssertionError("the registry has not listened again")
