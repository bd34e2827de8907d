"""Up to where each partition is applied, for a batch that runs again: what is below is passed over.

Spark runs a batch again from its start when the query or a process has ended in the midst of it. A mark
says which batch it is of and below which stamp every record of the partition is applied. Stamps, not
offsets: where a topic has got a generation since, by a TRUNCATE or a repair, its records have higher
stamps than were written, and are applied again.

A mark is a write to Cassandra behind the writes that it tells of. A node that is killed loses the end of
its commit log, so a mark that is left tells of no write that is not. One that was sent to a node that
had started anew meanwhile would: hence a mark names the run of the node that acknowledged those writes,
and holds for that run only.
"""

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple
from uuid import uuid4

from cassandra.cluster import Session

from change_stream.patience import AWAY, patiently
from change_stream.record import Record
from change_stream.stamps import NoGeneration
from walflow.logs import record_fields

log = logging.getLogger("change_stream.marks")

StampOf = Callable[[Record], int]
"""A record's stamp by the present generations; raises NoGeneration."""


class Mark(NamedTuple):
    """As it is kept in one cell, so that both halves are of one writer."""

    batch: str
    stamp: int
    """Microseconds since 1970; every record of the partition with a lower one is applied."""


def batch_name(query: str | None, batch: str | None, node_run: int | None) -> str:
    """Names a batch of a query, and the run of Cassandra's node that its task writes to.

    Args:
        query, batch: ids; where Spark does not tell them, the name is one that no other task has.
        node_run: `gossip_generation`; None: there are several nodes, which have copies.
    """
    return f"{query or uuid4()}/{batch or uuid4()}/{node_run}"


class AppliedBefore:
    """What an earlier run of a task's batch has applied; to be asked in the order of the records.

    Args:
        prefix: of the topics, which is no part of a table's name.
        seconds: for how long Cassandra is asked again while it is away.
    """

    def __init__(
        self, session: Session, batch: str, stamp_of: StampOf, prefix: str, seconds: float
    ) -> None:
        self._session = session
        self._batch = batch
        self._stamp_of = stamp_of
        self._prefix = prefix
        self._seconds = seconds
        self._marks: dict[tuple[str, int], int] = {}
        self._passed_over: Counter[tuple[str, int]] = Counter()

    def has(self, record: Record) -> bool:
        """Whether a record is applied already.

        Raises:
            DriverException: Cassandra stays away.
        """
        place = record[:2]
        mark = self._marks.get(place)
        if mark is None:
            mark = self._marks[place] = patiently(partial(self._read, *place), self._seconds, AWAY)
        if not mark:
            return False
        if patiently(partial(self._is_below, record, mark), self._seconds, AWAY):
            self._passed_over[place] += 1
            return True
        self._marks[place] = 0  # stamps rise: none of those behind it is
        passed_over = self._passed_over[place]
        log.info(
            "goes on where the batch broke off",
            extra=record_fields(*record[:3], self._prefix, passed_over=passed_over),
        )
        return False

    def _read(self, topic: str, partition: int) -> int:
        row = self._session.execute(
            "SELECT mark FROM walflow.stream_progress WHERE topic = %s AND partition = %s",
            (topic, partition),
        ).one()
        if row is None or row.mark is None:
            return 0
        mark = Mark(*row.mark)
        return mark.stamp if mark.batch == self._batch else 0

    def _is_below(self, record: Record, mark: int) -> bool:
        try:
            return self._stamp_of(record) < mark
        except NoGeneration:
            return False
