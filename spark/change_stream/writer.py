"""Group commit: what gathers while an earlier write is under way goes out as one unlogged batch.

At low load a group is a single statement and latency is lowest; under load groups fill and the cost of
a statement falls from 230 µs to 18 µs of client CPU. The order of writes does not matter, since each
carries its own stamp.

Where Cassandra syncs its commit log for each write, it carries out the rows of a batch one after
another, each up to its sync (StorageProxy.performLocally). So what shares a sync are rows of different
groups: many groups at once, which costs nothing where it syncs once a period.
"""

import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cassandra import InvalidRequest, OperationTimedOut, RequestExecutionException, protocol
from cassandra.cluster import NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.query import BatchStatement, BatchType, BoundStatement

from change_stream.record import Record

TRANSIENT = (
    RequestExecutionException,
    # The driver hands these on as they came: Cassandra is overloaded, starting or failing.
    protocol.RequestExecutionException,
    protocol.ServerError,
    OperationTimedOut,
    NoHostAvailable,
    ConnectionException,
)
TABLE_GONE = re.compile(r"table \w+ does not exist")
"""In Cassandra's words (Schema.validateTable): nothing is wrong with the row, somebody has dropped the
table. The next task makes it anew."""
MAX_BACKOFF_SECONDS = 5.0
CELL_BYTES = 16
ROW_BYTES = 64
"""What Cassandra counts beside the values against batch_size_fail_threshold: for each cell its write
time, time to live and local deletion time (AbstractCell.dataSize), and for a row, with its partition,
less than this."""


class WriteFailed(Exception):
    """Cassandra took a write neither at once nor within the retry time: the task must fail."""


class _Item(NamedTuple):
    record: Record
    statement: BoundStatement
    size: int


@dataclass(slots=True)
class _Group:
    """Items sent together, in the order of their offsets."""

    items: list[_Item]
    replicas: object = None
    """Replica set of all its items."""
    size: int = 0
    """Bytes of all its items, as Cassandra counts them."""
    whole: "_Group | None" = None
    """The group that this one is a part of, where a refused group is sent again item by item."""
    unfinished: int = 0
    attempts: int = 0
    started: float = field(default_factory=time.monotonic)


class GroupCommitWriter:
    """Writes statements of one task; its methods are for the task's thread, `push` for the driver's too.

    Args:
        replicas_of: names the replica set of a statement; a group never spans two.
        refused: called with each record that Cassandra refuses for its content, and the reason.
        applied: called with the newest record up to which all are applied; from a driver thread.
        failed: called as soon as a write cannot be carried out, which a task that waits for its next
            record would not notice; from a driver thread.
    """

    def __init__(
        self,
        session: Session,
        *,
        group_rows: int,
        group_bytes: int,
        groups_in_flight: int,
        pending_rows: int,
        retry_seconds: float,
        replicas_of: Callable[[BoundStatement], object],
        refused: Callable[[Record, str], None],
        applied: Callable[[Record], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._session = session
        self._group_rows = group_rows
        self._group_bytes = group_bytes
        self._groups_in_flight = groups_in_flight
        self._pending_rows = pending_rows
        self._retry_seconds = retry_seconds
        self._replicas_of = replicas_of
        self._refused = refused
        self._applied = applied
        self._failed_for_good = failed
        self._changed = threading.Condition()
        self._open: _Group | None = None
        self._closed: deque[_Group] = deque()
        self._again: deque[_Group] = deque()
        self._waiting = 0
        self._in_flight = 0
        self._order: OrderedDict[int, _Group] = OrderedDict()
        self._failure: Exception | None = None

    def write(self, record: Record, statement: BoundStatement, more: bool = False) -> None:
        """Hand over one statement; waits while too many are unwritten.

        Args:
            more: others follow at once, and `push` behind the last: a group that they would go into is
                not sent without them.

        Raises:
            WriteFailed: an earlier write could not be carried out.
        """
        size = _bytes_in_batch(statement)
        replicas = self._replicas_of(statement)
        if self._waiting >= self._pending_rows:
            self.push()
        with self._changed:
            while self._waiting >= self._pending_rows and self._failure is None:
                self._changed.wait()
            self._raise_failure()
            self._add(_Item(record, statement, size), replicas)
        if self._closed or not more:
            self.push()

    def push(self) -> None:
        """Send what there is room for."""
        while True:
            with self._changed:
                group = self._next()
                if group is None:
                    return
                self._in_flight += 1
            self._send(group)

    def drain(self) -> None:
        """Wait until everything handed over is written.

        Raises:
            WriteFailed: something could not be.
        """
        self.push()
        with self._changed:
            while (self._waiting or self._again or self._in_flight) and self._failure is None:
                self._changed.wait()
            self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise WriteFailed(str(self._failure)) from self._failure

    def _add(self, item: _Item, replicas: object) -> None:
        """Put an item into the open group, or begin one where that is full or of other replicas."""
        group = self._open
        if group is not None and (
            group.size + item.size > self._group_bytes or group.replicas != replicas
        ):
            self._closed.append(group)
            group = None
        if group is None:
            self._open = group = _Group([], replicas)
            self._order[id(group)] = group
        group.items.append(item)
        group.size += item.size
        group.unfinished += 1
        self._waiting += 1
        if len(group.items) >= self._group_rows:
            self._closed.append(group)
            self._open = None

    def _next(self) -> _Group | None:
        """The group to send now, if there is one.

        One that could still grow is sent while nothing is under way, as Nagle's algorithm does with
        segments (RFC 896): a lone row waits for nothing, and of many, groups are made.
        """
        if self._failure or self._in_flight >= self._groups_in_flight:
            return None
        if self._again:
            return self._again.popleft()
        if self._closed:
            group = self._closed.popleft()
        elif self._open is not None and not self._in_flight:
            group, self._open = self._open, None
        else:
            return None
        self._waiting -= len(group.items)
        return group

    def _send(self, group: _Group) -> None:
        statement: BoundStatement | BatchStatement = group.items[0].statement
        if len(group.items) > 1:
            statement = BatchStatement(BatchType.UNLOGGED)
            for item in group.items:
                statement.add(item.statement)
        group.attempts += 1
        try:
            future = self._session.execute_async(statement)
        except Exception as error:  # raised at once when no node is reachable
            self._failed(error, group)
            return
        future.add_callbacks(
            callback=self._acknowledged,
            callback_args=(group,),
            errback=self._failed,
            errback_args=(group,),
        )

    def _acknowledged(self, _result: Any, group: _Group) -> None:
        self._finish(group)

    def _finish(self, group: _Group) -> None:
        whole = group.whole or group
        newest: Record | None = None
        with self._changed:
            self._in_flight -= 1
            whole.unfinished -= len(group.items)
            while self._order and next(iter(self._order.values())).unfinished == 0:
                _, done = self._order.popitem(last=False)
                newest = done.items[-1].record
            # Within the lock: told by two threads at once, progress would go back.
            if newest is not None:
                self._applied(newest)
            self._changed.notify_all()
        self.push()

    def _failed(self, error: Exception, group: _Group) -> None:
        if isinstance(error, InvalidRequest) and not TABLE_GONE.search(str(error)):
            self._take_apart(error, group)
        elif isinstance(error, TRANSIENT) and self._may_retry(group):
            backoff = min(0.05 * 2 ** min(group.attempts, 10), MAX_BACKOFF_SECONDS)
            timer = threading.Timer(backoff, self._send, (group,))
            timer.daemon = True
            timer.start()
        else:
            self._fail(error, group)

    def _may_retry(self, group: _Group) -> bool:
        return time.monotonic() - group.started < self._retry_seconds

    def _take_apart(self, error: InvalidRequest, group: _Group) -> None:
        """Send a refused group item by item; a refused item is the dead letter."""
        if len(group.items) == 1:
            try:
                self._refused(group.items[0].record, f"Cassandra refuses it: {error}")
            except Exception as failure:  # the dead letter could not be stored, or is to halt all
                self._abort(failure)
            else:
                self._finish(group)
            return
        with self._changed:
            self._in_flight -= 1
            self._again.extend(_Group([item], whole=group) for item in group.items)
        self.push()

    def _fail(self, error: Exception, group: _Group) -> None:
        place = group.items[0].record.place
        self._abort(
            WriteFailed(
                f"{place}: Cassandra could not take the write after {group.attempts} tries"
                f" in {time.monotonic() - group.started:.0f} s: {error}"
            )
        )

    def _abort(self, failure: Exception) -> None:
        with self._changed:
            self._in_flight -= 1
            self._failure = failure
            self._changed.notify_all()
        self._failed_for_good(failure)


def _bytes_in_batch(statement: BoundStatement) -> int:
    """What a statement adds to the size of a batch, at the most: an unset value is no cell."""
    values = statement.values
    return (
        ROW_BYTES + CELL_BYTES * len(values) + sum(len(v) for v in values if isinstance(v, bytes))
    )
