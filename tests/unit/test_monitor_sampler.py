"""One reading after the other, seldom while nobody looks, and figures in bounded memory."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from walflow.errors import WalflowError
from walflow.monitor import sampler
from walflow.monitor.history import MAX_SERIES, History, figures
from walflow.monitor.sampler import Sampler
from walflow.monitor.verifying import Verifying
from walflow.readings.reading import (
    Broker,
    PartitionReading,
    Reading,
    Stage,
    StageName,
    StageState,
    TopicReading,
    Unreachable,
)
from walflow.settings import Settings

AWAY = Unreachable("It", "it is away", "Start it.")
EMPTY = Reading(
    taken_at_ms=1,
    took_ms=1,
    source=AWAY,
    connectors=AWAY,
    broker=AWAY,
    stream=AWAY,
    dead_letters=AWAY,
    tables=(),
    last_verify=None,
    last_canary=None,
    stages=(Stage(StageName.APPLY, StageState.OK, "", 5.0, 1, None, 2.0),),
)


def test_only_the_last_figures_are_kept_and_a_late_one_has_gaps_before() -> None:
    history = History(points=3)
    for at in range(5):
        broker = Broker((TopicReading("t", "", None, (), 1.0),)) if at == 4 else AWAY
        history.add(replace(EMPTY, taken_at_ms=at, broker=broker))

    told = history.as_dict()

    assert told["at_ms"] == [2, 3, 4]
    assert told["series"]["stage apply per_second"] == [5.0, 5.0, 5.0]
    assert told["series"]["topic t per_second"] == [None, None, 1.0]


def test_thousands_of_topics_do_not_make_thousands_of_series() -> None:
    topics = tuple(
        TopicReading(str(n), "", None, (PartitionReading(0, 0, 1, 1),)) for n in range(5000)
    )

    assert len(figures(replace(EMPTY, broker=Broker(topics)))) == MAX_SERIES


class Readers:
    """Readers that count their readings; one of them breaks."""

    def __init__(self, breaks_at: int = 0) -> None:
        self.opened = self.closed = self.count = 0
        self._breaks_at = breaks_at

    def __call__(self) -> "Readers":
        self.opened += 1
        return self

    def read(self) -> Reading:
        self.count += 1
        if self.count == self._breaks_at:
            raise OSError("broken")
        return replace(EMPTY, taken_at_ms=self.count)

    def close(self) -> None:
        self.closed += 1


def watched(readers: Readers, count: int) -> list[float]:
    """Times of so many readings, as a watcher gets them."""

    async def run() -> list[float]:
        made = Sampler(readers)
        task = asyncio.create_task(made.run())
        found = []
        async for reading in made.readings():
            found.append(reading.taken_at_ms)
            if len(found) == count:
                break
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.close()
        return found

    return asyncio.run(run())


def test_a_watcher_gets_each_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "WATCHED_SECONDS", 0.01)
    readers = Readers()

    assert watched(readers, 3) == [1, 2, 3]
    assert (readers.opened, readers.closed) == (1, 1)


def test_a_reading_that_fails_is_followed_by_one_over_new_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampler, "WATCHED_SECONDS", 0.01)
    monkeypatch.setattr(sampler, "UNWATCHED_SECONDS", 0.01)
    readers = Readers(breaks_at=2)

    assert watched(readers, 2) == [1, 3]
    assert (readers.opened, readers.closed) == (2, 2)


def test_while_nobody_watches_readings_are_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "WATCHED_SECONDS", 0.01)
    monkeypatch.setattr(sampler, "UNWATCHED_SECONDS", 600)
    readers = Readers()

    async def run() -> int:
        made = Sampler(readers)
        task = asyncio.create_task(made.run())
        while not readers.count:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # ten times what it would take while somebody watches
        alone = readers.count
        async for _ in made.readings():
            if readers.count > alone + 1:  # a watcher ends the long pause
                break
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made.close()
        return alone

    assert asyncio.run(run()) == 1


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WALFLOW_PATHS__RUN", str(tmp_path))
    return Settings()  # type: ignore[call-arg]  # the fields come from the sources


def test_a_comparison_that_fails_tells_why(settings: Settings) -> None:
    says = "import sys; sys.exit('✘ There is no table ' + sys.argv[-1] + '.')"

    async def problem() -> str:
        verifying = Verifying(settings, (sys.executable, "-c", says))
        verifying.start(["public.none"])
        while verifying.is_running:
            await asyncio.sleep(0.01)
        return str(verifying.as_dict()["run"]["problem"])

    assert asyncio.run(problem()) == "There is no table public.none."


def test_one_comparison_at_a_time_and_it_can_be_stopped(settings: Settings) -> None:
    async def run() -> str:
        verifying = Verifying(settings, (sys.executable, "-c", "import time; time.sleep(600)"))
        verifying.start([])
        with pytest.raises(WalflowError, match="under way already"):
            verifying.start([])
        await asyncio.sleep(0)
        await verifying.stop()
        assert not verifying.is_running
        return str(verifying.as_dict()["run"]["problem"])

    assert asyncio.run(run()) == "It was stopped."


@pytest.mark.parametrize("name", ["--limit", "", "a\nb"])
def test_an_option_is_no_tables_name(settings: Settings, name: str) -> None:
    with pytest.raises(WalflowError, match="no table's name"):
        Verifying(settings).start([name])
