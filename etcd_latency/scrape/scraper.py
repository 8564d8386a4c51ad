"""Base's OpenMetrics V2 scraper, fed with an answer that has been fetched already, and asked no oftener than need be.

All of base's conventions hold: what becomes of a counter or a histogram, labels to tags, first values of
counters, every option. What differs is where the page comes from, that base decides once for each series what
it decides anew on every page (see `replay`), and that a page is read to its end before anything is submitted:
base submits what stands above a broken line and then fails.

Where a submission depends on more than the series it is of, the page goes base's own way from end to end; where
only one family is unlike the others, only that one does.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from datadog_checks.base.checks.openmetrics.v2.scraper import OpenMetricsScraper
from prometheus_client import Metric
from prometheus_client.samples import Sample

from etcd_latency.derive.pages import Labels
from etcd_latency.errors import BadPage, TargetError
from etcd_latency.model import Failure, Page, Target
from etcd_latency.scrape.blocks import Block, blocks
from etcd_latency.scrape.families import Declared, Family, Learn, Replayed, Unreplayable, Unwanted
from etcd_latency.scrape.lines import NO_VALUES, Column, Heads, Irregular, Orders, Text, Values
from etcd_latency.scrape.replay import REPLAYED, Batch, Note, Submitter, Tape, are_short, batches, share, shared
from etcd_latency.scrape.rest import apart, distinct, merged, observed
from etcd_latency.scrape.steady import Observed, Part, Steady

MOST_KNOWN_TAGS = 1024
"""Of how many histograms of one member it is known what their tags are."""

PROMETHEUS_NAME = re.compile("[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose pages a scraper takes, so that another's are refused."""

    name: str
    """What messages call the program."""
    one: str
    """What they call one that runs."""
    mark: str
    """A pattern: it begins a line in every page of such a server, and if possible in none of another."""


MEMBER = Origin("etcd", "an etcd member", "etcd_(server|disk|mvcc|network|debugging)_")
"""An API server's page has families that begin with `etcd_`, too, but none of these; its process and gRPC
metrics must not pass for a member's."""


class PageScraper(OpenMetricsScraper):
    """Submits the pages of one target, run after run."""

    def __init__(
        self,
        check: OpenMetricsBaseCheckV2,
        target: Target,
        options: Mapping[str, Any],
        origin: Origin = MEMBER,
        sibling: PageScraper | None = None,
    ) -> None:
        """`options` are base's; a sibling has the same ones, so that most of what base makes of them is needed once."""
        self.tape: Tape = sibling.tape if sibling else Tape(check)
        # Base's own endpoint tag would be the page's URL; a target brings all of its tags along.
        super().__init__(
            self.tape,
            {**options, "openmetrics_endpoint": target.page_url, "tags": list(target.tags), "tag_by_endpoint": False},
        )
        if sibling:
            share(sibling.metric_transformer.transformer_data, self.metric_transformer.transformer_data)
        self.check = check
        self.http = None  # type: ignore[assignment]  # pages come from elsewhere, and a session takes room
        self.answer: Page | Failure | None = None
        self._origin = origin
        self._mark = re.compile(f"^{re.escape(self.raw_metric_prefix)}{origin.mark}".encode(), re.MULTILINE)
        self._families: dict[tuple[bytes, bytes], Family] = {}
        self._heads: list[Heads | None] = []
        self._steady: Steady | None = None
        self._batches: list[Batch] = []
        self._where: dict[str, tuple[Heads, slice]] = {}
        self._numbers: Values | None = None
        """Those of the last page line by line, if it is known as a whole."""
        self._read_by_base: dict[str, Column] = {}
        self._known_tags: dict[tuple[str, Labels], tuple[str, ...] | None] = {}
        self._tagged = self.tags
        self._text = b""
        self._base_reads_all = False
        transformer = self.metric_transformer
        # What is submitted then depends on more than the series, or tells how it was read.
        self._always_base_s = bool(
            self.enable_telemetry
            or self.target_info
            or self._use_latest_spec
            or self.raw_line_filter
            or self.hostname_label
            or transformer.histogram_buckets_as_distributions
            or transformer.non_cumulative_histogram_buckets
        )

    def submit(self, answer: Page | Failure) -> None:
        """Submit a page's metrics; raise the `TargetError` of a failure or of a bad page.

        A failure comes here, too: after a gap base must not flush the first value of a new counter.
        """
        self.answer = answer
        self._read_by_base = {}
        try:
            self.scrape()
        except TargetError:
            raise
        except Exception as error:
            # Whatever the parser or a transformer of base trips over: it must not cost the other members.
            raise BadPage(f"the page cannot be read; is this {self._origin.name}'s /metrics? ({error})") from error
        finally:
            self.answer = None
            self._text = b""

    def digested(self, page: Page) -> Page:
        """A page with its numbers in the place of its text, when its lines are those of the last one.

        May be called in another thread, but not while a page is submitted.
        """
        if self._steady is None or self._is_outdated() or self._is_base_s(page):
            return page
        try:
            numbers = self._steady.read(page.body)
        except Irregular:
            return page
        return page if numbers is None else replace(page, body=b"", numbers=numbers, reader=self)

    def tags_of(self, family: str, labels: Labels) -> tuple[str, ...] | None:
        """The tags of a series, as what is submitted of it has them; None where nothing of it is."""
        if self._base_reads_all:
            self._known_tags.clear()  # they may be others on every page
        key = family, labels
        if key in self._known_tags:
            return self._known_tags[key]
        found = self._tags_of(family, labels)
        if are_short(text for label in labels for text in label):
            if len(self._known_tags) == MOST_KNOWN_TAGS:
                self._known_tags.clear()
            self._known_tags[key] = found
        return found

    def _tags_of(self, family: str, labels: Labels) -> tuple[str, ...] | None:
        metric = Metric(family, "", "gauge")
        metric.samples = [Sample(family, dict(labels), 1.0)]
        data = self.generate_sample_data(self._prepared(metric))
        return next((shared(tuple(tags)) for _, tags, _ in data), None)

    def observed(self) -> Mapping[str, Column]:
        """The numbers of the last page, by family; names are those in the option `metrics`."""
        if self._numbers is not None:
            return Observed(self._where, self._numbers)
        found = {self._name(name): family.column for (name, _), family in self._families.items()}
        return {name: column for name, column in found.items() if column.values} | self._read_by_base

    def parse_metrics(self) -> Iterator[Metric]:
        """What base reads: of most pages a few families, or none."""
        for metric in merged(map(self._sound, super().parse_metrics())):
            metric.samples = distinct(metric)
            if metric.name in self.metric_transformer.transformer_data:
                self._read_by_base[metric.name] = observed(metric.samples)
            yield metric

    def stream_connection_lines(self) -> Iterator[str]:
        """The lines that base reads. They end at a line feed and nowhere else: a label value may hold U+2028."""
        yield from self._text.decode("utf-8", errors="replace").removesuffix("\n").split("\n")

    def _scrape(self) -> None:
        page = self._page()
        self._content_type = page.content_type
        if self.enable_telemetry:
            self.gauge("telemetry.payload.size", page.size or len(page.body), tags=self.tags)
        if page.numbers is None and not self._mark.search(page.body):
            raise BadPage(f"the page has no metric of {self._origin.one}; is this the URL of one?")
        self._base_reads_all = self._is_base_s(page)
        if self._base_reads_all:
            self._families, self._steady, self._numbers, self._text = {}, None, None, page.body
            super()._scrape()
            return
        self._numbers = page.numbers
        if self._numbers is None:
            self._forget_outdated()
            self._text = self._read(page.body)
            self._scrape_rest()
        submitter = Submitter(self.check, flush_first_value=bool(self.flush_first_value))
        if self._numbers is None:
            for family in self._submitting():
                family.submit(submitter)
        else:
            for batch in self._batches:
                submitter.submit_batch(batch, self._numbers)

    def _submitting(self) -> Iterable[Family]:
        """The families whose numbers are submitted."""
        return self._families.values()

    def _scrape_rest(self) -> None:
        """Have base read and submit what is left to it; it fails before it submits, or not at all."""
        if self._text:
            super()._scrape()

    def _page(self) -> Page:
        if isinstance(self.answer, Failure):
            raise self.answer.error
        assert self.answer is not None, "submit() sets the answer"  # noqa: S101 - an invariant for the type checker
        return self.answer

    def _is_base_s(self, page: Page) -> bool:
        """Whether base must read all of this page."""
        labels = self.label_aggregator
        return bool(
            self._always_base_s
            or self.check.metric_limiter
            or page.content_type.startswith("application/openmetrics-text")
            or (labels.configured and not (labels.cache_shared_labels and labels.shared_labels_cached))
            or (self.use_process_start_time and self.flush_first_value is None)
        )

    def _is_outdated(self) -> bool:
        """Whether what was learnt of series does not hold any more."""
        return self.tags is not self._tagged

    def _forget_outdated(self) -> None:
        """Have all series learnt anew whose tags may be others now."""
        if self._is_outdated():
            self._families, self._steady, self._tagged = {}, None, self.tags
            self._known_tags = {}

    def _read(self, page: bytes) -> bytes:
        """Take in the families of a page; give back the text of those that base must read."""
        places: defaultdict[bytes, list[Block]] = defaultdict(list)
        found = list(blocks(page))
        for block in found:
            places[block.family].append(block)
        known, self._families = self._families, {}
        rest: list[Block] = []
        for its in places.values():
            try:
                self._take(page, its, known)
            except Irregular:
                rest += its
        self._get_to_know(page, found)
        return apart(page[block.begin : block.end] for block in sorted(rest, key=attrgetter("begin")))

    def _get_to_know(self, page: bytes, found: Sequence[Block]) -> None:
        """Be ready for this page to come again, when it has done so once."""
        families = [self._families.get((block.family, block.kind)) for block in found]
        heads = [family.column.heads if isinstance(family, Replayed) else None for family in families]
        self._steady = None
        if heads == self._heads and all(isinstance(family, Replayed | Unwanted) for family in families):
            parts = (
                Part(Text(page, block.begin, block.first).lines(), Text(page, block.first, block.end).lines(), its)
                for block, its in zip(found, heads, strict=True)
            )
            with suppress(Irregular):
                self._steady = Steady(parts)
                self._take_over(self._steady)
        self._heads = heads

    def _take_over(self, steady: Steady) -> None:
        """From now on the numbers of all families are kept together."""
        replayed = {name: family for (name, _), family in self._families.items() if isinstance(family, Replayed)}
        routes = (family.routes for family in replayed.values())
        self._batches = batches(zip(steady.places, routes, strict=True), steady.size)
        heads = (family.column.heads for family in replayed.values())
        self._where = dict(zip(map(self._name, replayed), zip(heads, steady.places, strict=True), strict=True))
        self._where = {name: where for name, where in self._where.items() if where[0].texts}
        self._numbers = steady.values
        for family in replayed.values():
            family.column = Column(family.column.heads, NO_VALUES)

    def _take(self, page: bytes, its: Sequence[Block], known: Mapping[tuple[bytes, bytes], Family]) -> None:
        """Take in one family."""
        block = its[0]
        if len(its) > 1 or not block.family:
            raise Irregular
        key = block.family, block.kind
        family = known.get(key) or self._family(*key)
        family.read(Text(page, block.first, block.end))
        self._families[key] = family

    def _family(self, name: bytes, kind: bytes) -> Family:
        """A family that is new on this page."""
        declared = Declared(name.decode("utf-8", errors="replace"), kind.decode("utf-8", errors="replace"))
        try:
            metric = self._trimmed(declared.metric())
        except ValueError:
            return Unreplayable()  # base says what is wrong, if somebody wants it
        if self._is_excluded(metric.name) or self.metric_transformer.get(metric) is None:
            return Unwanted(declared)
        return self._wanted(declared, metric)

    def _wanted(self, declared: Declared, metric: Metric) -> Family:
        """A new family that somebody wants."""
        kind, transformer = self.metric_transformer.transformer_data.get(metric.name, (None, None))
        return self._replayed(metric, self._learner(declared, transformer)) if kind in REPLAYED else Unreplayable()

    def _replayed(self, _: Metric, learn: Learn) -> Replayed:
        """A new family whose series are submitted each by itself."""
        return Replayed(learn)

    def _learner(self, declared: Declared, transformer: Callable[..., None]) -> Learn:
        """What learns of this family's new series what becomes of them."""
        return partial(self._learn, declared, transformer, Orders())

    def _learn(
        self, declared: Declared, transformer: Callable[..., None], orders: Orders, head: bytes
    ) -> Sequence[Note]:
        try:
            metric = declared.metric(head)
            orders.check(metric.samples[0].labels)
            return self._notes(self._prepared(self._trimmed(metric)), transformer)
        except (KeyError, ValueError):
            raise Irregular from None  # a bound that is none; base does not look at it when there is no value

    def _notes(self, metric: Metric, transformer: Callable[..., None]) -> list[Note]:
        """What base would submit of a family."""
        runtime_data = {"flush_first_value": True, "static_tags": self.static_tags}
        return self.tape.record(lambda: transformer(metric, self.generate_sample_data(metric), runtime_data))

    def _prepared(self, metric: Metric) -> Metric:
        """A family as it is to be submitted."""
        return metric

    def _trimmed(self, metric: Metric) -> Metric:
        """The same without what `raw_metric_prefix` takes off."""
        metric.name = metric.name.removeprefix(self.raw_metric_prefix)
        return metric

    def _sound(self, metric: Metric) -> Metric:
        """A family as it is; raises `ValueError` for a broken line that somebody wants.

        Of one base's parser makes a name or a label that there cannot be, and goes on.
        """
        for sample in metric.samples:
            names = (sample.name, *sample.labels)
            if not all(map(PROMETHEUS_NAME.fullmatch, names)) and self._is_somebody_s(sample.name):
                raise ValueError(f"a line is broken: {', '.join(names)[:160]}")
        return metric

    def _is_somebody_s(self, name: str) -> bool:
        """Whether a line that begins like this is of a family that somebody wants."""
        family = re.split("[^a-zA-Z0-9_:]", name.removeprefix(self.raw_metric_prefix))[0]
        endings = ("", "_total", "_bucket", "_sum", "_count")
        return any(family.removesuffix(ending) in self.metric_transformer.transformer_data for ending in endings)

    def _is_excluded(self, name: str) -> bool:
        """Whether base would leave the family out, by `exclude_metrics`."""
        pattern = self.exclude_metrics_pattern
        return name in self.exclude_metrics or (pattern is not None and pattern.search(name) is not None)

    def _name(self, family: bytes) -> str:
        """What base's parser and options call a family."""
        return family.decode("utf-8", errors="replace").removeprefix(self.raw_metric_prefix)
