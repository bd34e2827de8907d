"""A service that dies too often within the window is told from one that dies now and then."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from walflow.stack.restarts import KEPT, note, read, too_often


def test_as_many_deaths_as_restarts_are_allowed_and_one_more_is_too_often() -> None:
    assert not too_often([100.0, 101.0, 102.0], 102.0, max_restarts=3, window_seconds=60)
    assert too_often([99.0, 100.0, 101.0, 102.0], 102.0, max_restarts=3, window_seconds=60)


def test_with_no_restarts_allowed_the_first_death_is_too_often() -> None:
    assert too_often([100.0], 100.0, max_restarts=0, window_seconds=60)


def test_deaths_before_the_window_do_not_count() -> None:
    assert not too_often([10.0, 20.0, 100.0], 100.0, max_restarts=1, window_seconds=60)


@given(st.lists(st.floats(0, 1e6)), st.floats(0, 1e6), st.integers(0, 10), st.floats(1, 1e5))
def test_it_is_too_often_exactly_when_the_window_holds_more_than_allowed(
    deaths: list[float], now: float, max_restarts: int, window: float
) -> None:
    in_window = [death for death in deaths if now - death <= window]

    assert too_often(deaths, now, max_restarts, window) == (len(in_window) > max_restarts)


def test_deaths_are_noted_for_each_service_and_survive_a_reread(tmp_path: Path) -> None:
    file = tmp_path / "restarts.json"

    note(file, "kafka", 1.0)
    note(file, "connect", 2.0)
    noted = note(file, "kafka", 3.0)

    assert noted == [1.0, 3.0]
    assert read(file) == {"kafka": [1.0, 3.0], "connect": [2.0]}
    assert [path.name for path in tmp_path.iterdir()] == ["restarts.json"]


def test_the_note_keeps_the_latest_deaths_only(tmp_path: Path) -> None:
    file = tmp_path / "restarts.json"

    for death in range(KEPT + 20):
        note(file, "kafka", float(death))

    assert read(file)["kafka"] == [float(death) for death in range(20, KEPT + 20)]


def test_an_absent_or_broken_note_counts_as_empty(tmp_path: Path) -> None:
    broken = tmp_path / "restarts.json"
    broken.write_text('{"kafka": [1.0')

    assert read(tmp_path / "absent.json") == {}
    assert note(broken, "kafka", 5.0) == [5.0]
