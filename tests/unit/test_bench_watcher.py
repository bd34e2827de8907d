"""The watcher looks for every row, tells when each was found, and leaves none out."""

import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.cql_reader import CqlError, KeyReader
from bench.watcher import MOST_KEYS_A_READ, MOST_REST_SECONDS, Assignment, Place, _Watch

PLACE = Place("127.0.0.1", 1, "ks", "t")


@dataclass
class Number:
    """As multiprocessing's Value."""

    value: int = 0


@dataclass
class Rows:
    """Keys and when they become visible, in seconds of the monotonic clock."""

    visible_at: dict[bytes, float]
    asked: list[int] = field(default_factory=list)

    def existing(self, keys: Sequence[bytes]) -> set[bytes]:
        self.asked.append(len(keys))
        now = time.monotonic()
        return {key for key in keys if self.visible_at.get(key, now + 1) <= now}


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def watch(
    rows: Rows, count: int, due: tuple[float, ...] | None, released: int = 0, patience: float = 0.2
) -> tuple[_Watch, Number]:
    assignment = Assignment(PLACE, tuple(map(key, range(count))), due, patience, 0.001)
    visible = Number()
    reader: Any = rows
    return _Watch(assignment, reader, Number(released), visible, Number(count)), visible


def test_a_row_is_told_from_the_read_that_found_it_and_the_one_before() -> None:
    now = time.monotonic()
    watching, visible = watch(Rows({key(0): now + 0.05}), 1, (now,))

    (seen,) = watching.run()

    assert seen is not None
    assert now <= seen.not_before <= now + 0.05 <= seen.at
    assert visible.value == 1


def test_rows_are_looked_for_once_they_are_due_and_not_before() -> None:
    now = time.monotonic()
    rows = Rows({key(0): now, key(1): now})
    watching, _ = watch(rows, 2, (now, now + 0.1))

    first, second = watching.run()

    assert first is not None
    assert second is not None
    assert first.at < now + 0.1 <= second.at
    assert second.not_before == now + 0.1


def test_a_pause_in_the_schedule_does_not_use_up_the_patience() -> None:
    now = time.monotonic()
    watching, _ = watch(Rows({key(0): now}), 1, (now + 0.3,), patience=0.1)

    assert watching.run() != [None]


def test_a_row_that_never_comes_is_told_as_missing() -> None:
    now = time.monotonic()
    watching, visible = watch(Rows({key(0): now}), 2, (now, now), patience=0.1)

    first, second = watching.run()

    assert first is not None
    assert second is None
    assert visible.value == 1


def test_only_released_rows_are_looked_for() -> None:
    now = time.monotonic()
    rows = Rows({key(n): now for n in range(3)})
    assignment = Assignment(PLACE, tuple(map(key, range(3))), None, 0.1, 0.001)
    wanted, reader = Number(3), rows
    untyped: Any = reader
    watching = _Watch(assignment, untyped, Number(2), Number(), wanted)
    ended = threading.Timer(0.05, lambda: setattr(wanted, "value", 2))
    ended.start()

    assert len([seen for seen in watching.run() if seen is not None]) == 2


def test_a_read_asks_for_a_bounded_number_of_rows_and_all_have_their_turn() -> None:
    now = time.monotonic()
    count = 3 * MOST_KEYS_A_READ
    rows = Rows({key(n): now for n in range(count)})
    watching, _ = watch(rows, count, (now,) * count)

    assert None not in watching.run()
    assert max(rows.asked) == MOST_KEYS_A_READ


def test_of_old_rows_the_first_missing_are_looked_for_and_the_last_is_found_when_it_comes() -> None:
    now = time.monotonic()
    count, window = 3 * MOST_KEYS_A_READ, MOST_KEYS_A_READ
    rows = Rows({key(n): now + (0.2 if n % 2 else 0.0) for n in range(count)})
    long_ago = (now - 1000.0,) * count
    assignment = Assignment(PLACE, tuple(map(key, range(count))), long_ago, 1.0, 0.001, window)
    reader: Any = rows
    watching = _Watch(assignment, reader, Number(), Number(), Number(count))

    seen = watching.run()

    found = [each.at for each in seen if each is not None]
    assert len(found) == count
    # A share of their age would be 100 s.
    assert max(found) < now + 10


@dataclass
class Clock:
    """As the module time; only who sleeps and who reads moves it."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_after_a_read_that_met_a_pause_of_cassandra_the_watcher_does_not_look_away_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr("bench.watcher.time", clock)

    class SlowRows(Rows):
        def existing(self, keys: Sequence[bytes]) -> set[bytes]:
            clock.now += 0.5
            return {k for k in keys if clock.now > 1.2}

    watching, _ = watch(SlowRows({}), 1, (0.0,), patience=10.0)

    assert watching.run() != [None]
    assert len(clock.slept) > 1
    assert max(clock.slept) == MOST_REST_SECONDS


def frame(opcode: int, body: bytes) -> bytes:
    return struct.pack(">BBhBi", 0x84, 0, 0, opcode, len(body)) + body


PREPARED = frame(0x08, struct.pack(">iH", 4, 3) + b"qid" + b"metadata")
READY = frame(0x02, b"")


def rows_result(*keys: bytes) -> bytes:
    body = struct.pack(">iiii", 2, 4, 1, len(keys))
    return frame(0x08, body + b"".join(struct.pack(">i", 16) + key for key in keys))


class Server:
    """Answers each request with the next of some frames, and keeps what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.asked: list[tuple[int, bytes]] = []
        threading.Thread(target=self._serve, args=(answers,), daemon=True).start()

    def _serve(self, answers: tuple[bytes, ...]) -> None:
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rb") as requests:
            for answer in answers:
                version, _, _, opcode, length = struct.unpack(">BBhBi", requests.read(9))
                assert version == 4
                self.asked.append((opcode, requests.read(length)))
                connection.sendall(answer)


def test_the_reader_asks_for_all_keys_by_one_prepared_statement() -> None:
    server = Server(READY, PREPARED, rows_result(key(2)))
    with KeyReader("127.0.0.1", server.port, "ks", "t") as reader:
        found = reader.existing([key(1), key(2)])

    assert found == {key(2)}
    (startup, _), (prepare, query), (execute, values) = server.asked
    assert (startup, prepare, execute) == (0x01, 0x09, 0x0A)
    assert query[4:] == b'SELECT id FROM ks."t" WHERE id IN ?'
    assert values.startswith(b"\x00\x03qid\x00\x06\x03\x00\x01")
    assert values.endswith(b"\x00\x00\x00\x10" + key(1) + b"\x00\x00\x00\x10" + key(2))


def test_a_statement_that_cassandra_has_forgotten_is_prepared_again() -> None:
    """It forgets those of a table that is altered."""
    forgotten = frame(0x00, struct.pack(">iH", 0x2500, 4) + b"gone" + b"\x00\x03qid")
    server = Server(READY, PREPARED, forgotten, PREPARED, rows_result(key(2)))

    with KeyReader("127.0.0.1", server.port, "ks", "t") as reader:
        assert reader.existing([key(2)]) == {key(2)}

    assert [asked for asked, _ in server.asked] == [0x01, 0x09, 0x0A, 0x09, 0x0A]


def test_an_error_of_cassandra_is_told() -> None:
    message = "table t does not exist"
    error = frame(0x00, struct.pack(">iH", 0x2200, len(message)) + message.encode())
    server = Server(READY, error)

    with pytest.raises(CqlError, match=message):
        KeyReader("127.0.0.1", server.port, "ks", "t")


def test_a_connection_that_breaks_off_is_told() -> None:
    server = Server(READY)

    with pytest.raises(ConnectionError):
        KeyReader("127.0.0.1", server.port, "ks", "t")
