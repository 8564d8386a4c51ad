"""Base's OpenMetrics V2 scraper, fed with an answer that has been fetched already.

All of base's conventions hold: what becomes of a counter or a histogram, labels to tags, first values of
counters, every option. What differs is where the page comes from, and that a page is taken whole or not
at all: base submits what stands above a broken line and then fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from datadog_checks.base.checks.openmetrics.v2.scraper import OpenMetricsScraper
from prometheus_client import Metric

from etcd_latency.errors import BadPage, TargetError
from etcd_latency.model import Failure, Page, Target


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
        self, check: OpenMetricsBaseCheckV2, target: Target, options: Mapping[str, Any], origin: Origin = MEMBER
    ) -> None:
        # Base's own endpoint tag would be the page's URL; a target brings all of its tags along.
        super().__init__(
            check,
            {**options, "openmetrics_endpoint": target.page_url, "tags": list(target.tags), "tag_by_endpoint": False},
        )
        self._origin = origin
        self._mark = re.compile(f"^{re.escape(self.raw_metric_prefix)}{origin.mark}".encode(), re.MULTILINE)
        self.answer: Page | Failure | None = None

    def submit(self, answer: Page | Failure) -> None:
        """Submit a page's metrics; raise the `TargetError` of a failure or of a bad page.

        A failure comes here, too: after a gap base must not flush the first value of a new counter.
        """
        self.answer = answer
        try:
            self.scrape()
        except TargetError:
            raise
        except Exception as error:
            # Whatever the parser or a transformer of base trips over: it must not cost the other members.
            raise BadPage(f"the page cannot be read; is this {self._origin.name}'s /metrics? ({error})") from error
        finally:
            self.answer = None

    def parse_metrics(self) -> Iterator[Metric]:
        page = self._page()
        self._content_type = page.content_type
        if self.enable_telemetry:
            self.gauge("telemetry.payload.size", page.size or len(page.body), tags=self.tags)
        if not self._mark.search(page.body):
            raise BadPage(f"the page has no metric of {self._origin.one}; is this the URL of one?")
        yield from map(once, merged(super().parse_metrics()))

    def stream_connection_lines(self) -> Iterator[str]:
        """The page's lines. They end at a line feed and nowhere else: a label value may hold U+2028."""
        yield from self._page().body.decode("utf-8", errors="replace").removesuffix("\n").split("\n")

    def _page(self) -> Page:
        if isinstance(self.answer, Failure):
            raise self.answer.error
        assert self.answer is not None, "submit() sets the answer"  # noqa: S101 - an invariant for the type checker
        return self.answer


def merged(metrics: Iterable[Metric]) -> list[Metric]:
    """A page's families, each once, also one that the page has in several places."""
    found: dict[tuple[str, str], Metric] = {}
    for metric in metrics:
        first = found.setdefault((metric.name, metric.type), metric)
        if first is not metric:
            first.samples += metric.samples
    return list(found.values())


def once(metric: Metric) -> Metric:
    """A family in which no series comes twice; of a series that does, the last counts, as for the Agent."""
    series = {(sample.name, frozenset(sample.labels.items())): sample for sample in metric.samples}
    if len(series) < len(metric.samples):
        metric.samples = list(series.values())
    return metric
