"""Proof that what Cassandra acknowledged is on its disk, where it acknowledges writes before that.

With `commitlog_sync: periodic` a node syncs its commit log, the whole of it, once a period, and holds
writes back while the last sync began longer ago than `periodic_commitlog_sync_lag_block`, one and a half
periods unless it is set (cassandra.yaml; PeriodicCommitLogService.maybeWaitForSync). So a write that is
sent that much later than another was acknowledged, and is acknowledged itself, shows that the other is
on disk: if it is still the same run of the node, whose `gossip_generation` rises with each start.

What a killed node loses is the end of its log. So whatever of the stream's own records in Cassandra is
left tells of no write that is not: only what leaves Cassandra, Spark's checkpoint, needs the proof.
"""

import re
import time
from collections.abc import Mapping

from cassandra import InvalidRequest, Unauthorized
from cassandra.cluster import Session

LONGEST_LAG_SECONDS = 1.0
"""A log that may lag further behind is not waited for: each batch would end with it."""
_DEFAULT_PERIOD = "10000ms"
_LAG_PERIODS = 1.5
_SETTINGS = ("commitlog_sync", "commitlog_sync_period", "periodic_commitlog_sync_lag_block")
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PROBE = "DELETE FROM walflow.stream_tasks WHERE task = -1"
"""A write that changes nothing."""


class NodeRestarted(Exception):
    """The node started anew, perhaps without the last that it acknowledged: apply the batch again."""


class CommitLog:
    """The commit log of a cluster of one node; where there are more, the others have copies."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._run: int | None = None
        self._lag_seconds = 0.0

    @property
    def run(self) -> int | None:
        """The node's `gossip_generation` as `begin` saw it; None: there are several nodes."""
        return self._run

    def begin(self) -> None:
        """Called before the first of the writes that are to be proven."""
        run = self._run_of_node()
        if run != self._run:
            self._lag_seconds = 0.0 if run is None else self._read_lag()
            self._run = run

    def prove(self) -> None:
        """Return when all that was acknowledged since `begin` is on disk.

        Raises:
            NodeRestarted: it may not be.
        """
        if not self._lag_seconds:
            return
        if self._lag_seconds <= LONGEST_LAG_SECONDS:
            time.sleep(self._lag_seconds)
            self._session.execute(_PROBE)
        if self.may_have_lost():
            raise NodeRestarted(
                "Cassandra has started anew and may have lost the last that it acknowledged: what was"
                " written since the batch began is written again."
            )

    def may_have_lost(self) -> bool:
        """Whether something that was acknowledged since `begin` may have gone with a run of the node."""
        return bool(self._lag_seconds) and self._run_of_node() != self._run

    def _run_of_node(self) -> int | None:
        """None: there are several."""
        if len(self._session.cluster.metadata.all_hosts()) > 1:
            return None
        run: int = self._session.execute("SELECT gossip_generation FROM system.local").one()[0]
        return run

    def _read_lag(self) -> float:
        names = ", ".join(f"'{name}'" for name in _SETTINGS)
        try:
            rows = self._session.execute(
                f"SELECT name, value FROM system_views.settings WHERE name IN ({names})"
            )
        except (InvalidRequest, Unauthorized):
            return 0.0  # before Cassandra 4, or not for this role
        return sync_lag_seconds({row.name: row.value for row in rows})


def sync_lag_seconds(settings: Mapping[str, str | None]) -> float:
    """How long after its acknowledgement a write may not be on disk, at the most.

    Args:
        settings: of a node, as in system_views.settings.

    Returns:
        0 where a write is acknowledged when it is on disk.
    """
    if settings.get("commitlog_sync") != "periodic":
        return 0.0
    block = settings.get("periodic_commitlog_sync_lag_block")
    if block:
        return _seconds(block)
    return _LAG_PERIODS * _seconds(settings.get("commitlog_sync_period") or _DEFAULT_PERIOD)


def _seconds(duration: str) -> float:
    """Of a duration as cassandra.yaml has it."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f"{duration!r} is not a duration such as 10ms")
    return int(found[1]) * _UNIT_SECONDS[found[2]]
