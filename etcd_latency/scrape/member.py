"""Pages of etcd members: ids of peers become names, and series of peers that are none go.

etcd labels what it measures between members with their ids in hexadecimal. It never forgets a series: those of
a removed member stay until the process ends, and `From="0"` belongs to nobody (etcd issue 18805).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from prometheus_client import Metric
from prometheus_client.samples import Sample

from etcd_latency.model import Target
from etcd_latency.scrape.scraper import PageScraper

PEER_LABELS = ("To", "From", "Remote")
"""The labels of etcd that hold a peer's id; no series has two of them."""

NOBODY = "0"
"""What stands for the id of who has not said it yet; no ghost, since it was never a member."""

PEER_FAMILIES = "etcd_network_"


class MemberScraper(PageScraper):
    """Submits the pages of one member, run after run."""

    def __init__(self, check: OpenMetricsBaseCheckV2, target: Target, options: Mapping[str, Any]) -> None:
        super().__init__(check, target, options)
        self.ghosts = 0
        """How many series of the last page were left out, because their peer is no member."""
        self.peers: Mapping[str, str] | None = None
        """The names of all members by id, None where they are not known."""

    def parse_metrics(self) -> Iterator[Metric]:
        self.ghosts = 0
        for metric in super().parse_metrics():
            if self.peers is not None and metric.name.startswith(PEER_FAMILIES):
                metric.samples = list(self._named(metric.samples, self.peers))
            yield metric

    def _named(self, samples: list[Sample], peers: Mapping[str, str]) -> Iterator[Sample]:
        for sample in samples:
            label = next((label for label in PEER_LABELS if label in sample.labels), None)
            if label is None:
                yield sample
            elif sample.labels[label] in peers:
                sample.labels[label] = peers[sample.labels[label]]
                yield sample
            elif sample.labels[label] != NOBODY:
                self.ghosts += 1
