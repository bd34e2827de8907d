"""Two sides' rows on disk, compared bucket by bucket."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from walflow.verify import spool
from walflow.verify.rows import digest

SIDE = st.dictionaries(st.binary(min_size=1, max_size=6), st.binary(max_size=3), max_size=60)


def spooled(directory: Path, rows: dict[bytes, bytes], buckets: int) -> Path:
    with spool.Spool(directory, buckets) as side:
        for key, row in rows.items():
            side.add(key, digest(row))
    return directory


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SIDE, SIDE, st.integers(1, 7))
def test_the_differing_keys_are_those_that_are_not_alike_on_both_sides(
    tmp_path_factory: pytest.TempPathFactory,
    source: dict[bytes, bytes],
    target: dict[bytes, bytes],
    buckets: int,
) -> None:
    tmp_path = tmp_path_factory.mktemp("spool")
    found = spool.differing_keys(
        spooled(tmp_path / "source", source, buckets),
        spooled(tmp_path / "target", target, buckets),
        buckets,
    )
    wanted = [key for key in {*source, *target} if source.get(key) != target.get(key)]
    assert sorted(found) == sorted(wanted)


def test_buckets_that_fill_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BUFFERED_BYTES", 4096)
    rows = {str(n).encode(): b"same" for n in range(5000)}
    source = spooled(tmp_path / "source", rows, 3)
    target = spooled(tmp_path / "target", rows | {b"17": b"other"}, 3)
    assert list(spool.differing_keys(source, target, 3)) == [b"17"]


def test_records_are_read_back_in_chunks(tmp_path: Path) -> None:
    with spool.RecordFile(tmp_path / "records", 2) as records:
        for n in range(5):
            records.add(b"k" * n, b"%02d" % n)
    assert records.count == 5
    assert [len(chunk) for chunk in records.chunks(2)] == [2, 2, 1]
    assert next(records.chunks(9))[3] == (b"kkk", b"03")


def test_the_number_of_buckets_follows_the_tables_size() -> None:
    assert spool.buckets_for(0) == 1
    assert spool.buckets_for(800 * 2**20) == 100
    assert spool.buckets_for(2**50) == spool.MAX_BUCKETS
