"""What base's parser has read of a page, because it is not written as usual, made the same as what is read here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import Metric
from prometheus_client.samples import Sample

from etcd_latency.scrape import lines
from etcd_latency.scrape.lines import Column, Heads

TOLD_WHEN_CREATED = {"counter", "histogram", "summary"}
"""Kinds of families in which OpenMetrics has samples that tell when a series began; base would submit that moment,
too, as a count."""


def apart(texts: Iterable[bytes]) -> bytes:
    """Parts of a page as one that has them in different places: two of one family may differ in what they declare."""
    return b"".join(text.removesuffix(b"\n") + b"\n# TYPE _ gauge\n" for text in texts)


def merged(metrics: Iterable[Metric]) -> list[Metric]:
    """A page's families, each once, also one that the page has in several places."""
    found: dict[tuple[str, str], Metric] = {}
    for metric in metrics:
        first = found.setdefault((metric.name, metric.type), metric)
        if first is not metric:
            first.samples += metric.samples
    return list(found.values())


def distinct(metric: Metric) -> list[Sample]:
    """A family's samples, no series twice: of one that is, the last counts, as for the Agent."""
    series = {(sample.name, frozenset(sample.labels.items())): sample for sample in metric.samples}
    if metric.type in TOLD_WHEN_CREATED:
        return [sample for sample in series.values() if not sample.name.endswith("_created")]
    return list(series.values())


def observed(samples: Sequence[Sample]) -> Column:
    """What base's parser has read, as if it had been read here."""
    return Column(Heads([lines.head(sample) for sample in samples]), [sample.value for sample in samples])
