"""Rows of Cassandra, read as the bytes that they are, in the form of `rows`."""

import io
import itertools
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    ResponseFuture,
    Session,
)
from cassandra.concurrent import execute_concurrent
from cassandra.connection import ConnectionException
from cassandra.metadata import Murmur3Token, TableMetadata, maybe_escape_name
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.protocol import ErrorMessage, ProtocolHandler, ResultMessage, read_int
from cassandra.query import BoundStatement, PreparedStatement

from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.verify.conversions import UNREPRESENTABLE
from walflow.verify.copying import TakeRow
from walflow.verify.plan import CannotTell, Plan
from walflow.verify.rows import NULL, converted, skip, values

REQUEST_SECONDS = 60.0
PAGES_IN_FLIGHT = 3
PAGE_BYTES = 1024 * 1024
"""Pages are asked for in rows; their number follows the rows' size so that a page has about this."""
FIRST_PAGE_ROWS = 500
MAX_PAGE_ROWS = 10_000
SCAN_RANGES = 64
POINT_READS_IN_FLIGHT = 64

MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"
MIN_TOKEN = -(2**63)
"""Murmur3's tokens are 64 bits; the lowest is no row's."""
MAX_TOKEN = 2**63 - 1
RING = 2**64


@dataclass(frozen=True, slots=True)
class RawRows:
    """The rows of a page, one after the other, as they came."""

    count: int
    data: bytes


class _RawResult(ResultMessage):  # type: ignore[misc]
    """A result whose rows are left as bytes: no Python object for each cell."""

    def recv_results_rows(
        self,
        f: io.BytesIO,
        protocol_version: int,
        user_type_map: Any,
        result_metadata: Any,
        column_encryption_policy: Any,
    ) -> None:
        self.recv_results_metadata(f, user_type_map)
        columns = self.column_metadata or result_metadata
        self.column_names = [column[2] for column in columns]
        self.column_types = [column[3] for column in columns]
        self.parsed_rows = [RawRows(read_int(f), f.read())]


class _RawProtocol(ProtocolHandler):  # type: ignore[misc]
    message_types_by_opcode: ClassVar[dict[int, type]] = {
        **ProtocolHandler.message_types_by_opcode,
        _RawResult.opcode: _RawResult,
    }


@contextmanager
def connected(settings: Settings) -> Iterator[Session]:
    """A session whose rows are `RawRows`; its cluster's metadata describes the tables.

    Raises:
        WalflowError: Cassandra is not reachable.
    """
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        consistency_level=ConsistencyLevel.name_to_value[settings.cassandra.consistency],
        request_timeout=REQUEST_SECONDS,
        row_factory=lambda _names, rows: rows,
    )
    cluster = Cluster(
        [settings.hosts.cassandra],
        port=settings.ports.of("cassandra"),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=5,
        compression=False,
    )
    try:
        try:
            session = cluster.connect()
        except (NoHostAvailable, DriverException) as error:
            raise WalflowError(
                f"Cassandra does not answer at {settings.address('cassandra')}: {error}."
                f" See {ticked('status')}.",
                ExitCode.NOT_READY,
            ) from error
        session.client_protocol_handler = _RawProtocol
        with failures_told():
            yield session
    finally:
        cluster.shutdown()


@contextmanager
def failures_told() -> Iterator[None]:
    """What Cassandra answers to a statement, as a sentence."""
    try:
        yield
    except (NoHostAvailable, DriverException, ErrorMessage, ConnectionException) as error:
        raise CannotTell(f"Cassandra: {error}.") from error


def table_of(session: Session, keyspace: str, table: str) -> TableMetadata | None:
    found = session.cluster.metadata.keyspaces.get(keyspace)
    return found.tables.get(table) if found is not None else None


@dataclass(frozen=True, slots=True)
class Arc:
    """A stretch of the token ring: the tokens from behind `start` on, as many as `width`."""

    start: int = MIN_TOKEN
    width: int = RING

    @property
    def is_whole(self) -> bool:
        return self.width == RING

    def holds(self, key: bytes, partition_key_size: int) -> bool:
        """Whether it holds the row with this primary key, in the form of `rows`."""
        parts = [value or b"" for value in values(key)[:partition_key_size]]
        if len(parts) == 1:
            routing_key = parts[0]
        else:
            routing_key = b"".join(struct.pack(">H", len(p)) + p + b"\0" for p in parts)
        token: int = Murmur3Token.hash_fn(routing_key)
        return (token - self.start - 1) % RING < self.width

    def ranges(self) -> list[tuple[int, int]]:
        """Parts for one query each, exclusive of their first token and inclusive of their last."""
        bounds = [self.start + self.width * n // SCAN_RANGES for n in range(SCAN_RANGES + 1)]
        ranges: list[tuple[int, int]] = []
        for low, high in itertools.pairwise(bounds):
            if low > MAX_TOKEN:
                ranges.append((low - RING, high - RING))
            elif high > MAX_TOKEN:
                ranges += [(low, MAX_TOKEN), (MIN_TOKEN, high - RING)]
            else:
                ranges.append((low, high))
        return [(low, high) for low, high in ranges if low < high]


class TargetRows:
    """The rows of one table."""

    def __init__(self, plan: Plan, session: Session) -> None:
        self._plan = plan
        self._session = session
        self._columns = [maybe_escape_name(c.target) for c in (*plan.key, *plan.rest_in_target)]
        self._normals = [c.conversion.normal for c in plan.rest_in_target]
        self._absent = NULL * (len(plan.rest) - len(plan.rest_in_target))

    def scan(self, arc: Arc, take: TakeRow, range_done: Callable[[int, int], None]) -> None:
        """Hand on the key and the rest of every row in a stretch of the ring.

        Args:
            range_done: called with how many ranges of how many have been read.

        Raises:
            CannotTell: the cluster does not spread rows by Murmur3 tokens.
        """
        if self._session.cluster.metadata.partitioner != MURMUR3:
            raise CannotTell(f"Cassandra's partitioner is not {MURMUR3}: verify cannot scan it.")
        key = self._plan.key[: self._plan.partition_key_size]
        token = f"token({', '.join(maybe_escape_name(c.target) for c in key)})"
        statement = self._session.prepare(
            f"SELECT {', '.join(self._columns)} FROM {self._plan.target_name}"
            f" WHERE {token} > ? AND {token} <= ?"
        )
        for page in _pages(self._session, statement, arc.ranges(), range_done):
            self._take_rows(page, take)

    def _take_rows(self, page: RawRows, take: TakeRow) -> None:
        data, position = page.data, 0
        key_fields, rest_fields = len(self._plan.key), len(self._normals)
        absent, normals = self._absent, self._normals
        is_plain = not any(normals)
        for _ in range(page.count):
            start = position
            position = skip(data, position, key_fields)
            key = data[start:position]
            if is_plain:
                start = position
                position = skip(data, position, rest_fields)
                rest = data[start:position]
            else:
                rest, position = converted(data, position, normals)
            take(key, rest + absent if absent else rest)

    def versions(self, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
        """The rows with these keys: the rest of the row, and the write times of its cells."""
        readable = [key for key in keys if self._can_exist(key)]
        results = execute_concurrent(
            self._session,
            [(self._point_read(values(key)), None) for key in readable],
            concurrency=POINT_READS_IN_FLIGHT,
        )
        found: dict[bytes, tuple[bytes, bytes]] = {}
        for key, (_, result) in zip(readable, results, strict=True):
            (page,) = result.current_rows
            if page.count:
                rest, position = converted(page.data, 0, self._normals)
                found[key] = (rest + self._absent, page.data[position:])
        return found

    def _can_exist(self, key: bytes) -> bool:
        """Cassandra takes no empty value as the whole partition key, and none of another type."""
        parts = values(key)
        if UNREPRESENTABLE in parts:
            return False
        return self._plan.partition_key_size > 1 or parts[0] != b""

    def _point_read(self, key: Sequence[bytes | None]) -> BoundStatement:
        """The driver would serialize values; these are serialized already."""
        statement = BoundStatement(self._one_row)
        statement.values = list(key)
        return statement

    @cached_property
    def _one_row(self) -> PreparedStatement:
        names = self._columns[len(self._plan.key) :]
        key = " AND ".join(f"{name} = ?" for name in self._columns[: len(self._plan.key)])
        times = [f"writetime({name})" for name in names]
        select = ", ".join([*names, *times]) or self._columns[0]
        return self._session.prepare(f"SELECT {select} FROM {self._plan.target_name} WHERE {key}")


@dataclass(slots=True)
class _Cursor:
    """A range whose next page is under way."""

    bounds: tuple[int, int]
    future: ResponseFuture
    page_rows: int


def _pages(
    session: Session,
    statement: PreparedStatement,
    ranges: Sequence[tuple[int, int]],
    range_done: Callable[[int, int], None],
) -> Iterator[RawRows]:
    """The pages of all ranges; some are under way while one is worked on, never more."""
    waiting = deque(ranges)
    cursors: deque[_Cursor] = deque()

    def ask(bounds: tuple[int, int], page_rows: int, paging_state: bytes | None) -> None:
        bound = statement.bind(bounds)
        bound.fetch_size = page_rows
        future = session.execute_async(bound, paging_state=paging_state)
        cursors.append(_Cursor(bounds, future, page_rows))

    page_rows, done = FIRST_PAGE_ROWS, 0
    while waiting or cursors:
        while waiting and len(cursors) < PAGES_IN_FLIGHT:
            ask(waiting.popleft(), page_rows, None)
        cursor = cursors.popleft()
        result = cursor.future.result()
        (page,) = result.current_rows
        page_rows = _fitting(page, cursor.page_rows)
        if result.paging_state:
            ask(cursor.bounds, page_rows, result.paging_state)
        else:
            done += 1
            range_done(done, len(ranges))
        yield page


def _fitting(page: RawRows, page_rows: int) -> int:
    """How many rows to ask for, from how large they were; at most four times as many as before."""
    if not page.count:
        return page_rows
    fitting = PAGE_BYTES * page.count // max(len(page.data), 1)
    return max(1, min(fitting, page_rows * 4, MAX_PAGE_ROWS))
