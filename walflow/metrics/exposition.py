"""The newest reading of the pipeline in Prometheus' text format."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from walflow.metrics import definitions as of
from walflow.metrics.definitions import ALL, Kind, Sample
from walflow.metrics.latencies import Latencies
from walflow.metrics.samples import samples
from walflow.readings.reading import Reading

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time for each series, which nobody asks for
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """What Prometheus scrapes: fed with readings by one thread, asked for by any.

    Args:
        folder: where the stack's data are, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reading: Reading | None = None
        self._latencies = Latencies()
        self._registry = CollectorRegistry(auto_describe=False)
        self._histogram = Histogram(
            of.LATENCY.name,
            of.LATENCY.help,
            of.LATENCY.labels,
            buckets=of.BUCKETS_MS,
            registry=self._registry,
        )
        self._registry.register(_Newest(self))

    def observe(self, reading: Reading) -> None:
        """Take a reading in; once a second, as the monitor does."""
        self._reading = reading
        for table, stage, ms in self._latencies.of(reading):
            self._histogram.labels(table, stage).observe(ms)

    def exposition(self) -> bytes:
        """All metrics, as `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def newest(self) -> Iterator[Sample]:
        """What the last reading told, and the disk of now."""
        usage = shutil.disk_usage(_existing(self._folder))
        yield from of.DISK.at(usage.total)
        yield from of.DISK_FREE.at(usage.free)
        if self._reading is not None:
            yield from samples(self._reading)


class _Newest(Collector):
    """prometheus_client's way to metrics that are kept elsewhere."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        families = {
            metric.name: _family(metric) for metric in ALL if metric.kind is not Kind.HISTOGRAM
        }
        for sample in self._metrics.newest():
            families[sample.metric.name].add_metric(sample.labels, sample.value)
        return families.values()


def _family(metric: of.Metric) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=metric.labels)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
