"""Pages of Kubernetes servers: hundreds of series of a family become the few that are submitted.

Two submissions of one counter under the same tags would reach the Agent as one counter that jumps to and fro.
So labels that do not become tags are taken off here and their series made one, before base sees them. What base
then gets has the page's names and types, so that all of its options do what they do elsewhere; labels already
have the names of our tags.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from datadog_checks.base.checks.openmetrics.v2.transform import NATIVE_TRANSFORMERS
from prometheus_client import Metric
from prometheus_client.samples import Sample

from etcd_latency import catalog
from etcd_latency.catalog import Catalogue, Family, Forward, Labels
from etcd_latency.model import Target
from etcd_latency.scrape.blocks import Cutter
from etcd_latency.scrape.scraper import Origin, PageScraper
from etcd_latency.scrape.totals import COUNT, SUM, VALUE, Part, Parts, Series, Totals, level

ASKED_BY_BASE = {"process_start_time_seconds", "target_info"}
"""Families that base itself reads, for its options `use_process_start_time` and `target_info`."""

PARTS: dict[str, Part] = {"_total": VALUE, "_sum": SUM, "_count": COUNT}
"""What a sample is of its series, by the ending of its name; of a bucket it is the bound."""

SUFFIXES = {part: suffix for suffix, part in PARTS.items()}

Tags = tuple[tuple[str, str], ...]
Chosen = list[tuple[Family, list[Sample]]]


class Group(NamedTuple):
    """The series that become one."""

    family: str
    """As the page has it."""
    tags: Tags


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
        self.left_out = 0
        """How many values of the last page were no numbers that can be summed."""
        self._catalogue = catalogue
        self._tags = {family.exposed: self._kept(family, detail=detail) for family in catalogue.families}
        self._known = {name for family in catalogue.families for name in (family.exposed, family.parsed)}
        self._totals: Totals[Group] = Totals()
        # Decided now: pages are cut in another thread than base reads its options in.
        transformer = self.metric_transformer
        self._named = {
            *self._known,
            *transformer.transformer_data,
            *(options.get("share_labels") or ()),
            *ASKED_BY_BASE,
        }
        self._patterns = [pattern for pattern, _ in transformer.metric_patterns]

    def cutter(self) -> Cutter:
        """A cutter for one page of this server: it keeps what the catalogue, base or a user's option reads."""
        # The parser of OpenMetrics refuses a histogram without its last bucket.
        buckets = self.metric_transformer.collect_histogram_buckets or self._use_latest_spec
        return Cutter(self._is_wanted, buckets=buckets)

    def _is_wanted(self, header: str) -> bool:
        """Whether somebody reads the family of a `# TYPE` line."""
        name = header.removeprefix(self.raw_metric_prefix)
        parsed = name.removesuffix("_total")
        forward = self._catalogue.forward
        return (
            not self._named.isdisjoint((name, parsed))
            or (forward is not None and name.startswith(forward.prefix))
            or any(pattern.search(parsed) for pattern in self._patterns)
        )

    def parse_metrics(self) -> Iterator[Metric]:
        found = list(super().parse_metrics())
        chosen = list(self._chosen(found))
        others = [metric for metric in found if metric.name not in self._known]
        # What gives labels to others comes first: older bases put them on what they see later only.
        yield from [*self._others(others), *self._counters(chosen), *self._gauges(chosen)]
        if self.left_out:
            self.log.debug("%s: %d values are no numbers that can be summed", self.endpoint, self.left_out)

    def _kept(self, family: Family, *, detail: bool) -> Labels:
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

    def _chosen(self, found: Iterable[Metric]) -> Iterator[tuple[Family, list[Sample]]]:
        """The families that count on this page: of those with one name the first that has samples."""
        on_page = {metric.name: metric.samples for metric in found if metric.samples}
        taken: set[str] = set()
        for family in self._catalogue.families:
            # A counter that its page does not declare as one keeps its suffix.
            samples = on_page.get(family.parsed) or on_page.get(family.exposed)
            if samples and family.name not in taken:
                taken.add(family.name)
                yield family, samples

    def _counters(self, chosen: Chosen) -> list[Metric]:
        """The counters and histograms of a page, each group of series as one."""
        families = [(family, samples) for family, samples in chosen if family.kind != "gauge"]
        metrics = {family.exposed: Metric(family.parsed, family.help, family.kind) for family, _ in families}
        totals = self._totals.add(one for family, samples in families for one in self._series(family, samples))
        self.left_out = self._totals.left_out
        for group, parts in totals.items():
            metric = metrics[group.family]
            metric.samples += rendered(metric.name, group.tags, parts)
        return list(metrics.values())

    def _series(self, family: Family, samples: Iterable[Sample]) -> Iterator[Series[Group]]:
        """A family's samples as series: those that differ in nothing but the ending or the bound are one."""
        kept = self._tags[family.exposed]
        for labels, parts in series_of(samples).items():
            yield Series(Group(family.exposed, tags_of(dict(labels), kept)), (family.exposed, labels), parts)

    def _gauges(self, chosen: Chosen) -> Iterator[Metric]:
        for family, samples in chosen:
            if family.kind == "gauge":
                yield self._gauge(family, samples)

    def _gauge(self, family: Family, samples: Iterable[Sample]) -> Metric:
        """A gauge of a page, each group of series as one."""
        values = {frozenset(sample.labels.items()): sample.value for sample in samples}
        groups: dict[Tags, list[float]] = defaultdict(list)
        for labels, value in values.items():
            if math.isfinite(value) and value != family.unknown:
                groups[tags_of(dict(labels), self._tags[family.exposed])].append(value)
        self.left_out += len(values) - sum(map(len, groups.values()))
        metric = Metric(family.parsed, family.help, family.kind)
        for tags, members in groups.items():
            metric.add_sample(family.parsed, dict(tags), level(members, family.combine))
        return metric

    def _others(self, others: Iterable[Metric]) -> Iterator[Metric]:
        """What the catalogue does not list. Base leaves out what has no name of ours and none of a user's."""
        forward = self._catalogue.forward
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


def series_of(samples: Iterable[Sample]) -> dict[frozenset[tuple[str, str]], dict[Part, float]]:
    """The parts of each series, by its labels. What has another ending (`_created`) is no part."""
    series: dict[frozenset[tuple[str, str]], dict[Part, float]] = defaultdict(dict)
    for sample in samples:
        bound = sample.labels.pop("le", None)
        part = PARTS.get(sample.name[sample.name.rindex("_") :]) if bound is None else float(bound)
        if part is not None:
            series[frozenset(sample.labels.items())][part] = sample.value
    return series


def tags_of(labels: Mapping[str, str], kept: Labels) -> Tags:
    """What is left of a series' labels. Labels of one tag are joined by a dot, empty ones make no tag."""
    tags: dict[str, list[str]] = defaultdict(list)
    for label, tag in kept:
        if value := labels.get(label):
            tags[tag].append(value)
    return tuple((tag, ".".join(values)) for tag, values in tags.items())


def rendered(name: str, tags: Tags, parts: Parts) -> Iterator[Sample]:
    """A group's totals as samples; each with labels of its own, since base changes them."""
    for part, value in parts.items():
        if isinstance(part, float):
            yield Sample(f"{name}_bucket", {**dict(tags), "le": str(part)}, value)
        else:
            yield Sample(f"{name}{SUFFIXES[part]}", dict(tags), value)
