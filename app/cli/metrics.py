"""`flask metrics`: every metric, what it says and who shows it; and the page docs/metrics.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click
from prometheus_client.metrics import MetricWrapperBase

from app.cli.tables import JSON, print_json
from app.gauges.all import FAILED, READINGS
from app.observe import metrics as counted

_PAGE_HEAD = """\
# Metrics

What Prometheus reads at `/metrics`: the web server's own, of each process or of all that share
`PROMETHEUS_MULTIPROC_DIR`; the worker's own; and the exporter's, from the books and from Redis
(`flask exporter`; in development the web server shows them too).
[Operations](operations.md#looking) says how they are asked for. No label is a
person's number or text. Made by `flask metrics --page > docs/metrics.md`.

| Metric | Labels | Shown by | What it says |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as people look it up: `kind` is counter, histogram or gauge."""

    name: str
    kind: str
    labels: tuple[str, ...]
    shown_by: str
    says: str


@click.command()
@click.option("--page", is_flag=True, help="the page docs/metrics.md")
@JSON
def metrics(page: bool, as_json: bool) -> None:
    """Shows every metric with its labels and what it says."""
    if page:
        click.echo(write_page(), nl=False)
    elif as_json:
        print_json([asdict(metric) for metric in list_metrics()])
    else:
        for metric in list_metrics():
            labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
            click.echo(f"{metric.name}{labels}\n    {metric.says}")


def list_metrics() -> Iterator[Metric]:
    """Yields the processes' own metrics, then the exporter's gauges."""
    for metric in vars(counted).values():
        if isinstance(metric, MetricWrapperBase):
            yield _describe(metric)
    for reading in READINGS:
        for gauge in reading.gauges:
            yield Metric(gauge.name, "gauge", reading.labels, "exporter", gauge.says)
    yield Metric(FAILED.name, "gauge", (), "exporter", FAILED.says)


def write_page() -> str:
    """Returns the page docs/metrics.md."""
    rows = (
        f"| `{metric.name}` | {', '.join(f'`{label}`' for label in metric.labels)} "
        f"| {metric.shown_by} | {metric.says} |\n"
        for metric in list_metrics()
    )
    return _PAGE_HEAD + "".join(rows)


def _describe(metric: MetricWrapperBase) -> Metric:
    family = next(iter(metric.describe()))
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = tuple(metric._labelnames)
    return Metric(name, family.type, labels, "its process", family.documentation)
