"""The last records of a key, looked for from the end of its topic backwards, within a bound."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from change_stream.record import DATUM_OFFSET, Record, Undecodable
from walflow.topics.reading import TopicReader
from walflow.trace.keys import TracedKey, partition_of

SAMPLE = 50
"""Records of a partition's end in which the schemas of its keys are looked for."""
FIRST_WINDOW = 500
WIDER = 4

Bounds = Mapping[int, tuple[int, int]]


def headers_in_use(reader: TopicReader, bounds: Bounds) -> set[bytes]:
    """The first bytes, magic and schema id, of the keys at the partitions' ends."""
    starts = {partition: max(first, end - SAMPLE) for partition, (first, end) in bounds.items()}
    ends = {partition: end for partition, (_, end) in bounds.items()}
    return {
        record.key[:DATUM_OFFSET]
        for record in reader.read(starts, ends)
        if record.key is not None and len(record.key) > DATUM_OFFSET
    }


def candidates(key: TracedKey, headers: Iterable[bytes]) -> frozenset[bytes]:
    """The key as each of the schemas in use writes it; empty where one of them cannot be told.

    A key that is not in the wire format, or of an unknown schema, is not one of Debezium's.
    """
    written = []
    for header in headers:
        try:
            written.append(key.encoded(header))
        except Undecodable:
            continue
    if None in written:
        return frozenset()
    return frozenset(each for each in written if each is not None)


def partitions_of(found: frozenset[bytes], partitions: int) -> set[int]:
    return {partition_of(each, partitions) for each in found}


def last_records(
    reader: TopicReader,
    bounds: Bounds,
    is_wanted: Callable[[Record], bool],
    count: int,
    limit: int,
) -> tuple[list[Record], int, bool]:
    """The last wanted records of the partitions, oldest first by Kafka's time.

    Args:
        count: how many are wanted.
        limit: how many offsets of each partition are looked at.

    Returns:
        The records, how many were looked at, and whether it was all that could be wanted.
    """
    found: list[Record] = []
    scanned, is_complete = 0, True
    for partition, (first, end) in bounds.items():
        low, window = end, FIRST_WINDOW
        wanted: deque[Record] = deque()
        while low > max(first, end - limit) and len(wanted) < count:
            start = max(first, end - limit, low - window)
            older: deque[Record] = deque(maxlen=count - len(wanted))
            for record in reader.read({partition: start}, {partition: low}):
                scanned += 1
                if is_wanted(record):
                    older.append(record)
            wanted.extendleft(reversed(older))
            low, window = start, window * WIDER
        is_complete &= len(wanted) >= count or low <= first
        found += wanted
    found.sort(key=lambda record: (record.timestamp_ms, record.partition, record.offset))
    return found[-count:], scanned, is_complete
