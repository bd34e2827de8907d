"""Runs of workloads against a stack: differential, and under kills; both end in a comparison."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg2
from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from kafka.errors import KafkaError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.workload import deadletters, fences
from tests.workload.compare import Comparison, compare
from tests.workload.generate import Mix, generate
from tests.workload.kills import Killer, PlannedKill
from tests.workload.level import level
from tests.workload.outcome import Outcome, command
from tests.workload.plan import Workload
from tests.workload.schedule import Tally
from tests.workload.schedule import run as run_workload
from walflow.settings import Settings
from walflow.stack.supervision import Supervisor

T = TypeVar("T")
CATCH_UP_SECONDS = 300
GRACE_SECONDS = 20
"""For changes of other partitions than a fence's, once the fences have arrived."""
BACK_SECONDS = 180
AWAY = (psycopg2.OperationalError, NoHostAvailable, DriverException, KafkaError, ValueError)
"""What clients raise while a server that was killed is on its way up."""
KILL_RATE = 150.0
"""Statements a second under kills, so that what outages leave behind can be caught up."""


@dataclass
class _Verdict:
    comparison: Comparison
    caught_up: bool
    dead_letters: tuple[str, ...] = field(default_factory=tuple)


def differential(settings: Settings, seed: int, workload: Workload, mix: Mix) -> Outcome:
    """Run a workload once from two empty sides, then compare.

    Args:
        seed, mix: that the workload came from, whole or shrunk.
    """
    level(settings, full_identity=mix.full_identity)
    letters = deadletters.ends(settings)
    began = time.monotonic()
    tally = run_workload(workload, settings.postgres_dsn())
    verdict = _judge(settings, letters)
    return Outcome(
        seed,
        tally,
        verdict.comparison,
        verdict.caught_up,
        time.monotonic() - began,
        command(seed, mix, "--shrink"),
        verdict.dead_letters,
    )


def under_kills(
    settings: Settings,
    seed: int,
    mix: Mix,
    seconds: float,
    kills: tuple[PlannedKill, ...],
    rate: float = KILL_RATE,
) -> Outcome:
    """Run the workloads of `seed`, `seed + 1`, … until time is up and the kills are done; compare.

    Args:
        rate: statements a second at the most.
    """
    level(settings, full_identity=mix.full_identity)
    letters = deadletters.ends(settings)
    supervisor = Supervisor(settings)
    were_up = {name for name, state in supervisor.states().items() if state.is_up}
    tally, began, number = Tally(), time.monotonic(), seed
    killer = Killer(settings, seed, kills)

    def is_over() -> bool:
        return time.monotonic() - began > seconds and not killer.is_at_work

    killer.start()
    try:
        while not is_over():
            workload = generate(number, mix)
            tally.add(run_workload(workload, settings.postgres_dsn(), rate=rate, stopped=is_over))
            number += 1
    finally:
        killer.stop()
    left_stopped = _not_back(supervisor, were_up)
    verdict = _judge(settings, letters)
    return Outcome(
        seed,
        tally,
        verdict.comparison,
        verdict.caught_up,
        time.monotonic() - began,
        command(seed, mix, f"--kills {len(kills)} --seconds {seconds:g} --rate {rate:g}"),
        verdict.dead_letters,
        tuple(killer.kills),
        left_stopped,
        str(killer.failure or ""),
    )


def _judge(settings: Settings, letters: deadletters.Positions) -> _Verdict:
    """Wait until what was written has arrived, then until both sides are equal, each in bounds."""
    written = _persistently(lambda: fences.put(settings))
    caught_up = fences.have_arrived(settings, written, CATCH_UP_SECONDS)
    give_up = time.monotonic() + GRACE_SECONDS
    while True:
        comparison = _persistently(lambda: compare(settings))
        if not comparison.differences or time.monotonic() > give_up:
            break
        time.sleep(fences.POLL_SECONDS)
    found = _persistently(lambda: deadletters.since(settings, letters))
    return _Verdict(comparison, caught_up, tuple(found))


def _not_back(supervisor: Supervisor, were_up: set[str]) -> tuple[str, ...]:
    give_up = time.monotonic() + BACK_SECONDS
    while True:
        states = supervisor.states()
        away = sorted(n for n in were_up if n not in states or states[n].state != "RUNNING")
        if not away or time.monotonic() > give_up:
            return tuple(away)
        time.sleep(fences.POLL_SECONDS)


def _persistently(action: Callable[[], T]) -> T:
    """Try again while a server is on its way up."""
    return retry(
        retry=retry_if_exception_type(AWAY),
        stop=stop_after_delay(BACK_SECONDS),
        wait=wait_fixed(fences.POLL_SECONDS),
        reraise=True,
    )(action)()
