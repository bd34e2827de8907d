"""What commands keep of their runs."""

import stat
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from walflow.history import History


def test_the_newest_entries_are_kept_and_the_file_is_bounded(tmp_path: Path) -> None:
    history = History(tmp_path / "below" / "runs.jsonl", 10)
    for number in range(100):
        history.append({"number": number})
        assert history.last() == {"number": number}
        assert len((tmp_path / "below" / "runs.jsonl").read_text().splitlines()) <= 20
    assert [entry["number"] for entry in history.entries()] == list(range(90, 100))
    assert [entry["number"] for entry in history.entries(3)] == [97, 98, 99]


def test_a_history_without_a_file_is_empty(tmp_path: Path) -> None:
    history = History(tmp_path / "none.jsonl", 10)
    assert history.entries() == []
    assert history.last() is None


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    history = History(file, 10)
    history.append({"number": 1})
    with file.open("a") as writing:
        writing.write('{"number": 2')
    assert history.entries() == [{"number": 1}]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    History(file, 1).append({})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@given(st.lists(st.text(max_size=50_000), min_size=1, max_size=4))
def test_the_last_entry_is_found_whatever_its_length(
    texts: list[str],
) -> None:

    with tempfile.TemporaryDirectory() as directory:
        history = History(Path(directory) / "runs.jsonl", 3)
        for text in texts:
            history.append({"text": text})
        assert history.last() == {"text": texts[-1]}
