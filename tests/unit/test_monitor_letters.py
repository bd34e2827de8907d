"""Connections for dead letters: made when asked for, kept for a while, made anew after a failure."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from change_stream.letter import Letter
from change_stream.record import Record
from walflow.deadletters.topic import Identity, Place, StoredLetter
from walflow.monitor import letters
from walflow.monitor.letters import IDLE_SECONDS, Letters, dump
from walflow.settings import Settings


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was opened and closed, in this order."""
    done: list[str] = []

    def connect(_: Settings) -> object:
        done.append("opened")
        return object()

    monkeypatch.setattr(letters, "connect", connect)
    monkeypatch.setattr(letters, "disconnect", lambda _: done.append("closed"))
    monkeypatch.setattr(letters, "time", SimpleNamespace(monotonic=lambda: 100.0))
    return done


@pytest.fixture
def kept(tmp_path: Path, made: list[str]) -> Letters:
    return Letters(Settings())  # type: ignore[call-arg]  # the fields come from the sources


def test_questions_in_a_row_share_a_connection(kept: Letters, made: list[str]) -> None:
    for _ in range(3):
        with kept._connection():
            pass
    kept.close_if_idle(now=100 + IDLE_SECONDS - 1)

    assert made == ["opened"]


def test_it_is_closed_once_nobody_has_asked_for_a_while(kept: Letters, made: list[str]) -> None:
    with kept._connection():
        kept.close_if_idle(now=1e9)  # it is in use
    kept.close_if_idle(now=100 + IDLE_SECONDS)
    kept.close_if_idle(now=1e9)

    assert made == ["opened", "closed"]


def test_after_a_failure_the_next_question_has_a_new_one(kept: Letters, made: list[str]) -> None:
    with pytest.raises(OSError), kept._connection():
        raise OSError
    with kept._connection():
        pass

    assert made == ["opened", "closed", "opened"]


def test_bytes_are_shown_as_they_came() -> None:
    letter = Letter(Record("t", 0, 0, 0, None, b"kept"), "r", None, None)
    unknown: Any = Identity
    stored = StoredLetter(Place(0, 1), 0, letter, unknown)

    assert dump(stored) == {"key": [], "value": [f"0000  {'6b 65 70 74':<47}  kept"]}
