"""docs/benchmarks.md and its plots from a stored result: `python -m bench.page [FILE]`."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import plots, ratios
from bench.noise import SLOW_WRITE_MS
from bench.results import Result, newest, read
from bench.schedule import MAX_WATCHED_PER_SECOND
from bench.sizes import FULL, QUICK
from walflow.settings import HOME

PAGE = HOME / "docs" / "benchmarks.md"
PLOTS = HOME / "docs" / "benchmarks"

METHOD = """\
- **One machine.** Every component and the load itself share it, so a figure is of the whole, not of a
  part that has the machine for itself. Both ends of a latency read one clock.
- **Warm**: each stack takes load for {warm} seconds before anything is measured, since Java compiles its
  busiest code in its first minutes, which takes a core. Starting up is measured by itself.
- **Latency** is counted from the moment at which a commit was due by an open-loop schedule, whether the
  sender was late or not, to the arrival of the answer of the first read in Cassandra that holds the row.
  Every watched row counts, those at the boundaries of Spark's batches too; up to {watched} rows a
  second are watched, evenly spread. A row that never came fails the run.
- **Sustained** rates: a transaction begins while fewer than a bounded number of events is not yet
  visible; the rate is all events over the time from the first commit to the last visible row.
- **Drains**: from the first watched row that was found to the last one; afterwards the rows of both
  sides are counted, and a difference fails the run. Who writes in batches shows his first rows late, and
  so looks faster than he is: the line below, from the start of the process, has all of it, starting up
  too.
- **CPU** is that of the processes by the kernel's counters, memory is what
  is resident without what is shared (files, shared buffers), at its highest sample.
- **The disk stood still**: seconds of a run in which its writes took {slow:g} ms or more on average, or
  none came to an end. Others share this machine's disk; what such seconds do to a latency stays in it.
- Ratios above 1 mean that the pipeline is better than what it is held against.
"""
PEERS = """\
- *pg_recvlogical* drains a slot of its own, of the same changes, and throws them away.
- *Debezium → Kafka alone*: the same connector without the stream; what a `read_committed` consumer may
  read counts.
- *Cassandra alone*: the stream's own writer in one process, with rows that it makes itself.
- *plain Python consumer*: a process a partition with kafka-python, and the stream's decoding and writer;
  it has no checkpoints, no restarts and no dead letters.
- *micro-batch trigger*: this pipeline with `stream.trigger = "micro-batch"`.
- *tutorial's job*: Spark 3.5.7 and spark-cassandra-connector 3.5.1 in an environment of their own,
  `from_avro`, two local threads, 1 GB, `maxOffsetsPerTrigger` 200,000 as ours, 32 concurrent writes and
  connections kept, as the connector's documentation advises for streams. It knows neither deletes nor
  write stamps.
"""


def page(result: Result, drawn: Mapping[str, str]) -> str:
    """The page's text.

    Args:
        drawn: title of a plot → its file, relative to the page.
    """
    parts = [
        "# Benchmarks",
        f"Measured on {result.began[:10]}, commit `{result.machine.commit}`, the {result.sizes} suite in"
        f" {result.seconds / 60:.0f} minutes. Written by `make bench` (or, in five minutes,"
        " `make bench-quick`) from its JSON; do not edit it.",
        "## The machine",
        _machine(result),
        "## How it is measured",
        METHOD.strip().format(
            warm=(QUICK if result.sizes == QUICK.name else FULL).warm_up_seconds,
            watched=MAX_WATCHED_PER_SECOND,
            slow=SLOW_WRITE_MS,
        ),
        "## Figures",
        _figures(result),
        "## Peers and limits",
        PEERS.strip(),
        "## Plots",
        "\n\n".join(f"![{title}]({file})" for title, file in drawn.items()) or "None was drawn.",
        "## Cost",
        _costs(result.facts),
        "## Facts beside the figures",
        _facts(result.facts),
    ]
    return "\n\n".join(parts) + "\n"


def _machine(result: Result) -> str:
    machine = result.machine
    return "\n".join(
        (
            "| | |",
            "|---|---|",
            f"| processor | {machine.cores} cores of {machine.processor} |",
            f"| memory | {machine.memory_gib} GiB |",
            f"| file system | {machine.file_system} |",
            f"| kernel | {machine.kernel} |",
            f"| Java, Python | {machine.java}, {machine.python} |",
            f"| load average before | {machine.load_average} |",
        )
    )


def _figures(result: Result) -> str:
    lines = ["| what | median | runs | held against | ratio |", "|---|---:|---|---|---:|"]
    for row in ratios.rows(result.figures, result.failures):
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        value = f"**{row.value}**" if row.is_failure else row.value
        cells = (row.what, value, row.spread, row.against, ratio)
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines)


def _costs(facts: Mapping[str, Any]) -> str:
    """CPU seconds per million events by process, a column for each load."""
    key = "cpu_seconds_per_million_events"
    loads = {
        name: fact[key] for name, fact in facts.items() if isinstance(fact, dict) and key in fact
    }
    if not loads:
        return "Not measured."
    roles = sorted({role for cost in loads.values() for role in cost})
    lines = [
        "CPU seconds per million events:\n",
        "| process | " + " | ".join(_cell(name) for name in loads) + " |",
        "|---|" + "---:|" * len(loads),
    ]
    lines += [
        f"| {role} | " + " | ".join(str(cost.get(role, "")) for cost in loads.values()) + " |"
        for role in roles
    ]
    return "\n".join(lines)


def _facts(facts: Mapping[str, Any]) -> str:
    hidden = "cpu_seconds_per_million_events"
    lines = []
    for name, fact in facts.items():
        shown = (
            ", ".join(f"{k.replace('_', ' ')}: {_short(v)}" for k, v in fact.items() if k != hidden)
            if isinstance(fact, dict)
            else _short(fact)
        )
        lines.append(f"- {name}: {shown}")
    return "\n".join(lines) or "None."


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{k} {_short(v)}" for k, v in value.items())
    return str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def write(result: Result) -> Path:
    """Draw the plots and write the page; returns its path."""
    files = plots.draw(result.series, PLOTS)
    drawn = {
        series.title: str(file.relative_to(PAGE.parent))
        for series, file in zip(result.series, files, strict=True)
    }
    PAGE.write_text(page(result, drawn))
    return PAGE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="the newest result without one")
    asked = parser.parse_args()
    print(write(read(asked.file or newest())))


if __name__ == "__main__":
    main()
