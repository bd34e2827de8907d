"""Hearing of one snapshot: what its connector's silence means."""

import pytest

from walflow.connect_api import ConnectApi, Connector, ConnectorState
from walflow.errors import ExitCode, WalflowError
from walflow.snapshots import notifications as told
from walflow.snapshots import reading
from walflow.snapshots.notifications import Notification
from walflow.snapshots.reading import Progress, _Following
from walflow.snapshots.signals import Signal


class Api(ConnectApi):
    """Answers with the states that it was given, the last one for ever."""

    def __init__(self, *states: ConnectorState) -> None:
        super().__init__("http://nowhere")
        self.left = list(states)

    def state(self, name: str) -> ConnectorState:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


RUNNING = ConnectorState("users", "RUNNING", ("RUNNING",), "")
FAILED = ConnectorState("users", "RUNNING", ("FAILED",), "the registry is away")
STOPPED = ConnectorState("users", "STOPPED", (), "")


def following(api: ConnectApi, shown: list[Progress]) -> _Following:
    signal = Signal("walflow-1", "public.t", 1, 0.0)
    return _Following(api, Connector("users", {}), signal, shown.append)


def test_a_failed_connector_is_waited_for_and_shown_and_named_if_it_stays_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[Progress] = []
    one = following(Api(FAILED), shown)
    one._require_alive(11.0)
    assert "connector users, which failed (the registry is away)" in shown[-1].stage
    monkeypatch.setattr(reading, "FAILED_SECONDS", 0.0)
    with pytest.raises(WalflowError, match="Connector users failed: the registry is away"):
        one._require_alive(22.0)


def test_a_connector_that_runs_again_may_fail_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Progress] = []
    one = following(Api(FAILED, RUNNING, FAILED), shown)
    monkeypatch.setattr(reading, "FAILED_SECONDS", 0.0)
    for silent in (11.0, 22.0, 33.0):
        one._require_alive(silent)
    assert len(shown) == 2


def test_a_stopped_connector_is_told_at_once() -> None:
    with pytest.raises(WalflowError, match="is STOPPED") as stopped:
        following(Api(STOPPED), [])._require_alive(11.0)
    assert stopped.value.exit_code is ExitCode.NOT_READY


def test_a_connector_that_does_not_begin_is_told_in_the_end() -> None:
    one = following(Api(RUNNING), [])
    one._require_alive(reading.BEGUN_SECONDS - 1)
    with pytest.raises(WalflowError, match=r"did not begin with public\.t within 90 s"):
        one._require_alive(reading.BEGUN_SECONDS + 1)


def test_rows_and_chunks_are_counted_until_the_end_is_told() -> None:
    one = following(Api(RUNNING), [])
    steps = [
        (told.STARTED, {}, False),
        (told.IN_PROGRESS, {"last_processed_key": "[5]", "maximum_key": "[9]"}, False),
        (told.IN_PROGRESS, {"last_processed_key": "[9]", "maximum_key": "[9]"}, False),
        (told.TABLE_SCAN_COMPLETED, {"status": "SUCCEEDED", "total_rows_scanned": "9"}, False),
        (told.COMPLETED, {}, True),
    ]
    for kind, data, is_end in steps:
        assert one._is_end(Notification("walflow-1", told.INCREMENTAL, kind, data)) is is_end
    assert (one._progress.chunks, one._progress.rows, one._progress.last_key) == (2, 9, "[9]")
