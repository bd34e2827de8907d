"""A run of the suite as JSON, under bench/results."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.failure import CannotMeasure
from bench.figure import Failure, Figure, Series
from bench.machine import Machine
from walflow.settings import HOME

FOLDER = HOME / "bench" / "results"
PREFIX = "bench-"


@dataclass(frozen=True, slots=True)
class Result:
    began: str
    """ISO 8601, UTC."""
    seconds: float
    sizes: str
    """quick or full."""
    machine: Machine
    figures: tuple[Figure, ...]
    failures: tuple[Failure, ...]
    series: tuple[Series, ...]
    facts: Mapping[str, Any]


def write(result: Result) -> Path:
    """Store a result under the time of its beginning."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.strptime(result.began, "%Y-%m-%dT%H:%M:%SZ"))
    file = FOLDER / f"{PREFIX}{result.sizes}-{stamp}.json"
    content = asdict(result) | {"figures": [figure.as_json() for figure in result.figures]}
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return file


def read(file: Path) -> Result:
    """A stored result.

    Raises:
        CannotMeasure: the file is not one.
    """
    try:
        content = json.loads(file.read_text())
        return Result(
            content["began"],
            content["seconds"],
            content["sizes"],
            Machine(**content["machine"]),
            tuple(Figure.from_json(each) for each in content["figures"]),
            tuple(Failure(**each) for each in content["failures"]),
            tuple(_series(each) for each in content["series"]),
            content["facts"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotMeasure(f"{file} is no result of a benchmark: {error!r}.") from error


def newest() -> Path:
    """The newest result of the whole suite, or the newest at all.

    Raises:
        CannotMeasure: there is none.
    """
    for pattern in (f"{PREFIX}full-*.json", f"{PREFIX}*.json"):
        if files := sorted(FOLDER.glob(pattern)):
            return files[-1]
    raise CannotMeasure(
        f"{FOLDER} has no result yet. `make bench-quick` makes one in five minutes."
    )


def joined(series: Sequence[Series]) -> tuple[Series, ...]:
    """Series of one name as one, with the lines of all; of a line that comes again, the last run."""
    by_name: dict[str, Series] = {}
    for each in series:
        before = by_name.get(each.name)
        if before is None:
            by_name[each.name] = each
        else:
            by_name[each.name] = Series(
                each.name,
                each.title,
                each.x,
                each.y,
                {**before.lines, **each.lines},
                each.log_y,
                each.log_x,
            )
    return tuple(by_name.values())


def with_groups_again(before: Result, again: Result, items: Collection[str]) -> Result:
    """A result with what was measured again in the place of what it had.

    Args:
        items: what was tried again; failures of these are gone unless they failed again.
    """
    new = {figure.name: figure for figure in again.figures}
    old = {figure.name for figure in before.figures}
    return Result(
        before.began,
        round(before.seconds + again.seconds, 1),
        before.sizes,
        before.machine,
        tuple(new.get(figure.name, figure) for figure in before.figures)
        + tuple(figure for figure in again.figures if figure.name not in old),
        tuple(
            failure
            for failure in before.failures
            if failure.name not in items and failure not in again.failures
        )
        + again.failures,
        joined([*before.series, *again.series]),
        {**before.facts, **again.facts},
    )


def _series(stored: Mapping[str, Any]) -> Series:
    lines = {
        name: [(float(x), float(y)) for x, y in points] for name, points in stored["lines"].items()
    }
    return Series(**(dict(stored) | {"lines": lines}))
