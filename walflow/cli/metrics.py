"""metrics: what Prometheus gets, without the monitor."""

from typing import Annotated

import typer

from walflow.metrics.exposition import Metrics
from walflow.metrics.scraping import scrape_config
from walflow.readings.reader import read
from walflow.settings import load


def metrics(
    scrape: Annotated[
        bool,
        typer.Option("--scrape-config", help="Instead, a prometheus.yml that scrapes this stack."),
    ] = False,
) -> None:
    """Print the pipeline's metrics of now in Prometheus' text format, for a textfile collector.

    The monitor gives the same and, since it looks again and again, latencies too.
    """
    settings = load()
    if scrape:
        typer.echo(scrape_config(settings), nl=False)
        return
    shown = Metrics(settings.run_dir)
    shown.observe(read(settings))
    typer.echo(shown.exposition().decode(), nl=False)
