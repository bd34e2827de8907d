"""A server goes away for 20 seconds while users flow in: everything arrives after."""

import threading
import time
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Stack
from tests.e2e.tables import sides_are_equal
from users.ingest import Settings as IngestSettings
from users.ingest import Summary, ingest
from users.source import Source

OUTAGE_SECONDS = 20
USERS = 3000


@pytest.mark.long
@pytest.mark.parametrize("name", ["postgres", "kafka", "cassandra"])
def test_users_that_flow_in_while_a_server_is_away_all_arrive(
    stack: Stack, eventually: Any, name: str
) -> None:
    settings = stack.settings
    source = Source(f"http://{settings.address('users_api')}/api/", "bundled", "a test")
    dsn = (
        f"host=127.0.0.1 port={settings.ports.of('postgres')} dbname={settings.postgres.database}"
        f" user=users_writer password={settings.postgres.writer_password}"
    )
    # 50 users a page and 100 pages a minute: the run spans the outage.
    slowly = IngestSettings(concurrency=1, page_size=50, requests_per_minute=100)
    summaries: list[Summary] = []
    flow = threading.Thread(
        target=lambda: summaries.append(
            ingest(source, dsn, USERS, f"outage of {name}", f"{uuid4().hex[:16]}", slowly)
        )
    )
    flow.start()
    stack.servers.stop(name)
    time.sleep(OUTAGE_SECONDS)  # the outage itself, not a wait for anything
    back = stack.walflow("up", name)
    assert back.returncode == 0, back.stderr
    flow.join(timeout=180)
    assert summaries and summaries[0].inserted == USERS
    eventually(lambda: sides_are_equal(settings), True, 180)
