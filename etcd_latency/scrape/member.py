"""Pages of etcd members: ids of peers become names, and series of peers that are none go.

etcd labels what it measures between members with their ids in hexadecimal. It never forgets a series: those of
a removed member stay until the process ends, and `From="0"` belongs to nobody (etcd issue 18805).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from prometheus_client import Metric

from etcd_latency.model import Target
from etcd_latency.scrape.families import Learn, Replayed
from etcd_latency.scrape.lines import Text
from etcd_latency.scrape.scraper import PageScraper

PEER_LABELS = ("To", "From", "Remote")
"""The labels of etcd that hold a peer's id; no series has two of them."""

PEER = re.compile(rb'[{,](?:%s)="([^"]*)"' % "|".join(PEER_LABELS).encode())

NOBODY = "0"
"""What stands for the id of who has not said it yet; no ghost, since it was never a member."""

PEER_FAMILIES = "etcd_network_"


class AboutPeers(Replayed):
    """A family whose series are about pairs of members."""

    __slots__ = ("_peers", "ghosts")

    def __init__(self, learn: Learn, peers: Mapping[str, str]) -> None:
        super().__init__(learn)
        self._peers = peers
        self.ghosts = 0
        """How many of its lines are about who is no member."""

    def read(self, text: Text) -> None:
        before = self.column.heads
        super().read(text)
        if self.column.heads is not before:
            self.ghosts = sum(is_ghost(peer_in(head), self._peers) for head in self.column.heads.texts)


class MemberScraper(PageScraper):
    """Submits the pages of one member, run after run."""

    def __init__(
        self,
        check: OpenMetricsBaseCheckV2,
        target: Target,
        options: Mapping[str, Any],
        sibling: PageScraper | None = None,
    ) -> None:
        super().__init__(check, target, options, sibling=sibling)
        self.ghosts: int | None = None
        """How many series of the last page were left out, because their peer is no member; None without a page."""
        self.peers: Mapping[str, str] | None = None
        """The names of all members by id, None where they are not known."""
        self._learnt_with: Mapping[str, str] | None = None

    def parse_metrics(self) -> Iterator[Metric]:
        for metric in super().parse_metrics():
            self._found += self._name_peers(metric)
            yield metric

    def _scrape(self) -> None:
        self.ghosts, self._found = None, 0
        super()._scrape()
        if self.peers is not None:
            families = (family for family in self._families.values() if isinstance(family, AboutPeers))
            self.ghosts = self._found + sum(family.ghosts for family in families)

    def _is_outdated(self) -> bool:
        return super()._is_outdated() or self.peers != self._learnt_with

    def _forget_outdated(self) -> None:
        super()._forget_outdated()
        self._learnt_with = self.peers

    def _prepared(self, metric: Metric) -> Metric:
        self._name_peers(metric)
        return metric

    def _name_peers(self, metric: Metric) -> int:
        """Put names in the place of ids, where there are any; returns how many series were about no member."""
        return 0 if self.peers is None or not is_about_peers(metric) else name_peers(metric, self.peers)

    def _replayed(self, metric: Metric, learn: Learn) -> Replayed:
        if self.peers is not None and is_about_peers(metric):
            return AboutPeers(learn, self.peers)
        return super()._replayed(metric, learn)


def is_about_peers(metric: Metric) -> bool:
    """Whether a family's series may be about pairs of members."""
    return bool(metric.name.startswith(PEER_FAMILIES))


def is_ghost(identity: str | None, peers: Mapping[str, str]) -> bool:
    """Whether a series about this peer is about who is no member any more."""
    return identity not in (None, NOBODY) and identity not in peers


def peer_in(head: bytes) -> str | None:
    """The id of the peer that a line is about; None when it is about nobody."""
    match = PEER.search(head)
    return match[1].decode("utf-8", errors="replace") if match else None


def name_peers(metric: Metric, peers: Mapping[str, str]) -> int:
    """Put names in the place of ids; drop series whose peer has none, and return how many ghosts were among them."""
    found = [
        (sample, next((label for label in PEER_LABELS if label in sample.labels), None)) for sample in metric.samples
    ]
    ids = [sample.labels[label] if label else None for sample, label in found]
    for sample, label in found:
        if label:
            sample.labels[label] = peers.get(sample.labels[label], "")
    metric.samples = [sample for sample, label in found if label is None or sample.labels[label]]
    return sum(is_ghost(identity, peers) for identity in ids)
