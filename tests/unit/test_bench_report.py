"""The table of ratios, the stored result and the page that is made of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import page, plots, ratios, results
from bench.failure import CannotMeasure
from bench.figure import HIGHER, Failure, Figure, Series, merged
from bench.machine import Machine
from bench.measure import rate_over_time
from bench.results import Result, joined, with_groups_again

MACHINE = Machine(2, "Some CPU", 24.0, "Linux 6", "3.11.7", "17.0.1", "ext4", 0.5, "abc1234")
P50 = Figure(
    "latency.1000.pipeline.p50", "p50 at 1000/s", "ms", (12.0, 10.0, 14.0), goal=15.0, stretch=10.0
)
KAFKA = Figure("latency.1000.Debezium → Kafka alone.p50", "Kafka alone", "ms", (6.0,))
DRAIN = Figure("drain", "drain", "events/s", (7_500.0,), HIGHER, goal=15_000.0)
FAILURE = Failure("drain.tutorial", "The job | could not be\ninstalled.")
SERIES = Series("s", "A title", "s", "ms", {"a": [(0.0, 1.0), (1.0, 2.0)]})


def result(*figures: Figure, failures: tuple[Failure, ...] = ()) -> Result:
    facts = {"drain": {"events": 10, "cpu_seconds_per_million_events": {"cassandra": 40.0}}}
    return Result(
        "2026-01-02T03:04:05Z", 290.0, "quick", MACHINE, figures, failures, (SERIES,), facts
    )


def test_ratios_above_one_are_better_whatever_the_unit() -> None:
    lines = {row.against: row.ratio for row in ratios.rows([P50, KAFKA, DRAIN], [])}

    assert lines["goal 15"] == pytest.approx(1.25)
    assert lines["stretch goal 10"] == pytest.approx(10 / 12)
    assert lines["latency.1000.Debezium → Kafka alone.p50: 6"] == pytest.approx(0.5)
    assert lines["goal 15,000"] == pytest.approx(0.5)


def test_a_figure_says_its_runs_and_spread() -> None:
    (first, *_) = ratios.rows([P50], [])

    assert (first.value, first.spread) == ("12 ms", "3 runs, 10–14")


def test_a_failure_has_a_row_of_its_own() -> None:
    (row,) = ratios.rows([], [FAILURE])

    assert row.is_failure
    assert (row.what, row.value) == ("drain.tutorial", "FAILED")


def test_each_compared_name_is_one_that_the_suite_makes() -> None:
    source = "".join(file.read_text() for file in (Path(ratios.__file__).parent).rglob("*.py"))
    for names in ratios.COMPARED.values():
        for name in names:
            known = name.removesuffix(".whole").split(".")
            peer = ".".join(known[2:-1]) if known[0] == "latency" else ".".join(known)
            assert peer in source.replace(Path(ratios.__file__).read_text(), ""), name


def test_goals_are_reached_from_their_side() -> None:
    assert P50.reaches_goal
    assert not DRAIN.reaches_goal
    assert KAFKA.reaches_goal is None


def test_runs_of_an_item_become_one_figure_with_all_values() -> None:
    (figure,) = merged([[Figure("a", "A", "ms", (1.0,))], [Figure("a", "A", "ms", (3.0,))]])

    assert figure.values == (1.0, 3.0)


def test_a_run_that_lacks_a_figure_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="differ in their figures"):
        merged([[KAFKA], [KAFKA, DRAIN]])


def test_a_stored_result_is_read_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    stored = result(P50, DRAIN, failures=(FAILURE,))

    assert results.read(results.write(stored)) == stored
    assert results.newest().name == "bench-quick-20260102-030405.json"


def test_the_full_suite_goes_before_a_newer_quick_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    for name in ("bench-full-20260101-000000.json", "bench-quick-20270101-000000.json"):
        (tmp_path / name).touch()

    assert results.newest().name == "bench-full-20260101-000000.json"


def test_no_result_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)

    with pytest.raises(CannotMeasure, match="make bench-quick"):
        results.newest()


def test_the_page_has_date_machine_figures_failures_and_plots() -> None:
    text = page.page(result(P50, failures=(FAILURE,)), {"A title": "benchmarks/s.svg"})

    assert "Measured on 2026-01-02, commit `abc1234`, the quick suite in 5 minutes." in text
    assert "| processor | 2 cores of Some CPU |" in text
    assert "| p50 at 1000/s | 12 ms | 3 runs, 10–14 | goal 15 | 1.25 |" in text
    assert r"| drain.tutorial | **FAILED** |  | The job \| could not be installed. |  |" in text
    assert "![A title](benchmarks/s.svg)" in text
    assert "| cassandra | 40.0 |" in text


def test_plots_are_drawn_without_a_screen_and_the_same_each_time(tmp_path: Path) -> None:
    (first,) = plots.draw([SERIES], tmp_path / "a")
    (second,) = plots.draw([SERIES], tmp_path / "b")

    assert first.read_text().startswith("<?xml")
    assert first.read_bytes() == second.read_bytes()


def test_thinned_points_keep_every_peak() -> None:
    points = [(float(x), 1000.0 if x == 777 else 1.0) for x in range(5_000)]
    shown = plots.thinned(points, 100)

    assert len(shown) <= 100
    assert max(y for _, y in shown) == 1000.0


def test_lines_of_one_plot_come_together() -> None:
    other = Series("s", "A title", "s", "ms", {"b": [(0.0, 3.0)]})

    (series,) = joined([SERIES, other])

    assert set(series.lines) == {"a", "b"}


def test_seconds_without_an_event_are_shown_as_such() -> None:
    assert rate_over_time([10.0, 10.5, 13.1], 100) == [
        (0.0, 200.0),
        (1.0, 0.0),
        (2.0, 0.0),
        (3.0, 100.0),
    ]


def test_a_group_measured_again_takes_the_place_of_its_figures_and_failures() -> None:
    before = result(P50, DRAIN, failures=(FAILURE, Failure("snapshot", "It failed.")))
    better = replace(DRAIN, values=(9_000.0,))
    snapshot = Figure("snapshot", "snapshot", "rows/s", (1.0,), HIGHER)
    line = replace(SERIES, lines={"b": [(0.0, 3.0)]})
    again = replace(result(better, snapshot), series=(line,), facts={"drain": {"events": 20}})

    found = with_groups_again(before, again, {"snapshot", "drain"})

    assert found.figures == (P50, better, snapshot)
    assert found.failures == (FAILURE,)
    assert [sorted(each.lines) for each in found.series] == [["a", "b"]]
    assert found.facts["drain"] == {"events": 20}
    assert (found.began, found.seconds) == (before.began, 580.0)


def test_what_fails_again_stays_a_failure() -> None:
    before = result(P50, failures=(FAILURE,))

    found = with_groups_again(before, result(failures=(FAILURE,)), {FAILURE.name})

    assert found.failures == (FAILURE,)
