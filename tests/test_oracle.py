"""Submissions of our scrapers, against base's own OpenMetrics V2 scraper on the same pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import pytest
from datadog_checks.base.checks import base
from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from datadog_checks.base.checks.openmetrics.v2.scraper import OpenMetricsScraper, base_scraper
from datadog_checks.base.checks.openmetrics.v2.transformers import time_elapsed
from datadog_checks.base.stubs.aggregator import AggregatorStub
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_latency import catalog
from etcd_latency.config import EXCLUDED_LABELS, RENAMED_LABELS
from etcd_latency.errors import TargetError, TimedOut
from etcd_latency.model import Failure, Page, Target
from etcd_latency.scrape import MemberScraper, SummingScraper
from etcd_latency.scrape.scraper import PageScraper
from tests.conftest import recorded
from tests.pages import ANY, CALLS, KINDS, LEADER, TIDY, Limits, api_server, evolving, oddities, openmetrics, rendered
from tests.servers import PLAIN
from tests.test_catalog import PAGES

URL = "https://10.0.0.1:2379"
TAGS = ("etcd_cluster:prod", "etcd_member:m1", f"endpoint:{URL}")
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
OPTIONS: Mapping[str, Any] = {
    "metrics": catalog.metrics_option(catalog.load("etcd").families + catalog.load("go").families),
    "rename_labels": RENAMED_LABELS,
    "exclude_labels": list(EXCLUDED_LABELS),
    "collect_histogram_buckets": True,
}

GOOD = f"# TYPE {LEADER} gauge\n{LEADER} 1\n"
IDENTITY = "# TYPE etcd_server_id gauge\n"
FSYNC = "etcd_disk_wal_fsync_duration_seconds"

Submissions = Counter[tuple[object, ...]]


class Check(OpenMetricsBaseCheckV2):
    """No more of a check than base's scraper needs."""

    __NAMESPACE__ = catalog.NAMESPACE
    DEFAULT_METRIC_LIMIT = 0

    def set_metadata(self, name: str, value: Any, **options: Any) -> None:
        base.aggregator.found[name, value, *options] += 1


class Recorder(AggregatorStub):
    """Takes down what is submitted, argument by argument."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Submissions = Counter()

    def submit_metric(self, _check: Any, _id: str, kind: int, name: str, value: float, tags: Any, *how: Any) -> None:
        self.found[kind, name, value, tuple(tags), *how] += 1

    def submit_service_check(self, _check: Any, _id: str, name: str, status: int, tags: Any, *how: Any) -> None:
        self.found[name, status, tuple(tags), *how] += 1

    def submit_histogram_bucket(self, _check: Any, _id: str, *what: Any) -> None:
        self.found[tuple(tuple(one) if isinstance(one, list) else one for one in what)] += 1


class Plain(OpenMetricsScraper):
    """Base's own scraper. Its pages come from us, and lines end where ours do: over HTTP it would end them at U+2028,
    too, and fail.
    """

    answer: Page | Failure

    def stream_connection_lines(self) -> Iterator[str]:
        if isinstance(self.answer, Failure):
            raise self.answer.error
        self._content_type = self.answer.content_type
        size = str(len(self.answer.body))
        self.submit_telemetry_endpoint_response_size(SimpleNamespace(headers={"Content-Length": size}))
        yield from self.answer.body.decode(errors="replace").removesuffix("\n").split("\n")


class Outcome(NamedTuple):
    """What became of a page."""

    refused: bool
    submitted: Submissions


class Ours:
    """Our scraper of a member."""

    def __init__(self, options: Mapping[str, Any], instance: Mapping[str, Any]) -> None:
        self.check = Check("etcd_latency", {}, [dict(instance)])
        self.scraper: OpenMetricsScraper = self.made(options)

    def made(self, options: Mapping[str, Any]) -> OpenMetricsScraper:
        return MemberScraper(self.check, Target("m1", URL, f"{URL}/metrics", TAGS), options)

    def scrape(self, answer: Page | Failure) -> None:
        assert isinstance(self.scraper, PageScraper)
        # As the check does: in the thread that fetched a page, numbers are taken out of it if its lines are known.
        self.scraper.submit(answer if isinstance(answer, Failure) else self.scraper.digested(answer))

    def outcome(self, answer: Page | Failure) -> Outcome:
        """Scrape; whatever base raises is a refusal, of ours only what a run expects."""
        recorder = Recorder()
        with (
            mock.patch.object(base, "aggregator", recorder),
            mock.patch.object(time_elapsed, "get_timestamp", return_value=1e9),
            mock.patch.object(base_scraper.datadog_agent, "get_process_start_time", return_value=2),
        ):
            try:
                self.scrape(answer)
            except self.refusals:
                return Outcome(refused=True, submitted=recorder.found)
            finally:
                if self.check.metric_limiter:
                    self.check.metric_limiter.reset()  # as a run does at its end
        return Outcome(refused=False, submitted=recorder.found)

    refusals: type[Exception] = TargetError


class Bases(Ours):
    """Base's scraper with the same options."""

    refusals = Exception

    def made(self, options: Mapping[str, Any]) -> OpenMetricsScraper:
        own = {"openmetrics_endpoint": f"{URL}/metrics", "tags": list(TAGS), "tag_by_endpoint": False}
        return Plain(self.check, {**options, **own})

    def scrape(self, answer: Page | Failure) -> None:
        assert isinstance(self.scraper, Plain)
        self.scraper.answer = answer
        self.scraper.scrape()


def page(body: bytes, content_type: str = PLAIN) -> Page:
    return Page(body, content_type)


Step = Page | Failure | tuple[str, ...]
"""A scrape, or tags that are set before one."""

TYPES: Sequence[tuple[str, Mapping[str, Any]]] = (
    *((kind, {}) for kind in ("gauge", "counter", "counter_gauge", "rate", "summary", "histogram")),
    *((kind, {}) for kind in ("native", "native_dynamic", "time_elapsed")),
    ("temporal_percent", {"scale": "millisecond"}),
    ("metadata", {"label": "a"}),
)
EXTRA = (
    "etcd_debugging_a",
    "^etcd_debugging_",
    {"etcd_debugging_b": "own"},
    # Not by a pattern, which base spoils when it reads it a second time.
    {"other": {"type": "service_check", "status_map": {"0": "CRITICAL", "1": "OK"}}},
    *({name: {"name": "own", "type": kind, **more}} for name in KINDS for kind, more in TYPES),
    *({f"^{name}$": {"type": kind, **more}} for name in ("etcd_debugging_.", "other.*") for kind, more in TYPES),
)
LABEL = st.sampled_from(("a", "b", "le", "To", "peer", "upper_bound", "quantile", "grpc_code"))
FAMILY = st.sampled_from((*(catalog_name.removesuffix("_total") for catalog_name in KINDS), "etcd_mvcc", "_seconds$"))
SOME_LABELS = st.lists(LABEL, min_size=1, max_size=2, unique=True)
TRUE = st.sampled_from([True])
YES_OR_NO = st.booleans()

FOR_EACH_SERIES = st.fixed_dictionaries(
    {},
    optional={
        "collect_histogram_buckets": YES_OR_NO,
        "extra_metrics": st.lists(st.sampled_from(EXTRA), min_size=1, max_size=4),
        "exclude_metrics": st.lists(FAMILY, min_size=1, max_size=2),
        "exclude_metrics_by_labels": st.dictionaries(LABEL, TRUE | st.just(["^a", "b"]), min_size=1, max_size=2),
        "exclude_labels": SOME_LABELS,
        "include_labels": SOME_LABELS,
        "rename_labels": st.dictionaries(LABEL, st.sampled_from(("c", "d", "version")), min_size=1, max_size=2),
        "hostname_label": LABEL,
        "hostname_format": st.just("host-<HOSTNAME>"),
        "ignore_tags": st.just(["^etcd_member:", "dynamic:b"]),
        "raw_line_filters": st.lists(st.sampled_from(("_sum", "^etcd_mvcc", "a=")), min_size=1, max_size=2),
        "cache_metric_wildcards": YES_OR_NO,
    },
)
"""Options by which base treats each series for itself."""

SHARED = st.dictionaries(
    st.sampled_from(("etcd_server_is_leader", "etcd_server_id", "go_goroutines", "target_info", "etcd_mvcc_put")),
    TRUE
    | st.fixed_dictionaries(
        {}, optional={"match": SOME_LABELS, "labels": SOME_LABELS, "values": st.sampled_from([[1], [0, 1]])}
    ),
    min_size=1,
    max_size=2,
)
FOR_WHOLE_FAMILIES = st.fixed_dictionaries(
    {"collect_histogram_buckets": TRUE},
    optional={
        "non_cumulative_histogram_buckets": YES_OR_NO,
        "histogram_buckets_as_distributions": YES_OR_NO,
        "collect_counters_with_distributions": YES_OR_NO,
        "share_labels": SHARED,
        "cache_shared_labels": YES_OR_NO,
        "target_info": TRUE,
        "telemetry": TRUE,
        "use_process_start_time": TRUE,
    },
)
"""Options by which what becomes of one series depends on others."""

INSTANCE = st.fixed_dictionaries(
    {},
    optional={
        "metric_patterns": st.sampled_from([{"include": ["server", "own"]}, {"exclude": ["duration", "own$"]}]),
        "max_returned_metrics": st.integers(1, 12),
        "disable_generic_tags": TRUE,
    },
)
"""Options that base reads when a check submits."""


@st.composite
def steps(draw: st.DrawFn, limits: Limits = ANY) -> list[Step]:
    """Evolving pages, with failures between them and tags that change."""
    between = st.sampled_from(((), (), (), (Failure(TimedOut("no answer")),), (("dynamic:a",),), (("dynamic:b", "c"),)))
    return [step for body in draw(evolving(limits)) for step in (*draw(between), page(body))]


def agree(
    steps: Sequence[Step],
    options: Mapping[str, Any] | None = None,
    instance: Mapping[str, Any] | None = None,
    *,
    base_gets: Sequence[Step] | None = None,
) -> None:
    """Scrape these with both; what base refuses ours must refuse, and submit nothing that base does not.

    But for telemetry: ours has counted the whole page when a transformer fails.
    """
    ours, bases = (side(OPTIONS | (options or {}), instance or {}) for side in (Ours, Bases))
    for step, same in zip(steps, base_gets or steps, strict=True):
        if isinstance(step, tuple) or isinstance(same, tuple):
            ours.scraper.set_dynamic_tags(*step)
            bases.scraper.set_dynamic_tags(*step)
            continue
        found, expected = ours.outcome(step), bases.outcome(same)
        assert found.refused == expected.refused
        if isinstance(step, Page) and found.refused:
            assert not [what for what in found.submitted - expected.submitted if "telemetry" not in str(what)]
            return  # of half a page base may have learnt what ours has not
        assert found.submitted == expected.submitted


@pytest.mark.parametrize("buckets", [True, False])
@pytest.mark.parametrize("recording", PAGES)
def test_recorded_pages(recording: str, buckets: bool) -> None:  # noqa: FBT001 - a row of a table
    """Every recorded page comes to the same submissions, when it is new and when all of it is known."""
    agree([page(recorded(recording))] * 3, {"collect_histogram_buckets": buckets})


def test_each_oddity() -> None:
    """Every odd way to write a value, a label, a line or a header comes to the same, when it is new and when known."""
    calm = page(GOOD.encode())
    for odd, value in oddities():
        pages = [page(rendered(odd, values)) for values in ([value], [value, "2"], [value], ["7"])]
        agree([calm, *pages, calm])


@settings(max_examples=50)
@given(steps())
def test_odd_pages(pages: list[Step]) -> None:
    """Pages that change from scrape to scrape come to the same submissions, however they are written."""
    agree(pages)


@settings(max_examples=50)
@given(steps(Limits(empty=False)), FOR_EACH_SERIES, INSTANCE)
def test_options_for_each_series(pages: list[Step], options: dict[str, Any], instance: dict[str, Any]) -> None:
    """So they do with any of base's options that choose series, and name and tag them."""
    instance.pop("max_returned_metrics", None)
    agree(pages, options, instance)


@settings(max_examples=50)
@given(steps(TIDY), FOR_EACH_SERIES, FOR_WHOLE_FAMILIES, INSTANCE)
def test_options_for_whole_families(
    pages: list[Step], options: dict[str, Any], more: dict[str, Any], instance: dict[str, Any]
) -> None:
    """And with those that look at a family, a page or a run as a whole."""
    if more.get("telemetry"):
        instance.pop("max_returned_metrics", None)  # which of them is one too many depends on when base reads a page
    agree(pages, options | more, instance)


@settings(max_examples=20)
@given(steps())
def test_a_prefix_before_all_names(pages: list[Step]) -> None:
    """With `raw_metric_prefix` pages whose names all begin with it come to the same."""
    prefixed = [
        page(re.sub(rb"^(# (?:HELP|TYPE) )?(?=[a-z])", rb"\1proxy_", step.body, flags=re.MULTILINE))
        if isinstance(step, Page)
        else step
        for step in pages
    ]
    agree(prefixed, {"raw_metric_prefix": "proxy_"})


@settings(max_examples=40)
@given(st.lists(openmetrics(), min_size=1, max_size=3), YES_OR_NO)
def test_openmetrics_text(texts: list[list[str]], is_asked_for: bool) -> None:  # noqa: FBT001 - drawn
    """A page in that format comes to the same, but for `_created`: base submits when a series began as a count."""
    content_type, options = (PLAIN, {"use_latest_spec": True}) if is_asked_for else (OPENMETRICS, {})
    whole, without_created = (
        [page("".join(f"{line}\n" for line in text if keep(line)).encode(), content_type) for text in texts]
        for keep in (bool, lambda line: "_created{" not in line)
    )
    agree(whole, options, base_gets=without_created)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ('etcd_server_id{a="1",b="2"} 1', 'etcd_server_id{a="1",b="2"} 2'),
        ('etcd_server_id{a="1",b="2"} 1', 'etcd_server_id{b="2",a="1"} 2'),
        ('etcd_server_id{a="1"} 1', 'etcd_server_id{ a = "1" , } 2'),
        ("etcd_server_id 1", "etcd_server_id{} 2"),
        ("etcd_server_id 1", "etcd_server_id\t2"),
        ("etcd_server_id 1", f"{GOOD}{IDENTITY}etcd_server_id 2"),
    ],
)
def test_a_series_that_is_there_twice(first: str, last: str) -> None:
    """Of a series that a page has twice the last counts; base submits both, and the Agent adds or mixes them."""
    twice, once = (page(f"{IDENTITY}{lines}\n{GOOD}".encode()) for lines in (f"{first}\n{last}", last))
    if GOOD in last:
        once = page(f"{last}\n".encode())
    agree([once, twice, twice, once], base_gets=[once] * 4)


BROKEN = (" one", " 1_000", " ", " 1 2 x y", '{a="b"} 0x1', '{a="b"} # 1')


@pytest.mark.parametrize("line", [*BROKEN, "", '{a="b"}'])
def test_a_broken_line(line: str) -> None:
    """Of a page with a broken line in a family that is wanted nothing is submitted; base submits what stands above."""
    broken = page(f"{GOOD}{IDENTITY}etcd_server_id{line}\n".encode())
    assert Ours(OPTIONS, {}).outcome(broken) == Outcome(refused=True, submitted=Counter())
    agree([page(GOOD.encode()), broken])


@pytest.mark.parametrize("line", ['{a="b} 1', "{a=b} 1", '{a="b",,c="d"} 1', '{a="b"} 1 # {c="d"} 2', '{é="b"} 1'])
def test_a_line_that_base_misreads(line: str) -> None:
    """A line of which base makes a series with a strange name or label is a broken one here; so is an exemplar, which
    this format does not have: base takes its value for the series'.
    """
    misread = page(f"{GOOD}{IDENTITY}etcd_server_id{line}\n".encode())
    assert not Bases(OPTIONS, {}).outcome(misread).refused
    assert Ours(OPTIONS, {}).outcome(misread) == Outcome(refused=True, submitted=Counter())


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_that_nobody_wants(line: str) -> None:
    """A broken line costs nothing when nobody wants its family and it begins as its others do; base loses the page."""
    broken = page(f"{GOOD}# TYPE other gauge\nother{line}\n".encode())
    assert Bases(OPTIONS, {}).outcome(broken).refused
    agree([broken] * 3, base_gets=[page(GOOD.encode())] * 3)


@pytest.mark.parametrize(
    ("odd", "same"),
    [
        ("# TYPE etcd_server_id\netcd_server_id 5", "etcd_server_id 5"),
        ("# TYPE etcd_server_id gauge what\netcd_server_id 5", f"{IDENTITY}etcd_server_id 5"),
        (f"{IDENTITY}etcd_server_id {'1' * 400}", f"{IDENTITY}etcd_server_id +Inf"),
    ],
)
def test_pages_that_only_base_refuses(odd: str, same: str) -> None:
    """A family that is declared oddly, or a number beyond all floats, costs base the page; here it is read as meant."""
    odd_page, its_meaning = (page(f"{GOOD}{text}\n".encode()) for text in (odd, same))
    assert Bases(OPTIONS, {}).outcome(odd_page).refused
    agree([odd_page] * 3, base_gets=[its_meaning] * 3)


@pytest.mark.parametrize("option", ["non_cumulative_histogram_buckets", "collect_counters_with_distributions"])
def test_a_histogram_in_two_places(option: str) -> None:
    """Its buckets are taken apart as one histogram's; base takes those of each place for themselves."""
    header = f"# TYPE {FSYNC} histogram\n"
    low, high = f'{FSYNC}_bucket{{le="1"}} 3\n', f'{FSYNC}_bucket{{le="2"}} 5\n{FSYNC}_count 5\n{FSYNC}_sum 6\n'
    apart, together = (
        page(text.encode()) for text in (header + low + GOOD + header + high, header + low + high + GOOD)
    )
    agree([apart] * 3, {option: True}, base_gets=[together] * 3)


def test_a_page_of_somebody_else() -> None:
    """A page without any family of etcd is refused, whatever base would find on it."""
    alien = page(b"# TYPE go_goroutines gauge\ngo_goroutines 5\n")
    assert Bases(OPTIONS, {}).outcome(alien).submitted
    assert Ours(OPTIONS, {}).outcome(alien) == Outcome(refused=True, submitted=Counter())


API_SERVER = catalog.load("apiserver")
RENAMED_CALLS = {"type": "resource", "endpoint": "storage_endpoint"}
"""The labels of Kubernetes 1.20 as the catalogue renames them."""


class OursSumming(Ours):
    """Our scraper of an API server, with pages that are cut on their way."""

    detail = True
    chunks: Iterable[int] = (1, 7, 4096, 65536, 100_003)

    def made(self, options: Mapping[str, Any]) -> OpenMetricsScraper:
        target = Target("m1", URL, f"{URL}/metrics", TAGS)
        return SummingScraper(self.check, target, options, API_SERVER, detail=self.detail)

    def scrape(self, answer: Page | Failure) -> None:
        assert isinstance(self.scraper, SummingScraper)
        assert isinstance(answer, Page)
        cutter, start = self.scraper.cutter(), 0
        for size in cycle(self.chunks):
            cutter.feed(answer.body[start : start + size])
            start += size
            if start >= len(answer.body):
                break
        self.scraper.submit(Page(cutter.finish(), answer.content_type))


class OursSummed(OursSumming):
    """The same without a tag for the resource."""

    detail = False


SUMMING_OPTIONS: Mapping[str, Any] = {
    "metrics": catalog.metrics_option(API_SERVER.families),
    "collect_histogram_buckets": True,
}


def both(ours: OursSumming, bodies: Iterable[bytes], for_base: Callable[[bytes], bytes] = bytes) -> Iterator[Any]:
    """What ours and base submit of each page."""
    bases = Bases({**SUMMING_OPTIONS, "rename_labels": RENAMED_CALLS}, {})
    for body in bodies:
        yield ours.outcome(page(body)), bases.outcome(page(for_base(body)))


def about_etcd(body: bytes) -> bytes:
    """Of a recorded page all that the catalogue could mean; base takes seconds for the rest, and leaves it out."""
    return b"".join(
        re.findall(rb"^(?:# (?:HELP|TYPE) )?(?:etcd_|apiserver_(?:storage|resource)).*\n", body, re.MULTILINE)
    )


def by_operation(submitted: Submissions) -> Submissions:
    """Sums over all resources."""
    sums: Submissions = Counter()
    for (kind, name, value, tags, *how), times in submitted.items():
        kept = tuple(tag for tag in tags if not tag.startswith("resource:"))
        sums[kind, name, kept, *how] += value * times
    return sums


@pytest.mark.parametrize("recording", ["apiserver-fresh", "apiserver-big"])
def test_recorded_api_servers(recording: str) -> None:
    """With a tag for the resource a recorded page comes to base's submissions; without one, to their sums."""
    body = recorded(f"kube-1.20.2/{recording}")
    summed = OursSummed(SUMMING_OPTIONS, {})
    for ours, bases in both(OursSumming(SUMMING_OPTIONS, {}), [body] * 2, about_etcd):
        assert ours == bases
        sums, expected = (by_operation(one) for one in (summed.outcome(page(body)).submitted, bases.submitted))
        assert len(sums) > 50
        assert sums == {key: pytest.approx(value, rel=1e-12) for key, value in expected.items()}


CHUNKS = st.lists(st.integers(1, 80), min_size=1, max_size=4)


@settings(max_examples=40)
@given(api_server(grows=False), CHUNKS)
def test_calls_by_resource(bodies: list[bytes], chunks: list[int]) -> None:
    """With a tag for the resource each series is submitted as base does, when it falls, too, or has other bounds."""
    ours = OursSumming(SUMMING_OPTIONS, {})
    ours.chunks = chunks
    for found, expected in both(ours, bodies):
        assert found == expected


@settings(max_examples=40)
@given(api_server(grows=True), CHUNKS)
def test_calls_by_operation(bodies: list[bytes], chunks: list[int]) -> None:
    """Without one the totals are sums of base's submissions, as long as nothing begins anew."""
    ours = OursSummed(SUMMING_OPTIONS, {})
    ours.chunks = chunks
    for found, expected in both(ours, bodies):
        assert by_operation(found.submitted) == by_operation(expected.submitted)
        assert all(CALLS in str(body) for body in bodies)
