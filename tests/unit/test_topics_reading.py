"""Records of several partitions come in the order of time, all of them, with bounded memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walflow.topics import reading
from walflow.topics.reading import TopicReader

TOPIC = "numbers"


@dataclass(frozen=True)
class Message:
    partition: int
    offset: int
    timestamp: int
    value: bytes
    topic: str = TOPIC
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Log:
    """Partitions in memory, read as kafka-python's consumer reads them."""

    partitions: Mapping[int, Sequence[Message]]
    positions: dict[Any, int] = field(default_factory=dict)

    def assign(self, places: Sequence[Any]) -> None:
        self.positions = dict.fromkeys(places, 0)

    def seek(self, place: Any, offset: int) -> None:
        self.positions[place] = offset

    def position(self, place: Any) -> int:
        return self.positions[place]

    def poll(self, timeout_ms: int, max_records: int) -> dict[Any, list[Message]]:
        found: dict[Any, list[Message]] = {}
        for place, position in self.positions.items():
            left = max_records - sum(map(len, found.values()))
            if not left:
                continue
            there = [m for m in self.partitions[place.partition] if m.offset >= position][:left]
            if there:
                found[place] = there
                self.positions[place] = there[-1].offset + 1
            else:  # markers of transactions are passed over
                self.positions[place] = ends(self.partitions)[place.partition]
        return found


def ends(partitions: Mapping[int, Sequence[Message]]) -> dict[int, int]:
    """A marker of a transaction stands behind each partition's last record."""
    return {p: (messages[-1].offset + 2 if messages else 0) for p, messages in partitions.items()}


def reader_of(partitions: Mapping[int, Sequence[Message]]) -> TopicReader:
    return TopicReader(Log(partitions), TOPIC, list(partitions))


@st.composite
def logs(draw: st.DrawFn) -> dict[int, list[Message]]:
    found = {}
    for partition in range(draw(st.integers(1, 3))):
        # Gaps: compaction and transactions leave offsets out.
        steps = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5)), max_size=40))
        offset, time, messages = -1, 0, []
        for gap, later in steps:
            offset, time = offset + gap, time + later
            messages.append(Message(partition, offset, time, b"x" * later))
        found[partition] = messages
    return found


@given(logs())
def test_every_record_comes_once_in_the_order_of_time_and_of_its_partition(
    partitions: dict[int, list[Message]],
) -> None:
    starts = dict.fromkeys(partitions, 0)
    found = list(reader_of(partitions).read(starts, ends(partitions)))

    assert sorted((r.partition, r.offset) for r in found) == [
        (partition, message.offset) for partition, log in partitions.items() for message in log
    ]
    assert [r.timestamp_ms for r in found] == sorted(r.timestamp_ms for r in found)
    for partition, log in partitions.items():
        offsets = [r.offset for r in found if r.partition == partition]
        assert offsets == [message.offset for message in log]


@given(logs(), st.integers(1, 20))
def test_the_last_records_are_the_newest_of_all_partitions(
    partitions: dict[int, list[Message]], count: int
) -> None:
    reader = reader_of(partitions)
    bounds = {partition: (0, end) for partition, end in ends(partitions).items()}

    starts = reader.last(count, bounds, lambda record: True)
    found = list(reader.read(starts, ends(partitions)))

    times = sorted(message.timestamp for log in partitions.values() for message in log)
    assert [record.timestamp_ms for record in found] == times[-count:]


@given(logs(), st.integers(1, 5))
def test_the_last_wanted_records_are_found_however_far_back_they_are(
    partitions: dict[int, list[Message]], count: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "SMALLEST_WINDOW", 2)
        reader = reader_of(partitions)
        bounds = {partition: (0, end) for partition, end in ends(partitions).items()}
        starts = reader.last(count, bounds, lambda record: record.value == b"x")
        found = [r for r in reader.read(starts, ends(partitions)) if r.value == b"x"]

    wanted = sorted(m.timestamp for log in partitions.values() for m in log if m.value == b"x")
    assert [record.timestamp_ms for record in found] == wanted[-count:]


def test_a_partition_ahead_of_the_others_waits_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 5)
    most = 0
    original = reading._Waiting.put

    def counted(waiting: Any, messages: Any) -> None:
        nonlocal most
        original(waiting, messages)
        most = max(most, len(waiting.records))

    monkeypatch.setattr(reading._Waiting, "put", counted)
    newer = [Message(0, offset, 1000 + offset, b"") for offset in range(500)]
    older = [Message(1, offset, offset, b"") for offset in range(500)]
    partitions = {0: newer, 1: older}

    found = list(reader_of(partitions).read({0: 0, 1: 0}, ends(partitions)))

    assert len(found) == 1000
    assert most == 5
