"""Plots of a result, as SVG files beside the page that shows them."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

from bench.figure import Series

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "walflow"  # the same points give the same file
SIZE_INCHES = (8.0, 4.5)
MOST_POINTS = 500


def draw(series: Sequence[Series], folder: Path) -> list[Path]:
    """One file for each series; returns them in order."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(each, folder / f"{each.name}.svg") for each in series]


def _draw(series: Series, file: Path) -> Path:
    figure, axes = pyplot.subplots(figsize=SIZE_INCHES)
    for name, points in series.lines.items():
        shown = thinned(points, MOST_POINTS)
        few = len(shown) < 20
        axes.plot(
            [x for x, _ in shown],
            [y for _, y in shown],
            label=name,
            linewidth=1,
            marker="o" if few else None,
        )
    if series.log_x:
        axes.set_xscale("log")
    if series.log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set(title=series.title, xlabel=series.x, ylabel=series.y)
    axes.grid(visible=True, alpha=0.3)
    if len(series.lines) > 1:
        axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
    return file


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most about so many points; of each stretch the highest one, so that no peak is lost."""
    if len(points) <= most:
        return list(points)
    stretch = -(-len(points) // most)
    return [
        max(points[first : first + stretch], key=lambda point: point[1])
        for first in range(0, len(points), stretch)
    ]
