"""Pages of etcd members: ids of peers become names, and series of peers that are none go.

etcd labels what it measures between members with their ids in hexadecimal. It never forgets a series: those of
a removed member stay until the process ends, and `From="0"` belongs to nobody (etcd issue 18805).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from prometheus_client import Metric

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
        self.ghosts: int | None = None
        """How many series of the last page were left out, because their peer is no member; None without a page."""
        self.peers: Mapping[str, str] | None = None
        """The names of all members by id, None where they are not known."""

    def parse_metrics(self) -> Iterator[Metric]:
        self.ghosts = None
        metrics = list(super().parse_metrics())
        if self.peers is not None:
            self.ghosts = sum(name_peers(metric, self.peers) for metric in metrics if is_about_peers(metric))
        yield from metrics


def is_about_peers(metric: Metric) -> bool:
    """Whether a family's series may be about pairs of members."""
    return bool(metric.name.startswith(PEER_FAMILIES))


def name_peers(metric: Metric, peers: Mapping[str, str]) -> int:
    """Put names in the place of ids; drop series whose peer has none, and return how many ghosts were among them."""
    found = [
        (sample, next((label for label in PEER_LABELS if label in sample.labels), None)) for sample in metric.samples
    ]
    ids = [label and sample.labels[label] for sample, label in found]
    for sample, label in found:
        if label:
            sample.labels[label] = peers.get(sample.labels[label], "")
    metric.samples = [sample for sample, label in found if label is None or sample.labels[label]]
    return sum(number not in (None, NOBODY) and number not in peers for number in ids)
