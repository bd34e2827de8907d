"""A connector of a test's own: the users' connector with another slot, publication and tables."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from walflow.connect_api import USERS_CONNECTOR, ConnectApi, Connector, read_connector
from walflow.settings import Settings


@contextmanager
def capturing(settings: Settings, cursor: Any, name: str, tables: str) -> Iterator[None]:
    """The connector runs; no trace of it afterwards but its topics, of one partition each.

    Args:
        name: of the connector, its slot and its publication, which is there.
        tables: a `table.include.list`.
    """
    address = f"http://{settings.address('connect')}"
    api, url = ConnectApi(address), f"{address}/connectors/{name}"
    config = read_connector(USERS_CONNECTOR).config | {
        "slot.name": name,
        "publication.name": name,
        "table.include.list": tables,
        "topic.creation.default.partitions": "1",
        # Two connectors with one topic prefix would have one name for their metrics.
        "custom.metric.tags": f"connector={name}",
    }
    del config["heartbeat.action.query"]
    try:
        api.apply(Connector(name, config), str(USERS_CONNECTOR))
        until(lambda: _slot_is_active(cursor, name), 60)
        yield
    finally:
        requests.put(f"{url}/stop", timeout=30)
        until(lambda: not _slot_is_active(cursor, name), 60)
        until(lambda: requests.delete(f"{url}/offsets", timeout=30).ok, 60)
        api.delete(name)
        cursor.execute("SELECT pg_drop_replication_slot(%s)", (name,))
        cursor.execute(f"DROP PUBLICATION {name}")


def _slot_is_active(cursor: Any, name: str) -> bool:
    cursor.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (name,))
    return bool(cursor.fetchone() == (True,))


def until(question: Callable[[], bool], seconds: float) -> None:
    """Wait for it to be true."""
    give_up = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < give_up, f"still not after {seconds} s"
        time.sleep(0.2)
