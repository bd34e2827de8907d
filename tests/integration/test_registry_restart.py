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


def test_an_id_that_a_registry_denies_while_it_reads_its_journal_is_found_all_the_same(
    stack: Stack,
) -> None:
    known = Table(stack.settings, f"restart_{uuid4().hex[:8]}").envelope_id
    url = confluent_url(stack.settings)
    confirm_seconds = stack.settings.stream.schema_confirm_seconds

    stack.servers.stop("registry")
    try:
        stack.servers.start("registry")
        _await_denial(f"{url}/schemas/ids/{known}")
        found = SchemaRegistry(url, RETRY_SECONDS, confirm_seconds).schema(known)
    finally:
        wanted = with_needs(services(stack.settings), ["registry"])
        lifecycle.up(stack.settings, wanted, lifecycle.Events())

    assert isinstance(found, dict) and found["name"].endswith(".Envelope")


def _await_denial(url: str) -> None:
    """Return in the moment in which an id that exists is denied."""
    give_up = time.monotonic() + RETRY_SECONDS
    while time.monotonic() < give_up:
        try:
            answer = requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.01)  # it does not listen yet
            continue
        if answer.status_code == requests.codes.not_found:
            assert answer.json()["error_code"] in NOT_FOUND
            return
        assert answer.status_code != requests.codes.ok, "the id was not denied once"
    raise AssertionError("the registry has not listened again")
