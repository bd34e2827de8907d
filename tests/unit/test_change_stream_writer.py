"""Group commit: what is bounded, what is retried, what is refused, and what counts as applied."""

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from cassandra import InvalidRequest, OperationTimedOut, WriteTimeout, WriteType
from cassandra.cluster import NoHostAvailable
from cassandra.cqltypes import Int32Type, UTF8Type
from cassandra.protocol import OverloadedErrorMessage, ServerError, SyntaxException
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement
from hypothesis import given, settings
from hypothesis import strategies as st

from change_stream.record import Record
from change_stream.writer import CELL_BYTES, ROW_BYTES, GroupCommitWriter, WriteFailed

Outcome = Callable[[list[int]], Exception | None]
REFUSAL: Exception = InvalidRequest("bad value")
TIMEOUT: Exception = WriteTimeout("slow", write_type=WriteType.UNLOGGED_BATCH)
TRANSIENT = [
    TIMEOUT,
    OperationTimedOut(),
    NoHostAvailable("nobody", {}),
    OverloadedErrorMessage(0x1001, "overloaded", None),
    ServerError(0, "internal", None),
]


class _Column:
    def __init__(self, name: str, cql_type: Any) -> None:
        self.keyspace_name, self.table_name, self.name, self.type = "ks", "t", name, cql_type


INSERT = PreparedStatement(
    [_Column("id", Int32Type), _Column("text", UTF8Type)], b"q", [0], "INSERT", "ks", 5, None, None
)


def record(number: int) -> Record:
    return Record("cdc.public.t", 0, number, 0, None, None)


BESIDES = ROW_BYTES + 2 * CELL_BYTES
"""What counts for a statement beside its two values."""


def statement(number: int, text: str = "") -> BoundStatement:
    return INSERT.bind((number, text))


def numbers(sent: Any) -> list[int]:
    if isinstance(sent, BatchStatement):
        assert sent.batch_type is BatchType.UNLOGGED
        return [Int32Type.deserialize(v[0], 5) for _, _, v in sent._statements_and_parameters]
    return [Int32Type.deserialize(sent.values[0], 5)]


@dataclass
class Session:
    """Answers from another thread: by `outcome` at once or, while `held`, when the test says."""

    outcome: Outcome = lambda _: None
    held: bool = False
    sent: list[list[int]] = field(default_factory=list)
    waiting: "list[_Future]" = field(default_factory=list)
    most_under_way: int = 0
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    driver: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2))

    def execute_async(self, sent: Any) -> "_Future":
        with self.lock:
            self.sent.append(numbers(sent))
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        return _Future(self, numbers(sent))

    def answer(self, group: list[int], error: Exception | None = None) -> None:
        """Complete the held request of these rows, and return once its callbacks have run."""
        (future,) = [f for f in self.waiting if f.rows == group]
        self.waiting.remove(future)
        self.driver.submit(future.complete, error).result()

    def answer_all(self) -> None:
        self.held = False
        for future in list(self.waiting):
            self.answer(future.rows)


@dataclass(eq=False)
class _Future:
    session: Session
    rows: list[int]
    callbacks: dict[str, Any] = field(default_factory=dict)

    def add_callbacks(self, **callbacks: Any) -> None:
        self.callbacks = callbacks
        if self.session.held:
            self.session.waiting.append(self)
        else:
            self.session.driver.submit(self.complete, self.session.outcome(self.rows))

    def complete(self, error: Exception | None) -> None:
        with self.session.lock:
            self.session.under_way -= 1
        if error is None:
            self.callbacks["callback"](None, *self.callbacks["callback_args"])
        else:
            self.callbacks["errback"](error, *self.callbacks["errback_args"])


@dataclass
class Told:
    """What the writer reported."""

    applied: list[int] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    failures: queue.SimpleQueue[Exception] = field(default_factory=queue.SimpleQueue)


@contextmanager
def writing(
    session: Session,
    *,
    group_rows: int = 64,
    group_bytes: int = 40_000,
    groups_in_flight: int = 1,
    pending_rows: int = 4096,
    retry_seconds: float = 30,
    replicas_of: Callable[[BoundStatement], object] = lambda _: None,
) -> Iterator[tuple[GroupCommitWriter, Told]]:
    told = Told()
    writer = GroupCommitWriter(
        session,
        group_rows=group_rows,
        group_bytes=group_bytes,
        groups_in_flight=groups_in_flight,
        pending_rows=pending_rows,
        retry_seconds=retry_seconds,
        replicas_of=replicas_of,
        refused=lambda r, reason: told.refused.append((r.offset, reason)),
        applied=lambda r: told.applied.append(r.offset),
        failed=told.failures.put,
    )
    yield writer, told
    session.driver.shutdown()


def test_a_lone_write_goes_out_at_once_and_alone() -> None:
    session = Session(held=True)
    with writing(session) as (writer, told):
        writer.write(record(0), statement(0))

        assert session.sent == [[0]]
        assert told.applied == []
        session.answer([0])
        writer.drain()

    assert told.applied == [0]


def test_while_one_group_is_in_flight_the_rest_gathers() -> None:
    session = Session(held=True)
    with writing(session, groups_in_flight=1) as (writer, told):
        for number in range(5):
            writer.write(record(number), statement(number))
        assert session.sent == [[0]]

        session.answer([0])

        assert session.sent == [[0], [1, 2, 3, 4]]
        session.answer([1, 2, 3, 4])
        writer.drain()

    assert told.applied == [0, 4]


def test_a_group_that_could_still_grow_waits_and_full_ones_go_out_beside_another() -> None:
    session = Session(held=True)
    with writing(session, group_rows=2, groups_in_flight=3) as (writer, told):
        for number in range(8):
            writer.write(record(number), statement(number))
        assert session.sent == [[0], [1, 2], [3, 4]]

        session.answer([1, 2])
        assert session.sent[3:] == [[5, 6]]
        session.answer([0])
        session.answer([5, 6])
        assert session.sent[4:] == []
        session.answer([3, 4])
        assert session.sent[4:] == [[7]]

        session.answer([7])
        writer.drain()

    assert told.applied == [2, 6, 7]


def test_what_comes_together_goes_out_together_once_the_last_is_there() -> None:
    session = Session(held=True)
    with writing(session, group_rows=3, groups_in_flight=2) as (writer, told):
        for number in range(2):
            writer.write(record(number), statement(number), more=True)
        assert session.sent == []
        writer.push()
        assert session.sent == [[0, 1]]

        for number in range(2, 6):
            writer.write(record(number), statement(number), more=True)
        assert session.sent[1:] == [[2, 3, 4]]

        session.answer([0, 1])
        session.answer([2, 3, 4])
        assert session.sent[2:] == [[5]], "what is under way is behind it: it waits no longer"
        session.answer([5])
        writer.drain()

    assert told.applied == [1, 4, 5]


def test_of_many_that_come_together_no_more_wait_than_may() -> None:
    session = Session()
    with writing(session, pending_rows=2) as (writer, _):
        for number in range(5):
            writer.write(record(number), statement(number), more=True)
        writer.drain()

    assert sorted(row for rows in session.sent for row in rows) == [0, 1, 2, 3, 4]
    assert max(map(len, session.sent)) <= 2


def test_a_group_stays_within_its_rows() -> None:
    session = Session(held=True)
    with writing(session, group_rows=3) as (writer, _):
        for number in range(8):
            writer.write(record(number), statement(number))
        session.answer_all()
        writer.drain()

    assert session.sent == [[0], [1, 2, 3], [4, 5, 6], [7]]


def test_a_group_stays_within_its_bytes_and_a_larger_row_goes_alone() -> None:
    session = Session(held=True)
    with writing(session, group_bytes=2 * BESIDES + 100) as (writer, _):
        for number, length in enumerate([0, 40, 40, 90, 500, 10, 10]):
            writer.write(record(number), statement(number, "x" * length))
        session.answer_all()
        writer.drain()

    assert session.sent == [[0], [1, 2], [3], [4], [5, 6]]


def test_a_group_never_spans_two_replica_sets() -> None:
    session = Session(held=True)

    def replicas_of(one: BoundStatement) -> object:
        return numbers(one)[0] // 3

    with writing(session, replicas_of=replicas_of) as (writer, _):
        for number in range(8):
            writer.write(record(number), statement(number))
        session.answer_all()
        writer.drain()

    assert session.sent == [[0], [1, 2], [3, 4, 5], [6, 7]]


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 200), max_size=80),
    group_rows=st.integers(1, 10),
    group_bytes=st.integers(1, 1000),
    groups_in_flight=st.integers(1, 4),
    pending_rows=st.integers(1, 20),
)
def test_everything_is_written_once_within_all_bounds_and_applied_in_order(
    lengths: list[int],
    group_rows: int,
    group_bytes: int,
    groups_in_flight: int,
    pending_rows: int,
) -> None:
    session = Session()
    with writing(
        session,
        group_rows=group_rows,
        group_bytes=group_bytes,
        groups_in_flight=groups_in_flight,
        pending_rows=pending_rows,
    ) as (writer, told):
        for number, length in enumerate(lengths):
            writer.write(record(number), statement(number, "x" * length))
        writer.drain()

    sizes = [[BESIDES + 4 + lengths[number] for number in group] for group in session.sent]
    assert sorted(number for group in session.sent for number in group) == list(range(len(lengths)))
    assert all(len(size) <= group_rows for size in sizes)
    assert all(len(size) == 1 or sum(size) <= group_bytes for size in sizes)
    assert session.most_under_way <= groups_in_flight
    assert told.applied == sorted(set(told.applied))
    assert told.applied[-1:] == list(range(len(lengths)))[-1:]


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda e: type(e).__name__)
def test_a_transient_failure_is_retried_until_it_succeeds(error: Exception) -> None:
    failures = [error, error]
    session = Session(outcome=lambda _: failures.pop() if failures else None)
    with writing(session) as (writer, told):
        writer.write(record(0), statement(0))
        writer.drain()

    assert session.sent == [[0]] * 3
    assert told.applied == [0]
    assert told.refused == []


def test_no_reachable_node_is_retried_until_one_is() -> None:
    class Unreachable(Session):
        tries = 0

        def execute_async(self, sent: Any) -> _Future:
            self.tries += 1
            if self.tries < 3:
                raise NoHostAvailable("nobody", {})
            return super().execute_async(sent)

    session = Unreachable()
    with writing(session) as (writer, told):
        writer.write(record(0), statement(0))
        writer.drain()

    assert session.tries == 3
    assert told.applied == [0]


def test_when_the_retry_time_is_over_drain_and_write_fail_and_name_the_record() -> None:
    session = Session(outcome=lambda _: TIMEOUT)
    with writing(session, retry_seconds=0) as (writer, told):
        writer.write(record(7), statement(7))

        with pytest.raises(WriteFailed, match=r"cdc\.public\.t-0@7: .* after 1 tries"):
            writer.drain()
        with pytest.raises(WriteFailed, match=r"cdc\.public\.t-0@7"):
            writer.write(record(8), statement(8))

    assert session.sent == [[7]]
    assert told.applied == []


def test_a_failure_is_told_at_once_though_nothing_more_is_written_or_waited_for() -> None:
    session = Session(outcome=lambda _: TIMEOUT)
    with writing(session, retry_seconds=0) as (writer, told):
        writer.write(record(7), statement(7))

        assert "cdc.public.t-0@7" in str(told.failures.get(timeout=10))


def test_an_error_that_is_neither_transient_nor_a_refusal_fails_the_task_at_once() -> None:
    session = Session(outcome=lambda _: SyntaxException(0x2000, "bug", None))
    with writing(session) as (writer, told):
        writer.write(record(0), statement(0))

        with pytest.raises(WriteFailed, match="bug"):
            writer.drain()

    assert session.sent == [[0]]
    assert (told.applied, told.refused) == ([], [])


def test_a_write_to_a_dropped_table_fails_the_task_and_is_no_refusal_of_the_row() -> None:
    session = Session(outcome=lambda _: InvalidRequest('message="table t does not exist"'))
    with writing(session) as (writer, told):
        writer.write(record(0), statement(0))

        with pytest.raises(WriteFailed, match="table t does not exist"):
            writer.drain()

    assert session.sent == [[0]]
    assert (told.applied, told.refused) == ([], [])


def test_a_refused_group_isolates_the_bad_item_and_the_rest_is_written() -> None:
    def refuse_three(group: list[int]) -> Exception | None:
        return REFUSAL if 3 in group else None

    session = Session(outcome=refuse_three, held=True)
    with writing(session) as (writer, told):
        for number in range(6):
            writer.write(record(number), statement(number))
        session.held = False
        session.answer([0])
        writer.drain()

    assert session.sent == [[0], [1, 2, 3, 4, 5], [1], [2], [3], [4], [5]]
    assert told.refused == [(3, "Cassandra refuses it: bad value")]
    assert told.applied == [0, 5]


def test_a_transient_failure_within_a_group_taken_apart_is_retried_too() -> None:
    troubles: dict[int, Exception] = {1: TIMEOUT}

    def outcome(group: list[int]) -> Exception | None:
        if len(group) > 1:
            return REFUSAL
        return REFUSAL if group == [2] else troubles.pop(group[0], None)

    session = Session(outcome=outcome, held=True)
    with writing(session) as (writer, told):
        for number in range(4):
            writer.write(record(number), statement(number))
        session.held = False
        session.answer([0])
        writer.drain()

    assert [offset for offset, _ in told.refused] == [2]
    assert session.sent.count([1]) == 2
    assert told.applied[-1] == 3


def test_a_dead_letter_that_cannot_be_stored_fails_the_task() -> None:
    session = Session(outcome=lambda _: REFUSAL)

    def full(_record: Record, _reason: str) -> None:
        raise OSError("Kafka is gone")

    with writing(session) as (writer, told):
        writer._refused = full
        writer.write(record(0), statement(0))

        with pytest.raises(WriteFailed, match="Kafka is gone"):
            writer.drain()

    assert told.applied == []


def test_applied_never_runs_past_an_unacknowledged_record() -> None:
    session = Session(held=True)
    with writing(session, group_rows=1, groups_in_flight=3) as (writer, told):
        for number in range(3):
            writer.write(record(number), statement(number))
        assert session.sent == [[0], [1], [2]]

        session.answer([2])
        assert told.applied == []
        session.answer([0])
        assert told.applied == [0]
        session.answer([1])
        assert told.applied == [0, 2]

        writer.drain()


def test_applied_waits_for_every_part_of_a_group_taken_apart() -> None:
    session = Session(held=True)
    with writing(session, group_rows=2, groups_in_flight=3) as (writer, told):
        for number in range(5):
            writer.write(record(number), statement(number))
        session.answer([0])
        session.answer([1, 2], REFUSAL)
        session.answer([3, 4])
        assert told.applied == [0]

        session.answer([1])
        assert told.applied == [0]
        session.answer([2], REFUSAL)

        assert told.applied == [0, 4]
        writer.drain()

    assert [offset for offset, _ in told.refused] == [2]


def test_drain_returns_only_after_the_last_record_was_reported_applied() -> None:
    reporting, let_it = threading.Event(), threading.Event()
    session = Session(held=True)

    def slowly(_record: Record) -> None:
        reporting.set()
        let_it.wait()

    with writing(session) as (writer, _):
        writer._applied = slowly
        writer.write(record(0), statement(0))
        threading.Thread(target=session.answer, args=([0],)).start()
        reporting.wait()
        drained = threading.Thread(target=writer.drain)
        drained.start()
        drained.join(0.05)
        assert drained.is_alive()

        let_it.set()
        drained.join()


def test_write_waits_while_too_many_are_pending() -> None:
    session = Session(held=True)
    with writing(session, pending_rows=2) as (writer, told):
        for number in range(3):  # one in flight, two pending
            writer.write(record(number), statement(number))
        fourth = threading.Thread(target=writer.write, args=(record(3), statement(3)))
        fourth.start()
        fourth.join(0.05)
        assert fourth.is_alive()

        session.answer([0])
        fourth.join()

        session.answer_all()
        writer.drain()

    assert told.applied[-1] == 3


def test_a_write_that_waits_learns_of_the_failure() -> None:
    session = Session(held=True)
    with writing(session, pending_rows=1, retry_seconds=0) as (writer, _):
        for number in range(2):
            writer.write(record(number), statement(number))
        errors: list[Exception] = []

        def third() -> None:
            try:
                writer.write(record(2), statement(2))
            except WriteFailed as error:
                errors.append(error)

        waiting = threading.Thread(target=third)
        waiting.start()

        session.answer([0], TIMEOUT)
        waiting.join()

    assert len(errors) == 1
