"""The runs of `walflow canary`, kept below the run folder for whoever wants to look at them."""

from dataclasses import asdict
from typing import Any

from walflow.history import History
from walflow.readings.reading import CanaryRun, Hop
from walflow.settings import Settings

KEPT = 1440
"""A day, one a minute."""


def append(settings: Settings, run: CanaryRun) -> None:
    """Keep a run.

    Raises:
        OSError: the file cannot be written.
    """
    _history(settings).append(asdict(run))


def runs(settings: Settings, last: int = KEPT) -> list[CanaryRun]:
    """The newest runs, oldest first."""
    return [run for entry in _history(settings).entries(last) if (run := _run(entry))]


def last_run(settings: Settings) -> CanaryRun | None:
    """The newest run; None: there was none."""
    entry = _history(settings).last()
    return None if entry is None else _run(entry)


def _history(settings: Settings) -> History:
    return History(settings.run_dir / "canary.jsonl", KEPT)


def _run(entry: dict[str, Any]) -> CanaryRun | None:
    """None for an entry of another version's form."""
    try:
        return CanaryRun(**{**entry, "hops": tuple(Hop(**hop) for hop in entry["hops"])})
    except (KeyError, TypeError):
        return None
