"""Pages to submissions, against prometheus_client as a reader that knows nothing of ours."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator

import pytest
from datadog_checks.base.stubs.aggregator import AggregatorStub
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from etcd_latency import EtcdLatencyCheck, catalog
from etcd_latency.errors import BadPage, TimedOut
from etcd_latency.model import Failure, Page
from etcd_latency.scrape import PageScraper
from tests.conftest import FIXTURES, MakeCheck, recorded
from tests.servers import PLAIN
from tests.test_catalog import PAGES

URL = "https://10.0.0.1:2379"
OWN_TAGS = ["etcd_cluster:prod", "etcd_member:m1", f"endpoint:{URL}"]
PEERS = dict.fromkeys(("To", "From", "Remote"), "peer")
RENAMED = PEERS | {"version": "apply_version", "Type": "stream_type", "API": "stream_api"}
SUFFIXES = {"_total": ".count", "_count": ".count", "_sum": ".sum"}

Submitted = tuple[str, str, float, tuple[str, ...]]


def page(text: bytes | str, content_type: str = PLAIN) -> Page:
    return Page(text.encode() if isinstance(text, str) else text, content_type)


def scraper_of(check: EtcdLatencyCheck) -> PageScraper:
    (scraper,) = check.scrapers.values()
    assert isinstance(scraper, PageScraper)
    return scraper


def submitted(aggregator: AggregatorStub) -> Counter[Submitted]:
    """All that arrived at the aggregator, how often each."""
    return Counter(
        (stub.name, aggregator.METRIC_ENUM_MAP_REV[stub.type], stub.value, tuple(sorted(stub.tags)))
        for name in aggregator.metric_names
        for stub in aggregator.metrics(name)
    )


def expected(text: str) -> Iterator[Submitted]:
    """What the catalogue promises for a page, worked out sample by sample from prometheus_client's reading."""
    wanted = {family.parsed: family for family in catalog.load("etcd").families}
    for metric in text_string_to_metric_families(text):
        family = wanted.get(metric.name)
        for sample in metric.samples if family else ():
            if family and not math.isnan(sample.value) and not sample.name.endswith("_bucket"):
                kind = "gauge" if family.kind == "gauge" else "monotonic_count"
                yield f"etcd_latency.{named(sample, family)}", kind, sample.value, tags(sample)


def named(sample: Sample, family: catalog.Family) -> str:
    if family.kind == "gauge":
        return family.name
    # A counter without `_total` in its name (etcd_server_health_success) is read with it all the same.
    return family.name + next(ours for suffix, ours in SUFFIXES.items() if sample.name.endswith(suffix))


def tags(sample: Sample) -> tuple[str, ...]:
    own = [f"{RENAMED.get(label, label)}:{value}" for label, value in sample.labels.items() if label != "Local"]
    return tuple(sorted(own + OWN_TAGS))


@pytest.fixture
def scraper(make_check: MakeCheck) -> PageScraper:
    return scraper_of(make_check({"url": URL, "name": "m1"}))


@pytest.mark.parametrize("recording", PAGES)
def test_a_recorded_page_arrives_whole(recording: str, scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """Every series of every catalogued family is submitted once, with the page's value, our name and our tags."""
    text = recorded(recording)
    scraper.submit(page(text))
    assert submitted(aggregator) == Counter(expected(text.decode()))
    assert max(submitted(aggregator).values()) == 1


def test_known_values_of_one_page(scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """Figures read off one recording by eye, so that the comparison above cannot be wrong on both sides."""
    scraper.submit(page(recorded("etcd-3.5.16/m1-leader-load")))
    put = ["grpc_code:OK", "grpc_method:Put", "grpc_service:etcdserverpb.KV", "grpc_type:unary"]
    for name, value, labels, kind in [
        ("server.is_leader", 1, [], aggregator.GAUGE),
        ("mvcc.db.total_size", 5083136, [], aggregator.GAUGE),
        ("disk.wal_fsync.duration.count", 5892, [], aggregator.MONOTONIC_COUNT),
        ("disk.wal_fsync.duration.sum", 6.621910201999999, [], aggregator.MONOTONIC_COUNT),
        ("grpc.server.handled.count", 3051, put, aggregator.MONOTONIC_COUNT),
    ]:
        aggregator.assert_metric(f"etcd_latency.{name}", value=value, tags=[*labels, *OWN_TAGS], metric_type=kind)


def made_up(version: str) -> str:
    """A page with one series of every family that the field's table has for a version, labels included."""
    with (FIXTURES / "etcd_families.csv").open() as table:
        families = [row for row in csv.DictReader(table) if row[version] == "y"]
    return "".join(
        f"# TYPE {row['family']} {row['type']}\n{made_up_samples(row['family'], row['type'], row['labels'])}"
        for row in families
    )


def made_up_samples(name: str, kind: str, labels: str) -> str:
    pairs = ",".join(f'{label}="x"' for label in labels.split(", ") if label)
    if kind != "histogram":
        return f"{name}{{{pairs}}} 1\n"
    bucket = ",".join(filter(None, (pairs, 'le="+Inf"')))
    return f"{name}_bucket{{{bucket}}} 2\n{name}_sum{{{pairs}}} 1\n{name}_count{{{pairs}}} 2\n"


@pytest.mark.parametrize("version", ["3.3", "3.4", "3.5", "3.6", "3.7", "main"])
def test_every_family_of_every_version_arrives(version: str, scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """Also of versions that no machine here runs: each catalogued family once, under no tag that Datadog reserves."""
    scraper.submit(page(made_up(version)))
    assert submitted(aggregator) == Counter(expected(made_up(version)))
    assert len(submitted(aggregator)) > 80


def test_openmetrics_text_gives_the_same_names(scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """A server that answers in the OpenMetrics format is read as such."""
    text = "# TYPE etcd_server_leader_changes_seen counter\netcd_server_leader_changes_seen_total 3\n# EOF\n"
    scraper.submit(page(text, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
    aggregator.assert_metric("etcd_latency.server.leader_changes.count", value=3, tags=OWN_TAGS)


def test_a_line_ends_at_a_line_feed_only(scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """A label value may hold U+2028 or U+0085, at which base would cut the line and lose the page."""
    text = '# TYPE etcd_server_id gauge\netcd_server_id{server_id="a\u2028b\u0085c"} 1\n'
    scraper.submit(page(text))
    aggregator.assert_metric("etcd_latency.server.id", value=1, tags=["server_id:a\u2028b\u0085c", *OWN_TAGS])


def test_first_values_of_counters_follow_base(scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """A counter that appears later counts from 0 at once, but not in the first page nor in the first after a gap."""
    text = "# TYPE etcd_mvcc_put_total counter\netcd_mvcc_put_total 7\n"
    flushed = []
    for answer in (page(text), page(text), Failure(TimedOut("no answer")), page(text), page(text)):
        aggregator.reset()
        try:
            scraper.submit(answer)
        except TimedOut:
            continue
        flushed += [stub.flush_first_value for stub in aggregator.metrics("etcd_latency.mvcc.put.count")]
    assert flushed == [False, True, False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html><body>Log in</body></html>", "no metric of an etcd member"),
        ("", "no metric of an etcd member"),
        ("# TYPE node_load1 gauge\nnode_load1 0.2\n", "no metric of an etcd member"),
        ("# TYPE etcd_requests_total counter\netcd_requests_total 1\n", "no metric of an etcd member"),
        ('# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\netcd_server_id{a="b"} \n', "cannot be read"),
        ("# TYPE etcd_server_has_leader gauge\netcd_server_has_leader one\n", "cannot be read"),
    ],
)
def test_a_bad_page_is_refused_whole(text: str, words: str, scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """A page of somebody else, or with a broken line, gives its error and not a single metric."""
    with pytest.raises(BadPage, match=words):
        scraper.submit(page(text))
    assert aggregator.metric_names == []


def test_nothing_above_a_broken_line_is_submitted(scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """Base alone would submit the families that it read before the line at which it fails."""
    good = "".join(f"# TYPE etcd_server_{name} gauge\netcd_server_{name} 1\n" for name in ("has_leader", "is_leader"))
    with pytest.raises(BadPage):
        scraper.submit(page(good + "# TYPE etcd_server_id gauge\netcd_server_id one\n"))
    assert aggregator.metric_names == []


def test_the_catalogue_decides_the_kind(scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """A family keeps its meaning when a page declares it as something else, or not at all."""
    size = "etcd_mvcc_db_total_size_in_bytes"
    scraper.submit(page(f"etcd_server_has_leader 1\n# TYPE {size} counter\n{size} 5\n"))
    for name, value in (("server.has_leader", 1), ("mvcc.db.total_size", 5)):
        aggregator.assert_metric(f"etcd_latency.{name}", value=value, metric_type=aggregator.GAUGE)


def test_a_prefix_before_all_names_is_taken_off(make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """With `raw_metric_prefix` a page whose families all begin with it is a member's page, and read as one."""
    scraper = scraper_of(make_check({"url": URL, "name": "m1"}, raw_metric_prefix="proxy_"))
    scraper.submit(page("# TYPE proxy_etcd_server_has_leader gauge\nproxy_etcd_server_has_leader 1\n"))
    aggregator.assert_metric("etcd_latency.server.has_leader", value=1, tags=OWN_TAGS)


def test_bytes_that_are_not_utf8_do_not_lose_the_page(scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """A stray byte is replaced in its label value; the rest of the page counts."""
    scraper.submit(page(b'# TYPE etcd_server_id gauge\netcd_server_id{server_id="\xff"} 1\n'))
    aggregator.assert_metric("etcd_latency.server.id", value=1, tags=["server_id:\ufffd", *OWN_TAGS])


@pytest.mark.parametrize(
    ("options", "name", "kind", "series"),
    [
        ({"collect_histogram_buckets": True}, "disk.wal_fsync.duration.bucket", "monotonic_count", 14),
        (
            {"extra_metrics": ["etcd_debugging_store_expires"]},
            "etcd_debugging_store_expires.count",
            "monotonic_count",
            1,
        ),
        ({"extra_metrics": [{"etcd_server_has_leader": "leader_known"}]}, "leader_known", "gauge", 1),
        ({"exclude_metrics": ["etcd_server_has_leader"]}, "server.has_leader", "gauge", 0),
        ({"exclude_metrics": ["^grpc_server_msg_"]}, "grpc.server.msg_sent.count", "monotonic_count", 0),
        ({"exclude_metrics_by_labels": {"grpc_code": ["^(?!OK)"]}}, "grpc.server.handled.count", "monotonic_count", 43),
        ({"go_metrics": True}, "go.goroutines", "gauge", 1),
        ({"go_metrics": True}, "go.gc.duration.quantile", "gauge", 5),
        ({}, "go.goroutines", "gauge", 0),
        ({"metric_patterns": {"exclude": ["mvcc"]}}, "mvcc.keys", "gauge", 0),
        ({"max_returned_metrics": 10}, "server.has_leader", "gauge", 0),
        ({"telemetry": True}, "telemetry.payload.size", "gauge", 1),
        ({"raw_line_filters": ["^etcd_server_has_leader"]}, "server.has_leader", "gauge", 0),
    ],
)
def test_options_choose_what_is_submitted(
    options: dict[str, object], name: str, kind: str, series: int, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """Base's options for metrics do here what they do there."""
    scraper = scraper_of(make_check({"url": URL, "name": "m1"}, **options))
    scraper.submit(page(recorded("etcd-3.5.16/m1-leader-load")))
    found = aggregator.metrics(f"etcd_latency.{name}")
    assert len(found) == series
    assert {aggregator.METRIC_ENUM_MAP_REV[stub.type] for stub in found} <= {kind}


@pytest.mark.parametrize(
    ("options", "present", "absent"),
    [
        ({"exclude_labels": ["grpc_service"]}, "grpc_method:Put", "grpc_service:etcdserverpb.KV"),
        ({"include_labels": ["grpc_code"]}, "grpc_code:OK", "grpc_method:Put"),
        ({"rename_labels": {"grpc_method": "method"}}, "method:Put", "grpc_method:Put"),
        ({"tags": ["team:storage"]}, "team:storage", "team:none"),
        ({"tag_by_endpoint": False}, "etcd_member:m1", f"endpoint:{URL}"),
        ({"share_labels": {"etcd_server_version": True}}, "server_version:3.5.16", "server_version:3.4"),
        ({"ignore_tags": ["^endpoint:"]}, "etcd_member:m1", f"endpoint:{URL}"),
    ],
)
def test_options_choose_the_tags(
    options: dict[str, object], present: str, absent: str, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """Base's options for labels and tags do here what they do there."""
    scraper = scraper_of(make_check({"url": URL, "name": "m1"}, **options))
    scraper.submit(page(recorded("etcd-3.5.16/m1-leader-load")))
    tags_seen = {tag for stub in aggregator.metrics("etcd_latency.grpc.server.handled.count") for tag in stub.tags}
    assert present in tags_seen
    assert absent not in tags_seen


def test_renames_of_a_user_add_to_ours(make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """Renaming one label leaves the check's own renames in force."""
    scraper = scraper_of(make_check({"url": URL, "name": "m1"}, rename_labels={"grpc_code": "code"}))
    scraper.submit(page(recorded("etcd-3.5.16/m1-leader-load")))
    keys = {
        tag.split(":")[0] for stub in aggregator.metrics("etcd_latency.network.peer.sent.count") for tag in stub.tags
    }
    assert keys == {"peer", "etcd_cluster", "etcd_member", "endpoint"}


def test_buckets_as_distributions(make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """Base's distributions come with bounds as numbers, and with sum and count when asked for."""
    scraper = scraper_of(make_check({"url": URL, "name": "m1"}, collect_counters_with_distributions=True))
    scraper.submit(page(recorded("etcd-3.5.16/m1-leader-load")))
    buckets = aggregator.histogram_bucket("etcd_latency.disk.wal_fsync.duration")
    assert [bucket.upper_bound for bucket in buckets] == [0.001 * 2**n for n in range(14)] + [math.inf]
    (count,) = aggregator.metrics("etcd_latency.disk.wal_fsync.duration.count")
    assert sum(bucket.value for bucket in buckets) == count.value


def test_no_tag_is_one_that_datadog_reserves(scraper: PageScraper, aggregator: AggregatorStub) -> None:
    """Base's stand-in refuses tags like `version`, which etcd uses as a label; none is left."""
    scraper.submit(page(recorded("etcd-3.5.16/m2-leader-load-extensive")))
    tags_seen = {tag for stub in aggregator.metrics("etcd_latency.server.apply.duration.count") for tag in stub.tags}
    assert "apply_version:v3" in tags_seen
