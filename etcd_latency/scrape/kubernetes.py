"""Pages of Kubernetes servers: hundreds of series of a family become the few that are submitted.

Two submissions of one counter under the same tags would reach the Agent as one counter that jumps to and fro.
So labels that do not become tags are taken off here and their series made one, before base sees them. What base
then gets has the page's names and types, so that all of its options do what they do elsewhere; labels already
have the names of our tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from datadog_checks.base.checks.openmetrics.v2.scraper import OpenMetricsScraper
from datadog_checks.base.checks.openmetrics.v2.transform import NATIVE_TRANSFORMERS
from prometheus_client import Metric

from etcd_latency import catalog
from etcd_latency.catalog import Catalogue, Forward, Labels
from etcd_latency.model import Target
from etcd_latency.scrape.blocks import Block, Cutter
from etcd_latency.scrape.families import Family, Unreplayable
from etcd_latency.scrape.lines import Column
from etcd_latency.scrape.replay import Note
from etcd_latency.scrape.rest import observed
from etcd_latency.scrape.scraper import Origin, PageScraper
from etcd_latency.scrape.sums import Combined, Levels, Summed


class SummingScraper(PageScraper):
    """Submits the pages of one Kubernetes server, run after run.

    Of one: behind an address where several answer in turn, each answer would look like a server that began anew.
    """

    def __init__(
        self,
        check: OpenMetricsBaseCheckV2,
        target: Target,
        options: Mapping[str, Any],
        catalogue: Catalogue,
        *,
        detail: bool,
    ) -> None:
        """`options` are base's; the catalogue decides `metrics`, and `detail` which labels become tags."""
        super().__init__(
            check,
            target,
            {**options, "metrics": catalog.metrics_option(catalogue.families)},
            Origin(catalogue.server, f"a {catalogue.server}", catalogue.mark),
        )
        self._forward = catalogue.forward
        self._combined = {family.exposed: self._combining(family, detail=detail) for family in catalogue.families}
        self._known = {name: one for one in self._combined.values() for name in (one.family.parsed, one.family.exposed)}
        # Decided now: pages are cut in another thread than base reads its options in.
        transformer = self.metric_transformer
        self._named = {
            *self._known,
            *transformer.transformer_data,
            *(options.get("share_labels") or ()),
            *catalog.ASKED_BY_BASE,
        }
        self._patterns = [pattern for pattern, _ in transformer.metric_patterns]

    @property
    def left_out(self) -> int:
        """How many values of the last page were no numbers that can be combined."""
        return sum(combined.left_out for combined in self._counting())

    def observed(self) -> dict[str, Column]:
        """The histograms of the last page as they are summed, for a series of them has no tags of its own."""
        counting = (combined for combined in self._counting() if combined.family.kind == "histogram")
        return {combined.family.exposed: combined.summed() for combined in counting}

    def cutter(self) -> Cutter:
        """A cutter for one page of this server: it keeps what the catalogue, base or a user's option reads."""
        return Cutter(self._is_wanted)

    def parse_metrics(self) -> Iterator[Metric]:
        found = list(super().parse_metrics())
        for combined in self._combined.values():
            # A page may declare a family as another kind, or not at all.
            its = [sample for metric in found if self._known.get(metric.name) is combined for sample in metric.samples]
            if its:
                combined.take(observed(its))
            combined.turn()
        # What gives labels to others comes first: older bases put them on what they see later only.
        yield from self._others([metric for metric in found if metric.name not in self._known])
        if self._base_reads_all:
            yield from (combined.metric() for combined in self._counting())
        if self.left_out:
            self.log.debug("%s: %d values are no numbers that can be combined", self.endpoint, self.left_out)

    def _scrape(self) -> None:
        for combined in self._combined.values():
            combined.begin()
        super()._scrape()

    def _scrape_rest(self) -> None:
        """There may be nothing left for base to read, but that is worth telling, too: see `_others`."""
        OpenMetricsScraper._scrape(self)  # noqa: SLF001 - base's own, which the next class up has extended

    def _get_to_know(self, page: bytes, found: Sequence[Block]) -> None:
        """These pages are read family by family: what is wanted of them is few families, but large ones."""

    def _submitting(self) -> Iterable[Family]:
        beside = (family for family in super()._submitting() if not isinstance(family, Combined))
        return [*beside, *self._counting()]

    def _counting(self) -> Iterable[Combined]:
        """What counts on this page: of families with one name the first that has samples."""
        first: dict[str, Combined] = {}
        for combined in self._combined.values():
            if combined.column.values:
                first.setdefault(combined.family.name, combined)
        return first.values()

    def _family(self, name: bytes, kind: bytes) -> Family:
        trimmed = self._name(name)
        combined = self._combined.get(trimmed)
        if combined is not None:
            return combined
        if self._forward and trimmed.startswith(self._forward.prefix):
            return Unreplayable()
        return super()._family(name, kind)

    def _forget_outdated(self) -> None:
        if self._is_outdated():
            for combined in self._combined.values():
                combined.relearn()
        super()._forget_outdated()

    def _combining(self, family: catalog.Family, *, detail: bool) -> Combined:
        return (Levels if family.kind == "gauge" else Summed)(
            family, self.raw_metric_prefix, self._kept(family, detail=detail), self._learn_combined
        )

    def _learn_combined(self, metric: Metric) -> Sequence[Note]:
        return [] if self._is_excluded(metric.name) else self._notes(metric, self.metric_transformer.get(metric))

    def _kept(self, family: catalog.Family, *, detail: bool) -> Labels:
        """The labels of a family that become tags.

        Base's two options that drop labels are obeyed here already, or series would still lose what tells them apart.
        """
        labels = family.labels + (family.detail if detail else ())
        return tuple(
            (label, tag)
            for label, tag in labels
            if self.exclude_labels.isdisjoint((label, tag))
            and (not self.include_labels or not self.include_labels.isdisjoint((label, tag)))
        )

    def _is_wanted(self, header: str) -> bool:
        """Whether somebody reads the family of a `# TYPE` line."""
        name = header.removeprefix(self.raw_metric_prefix)
        parsed = name.removesuffix("_total")
        return (
            not self._named.isdisjoint((name, parsed))
            or (self._forward is not None and name.startswith(self._forward.prefix))
            or any(pattern.search(parsed) for pattern in self._patterns)
        )

    def _others(self, others: Iterable[Metric]) -> Iterator[Metric]:
        """What the catalogue does not list. Base leaves out what has no name of ours and none of a user's."""
        forward = self._forward
        if forward is None:
            yield from others
            return
        forwarded = [metric for metric in others if metric.name.startswith(forward.prefix)]
        yield from (metric for metric in others if not metric.name.startswith(forward.prefix))
        yield from (self._forwarded(metric, forward) for metric in forwarded if metric.type in NATIVE_TRANSFORMERS)
        self.gauge(forward.families, len(forwarded), tags=self.tags)

    def _forwarded(self, metric: Metric, forward: Forward) -> Metric:
        """A family with a name that no catalogue can list; base learns of it here."""
        known = self.metric_transformer.transformer_data
        if metric.name not in known:
            name = f"{forward.name}.{metric.name.removeprefix(forward.prefix)}"
            known[metric.name] = self.metric_transformer.compile_transformer({"name": name, "type": "native_dynamic"})
        return relabelled(metric, forward.labels)


def relabelled(metric: Metric, renamed: Labels) -> Metric:
    """A family with its labels under the names of our tags."""
    names = dict(renamed)
    metric.samples = [
        sample._replace(labels={names.get(label, label): value for label, value in sample.labels.items()})
        for sample in metric.samples
    ]
    return metric
