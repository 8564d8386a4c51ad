"""Pages of Kubernetes servers to submissions, against sums worked out with regular expressions."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable

import pytest
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import catalog
from etcd_latency.errors import BadPage, TimedOut
from etcd_latency.model import Failure, Page, Target
from etcd_latency.scrape import SummingScraper
from tests.conftest import MakeCheck, recorded
from tests.test_scrape import page, submitted

URL = "https://10.0.0.1:6443"
OWN_TAGS = ["etcd_cluster:prod", f"endpoint:{URL}"]
FRESH, BIG = "kube-1.20.2/apiserver-fresh", "kube-1.20.2/apiserver-big"
MANAGER = "kube-1.20.2/kcm-fresh"
RECORDINGS = [("apiserver", FRESH), ("apiserver", BIG), ("controller_manager", MANAGER)]
BOTH = pytest.mark.parametrize("detail", [False, True])

MakeScraper = Callable[..., SummingScraper]

# Written from the table of families by version, not recorded: no 1.34 runs here.
PAGE_134 = """\
# TYPE apiserver_resource_objects gauge
apiserver_resource_objects{group="",resource="pods"} 12
apiserver_resource_objects{group="apps",resource="deployments"} 3
apiserver_resource_objects{group="example.com",resource="broken"} -1
# TYPE apiserver_storage_decode_errors_total counter
apiserver_storage_decode_errors_total{group="",resource="secrets"} 2
# TYPE apiserver_storage_list_fetched_objects_total counter
apiserver_storage_list_fetched_objects_total{group="",resource="pods"} 500
apiserver_storage_list_fetched_objects_total{group="apps",resource="deployments"} 20
# TYPE apiserver_storage_list_returned_objects_total counter
apiserver_storage_list_returned_objects_total{group="",resource="pods"} 50
# TYPE apiserver_storage_list_total counter
apiserver_storage_list_total{group="",resource="pods"} 5
# TYPE apiserver_storage_objects gauge
apiserver_storage_objects{resource="pods"} 1000
apiserver_storage_objects{resource="deployments.apps"} 1000
# TYPE apiserver_storage_size_bytes gauge
apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 8.179712e+06
# TYPE etcd_request_duration_seconds histogram
etcd_request_duration_seconds_bucket{group="",operation="get",resource="pods",le="0.005"} 3
etcd_request_duration_seconds_bucket{group="",operation="get",resource="pods",le="+Inf"} 4
etcd_request_duration_seconds_sum{group="",operation="get",resource="pods"} 0.5
etcd_request_duration_seconds_count{group="",operation="get",resource="pods"} 4
etcd_request_duration_seconds_bucket{group="apps",operation="get",resource="deployments",le="0.005"} 1
etcd_request_duration_seconds_bucket{group="apps",operation="get",resource="deployments",le="+Inf"} 1
etcd_request_duration_seconds_sum{group="apps",operation="get",resource="deployments"} 0.25
etcd_request_duration_seconds_count{group="apps",operation="get",resource="deployments"} 1
# TYPE etcd_request_errors_total counter
etcd_request_errors_total{group="",operation="get",resource="pods"} 1
# TYPE etcd_requests_total counter
etcd_requests_total{group="",operation="get",resource="pods"} 4
etcd_requests_total{group="apps",operation="get",resource="deployments"} 1
"""

# Likewise: the families that 1.28 has twice, and the labels of 1.26 to 1.33.
PAGE_128 = """\
# TYPE apiserver_storage_db_total_size_in_bytes gauge
apiserver_storage_db_total_size_in_bytes{endpoint="https://10.0.0.9:2379"} 100
# TYPE apiserver_storage_size_bytes gauge
apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 200
# TYPE etcd_request_duration_seconds histogram
etcd_request_duration_seconds_sum{operation="list",type="deployments.apps"} 0.5
etcd_request_duration_seconds_count{operation="list",type="deployments.apps"} 4
"""

PAGE_MANAGER = """\
# TYPE etcd_helper_cache_hit_total counter
etcd_helper_cache_hit_total 7
# TYPE etcd_queue gauge
etcd_queue{endpoint="https://10.0.0.9:2379"} 3
# TYPE etcd_queue_total counter
etcd_queue_total{endpoint="https://10.0.0.9:2379"} 5
# TYPE etcd_untold untyped
etcd_untold 1
# TYPE etcd_wait_seconds histogram
etcd_wait_seconds_sum{verb="GET"} 1.5
etcd_wait_seconds_count{verb="GET"} 2
# TYPE leader_election_master_status gauge
leader_election_master_status{name="kube-controller-manager"} 1
# TYPE leader_election_slowpath_total counter
leader_election_slowpath_total{name="kube-controller-manager"} 4
# TYPE workqueue_depth gauge
workqueue_depth{name="job"} 2
workqueue_depth{name="deployment"} 3
# TYPE workqueue_longest_running_processor_seconds gauge
workqueue_longest_running_processor_seconds{name="job"} 2.5
workqueue_longest_running_processor_seconds{name="deployment"} 1
"""


@pytest.fixture
def make_scraper(make_check: MakeCheck) -> MakeScraper:
    """A scraper for one server, with options of base given by name."""

    def make(source: str = "apiserver", *, detail: bool = False, **options: object) -> SummingScraper:
        target = Target("s1", URL, f"{URL}/metrics", tuple(OWN_TAGS))
        options = {"collect_histogram_buckets": False} | options
        return SummingScraper(make_check(URL), target, options, catalog.load(source), detail=detail)

    return make


def cut(scraper: SummingScraper, body: bytes) -> Page:
    """A page as the client hands it on: cut while it arrives."""
    cutter = scraper.cutter()
    cutter.feed(body)
    return page(cutter.finish())


def values(aggregator: AggregatorStub, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """A metric's values by the values of some tags; every series has those tags, and ours, and no others."""
    found = {}
    for stub in aggregator.metrics(f"etcd_latency.{name}"):
        own = dict(tag.split(":", 1) for tag in stub.tags if tag not in OWN_TAGS)
        assert set(OWN_TAGS) <= set(stub.tags)
        assert set(own) == set(labels)
        found[tuple(own[label] for label in labels)] = stub.value
    return found


def summed(recording: str, sample: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The same from a recorded page: plain sums of one sample's lines by the values of some of its labels."""
    sums: dict[tuple[str, ...], float] = {}
    for line in re.findall(rf"^{sample}(?:{{.*}})? .*$", recorded(recording).decode(), re.MULTILINE):
        key = tuple(str(re.search(rf'[{{,]{label}="([^"]*)"', line)[1]) for label in labels)
        sums[key] = sums.get(key, 0) + float(line.rsplit(" ", 1)[1])
    return sums


@pytest.mark.parametrize("recording", [FRESH, BIG])
def test_calls_to_etcd_are_summed_by_operation(
    recording: str, make_scraper: MakeScraper, aggregator: AggregatorStub
) -> None:
    """One count and one sum for each operation, over all kinds of resources."""
    scraper = make_scraper()
    scraper.submit(cut(scraper, recorded(recording)))
    name, exposed = "apiserver.etcd_request.duration", "etcd_request_duration_seconds"
    assert values(aggregator, f"{name}.count", "operation") == summed(recording, f"{exposed}_count", "operation")
    sums = summed(recording, f"{exposed}_sum", "operation")
    assert values(aggregator, f"{name}.sum", "operation") == {key: pytest.approx(sums[key], rel=1e-12) for key in sums}
    assert len(sums) >= 5


def test_known_values_of_one_page(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """Figures counted on the recording with other tools, so that the comparison cannot be wrong on both sides."""
    scraper = make_scraper()
    scraper.submit(cut(scraper, recorded(BIG)))
    assert values(aggregator, "apiserver.storage.size", "storage_endpoint") == {
        ("https://127.0.0.1:25201",): 8179712,
        ("https://127.0.0.1:25202",): 7659520,
        ("https://127.0.0.1:25203",): 9719808,
    }


@pytest.mark.parametrize("recording", [FRESH, BIG])
def test_detail_keeps_the_resource(recording: str, make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """With detail nothing is summed: a Go type or a key is the tag `resource`, as the page has it."""
    scraper = make_scraper(detail=True)
    scraper.submit(cut(scraper, recorded(recording)))
    expected = summed(recording, "etcd_request_duration_seconds_count", "operation", "type")
    assert values(aggregator, "apiserver.etcd_request.duration.count", "operation", "resource") == expected
    assert ("get", "*core.Pod") in expected or ("listWithCount", "/registry/pods/") in expected
    assert values(aggregator, "apiserver.objects", "resource") == summed(recording, "etcd_object_counts", "resource")


def test_objects_are_one_number_without_detail(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """All objects that etcd keeps for this API server."""
    scraper = make_scraper()
    scraper.submit(cut(scraper, recorded(BIG)))
    assert values(aggregator, "apiserver.objects") == summed(BIG, "etcd_object_counts")


@pytest.mark.parametrize("recording", [FRESH, BIG])
def test_buckets_are_summed_bound_by_bound(
    recording: str, make_scraper: MakeScraper, aggregator: AggregatorStub
) -> None:
    """Each operation's buckets are the sums over its resources; base leaves out the one without a bound."""
    scraper = make_scraper(collect_histogram_buckets=True)
    scraper.submit(cut(scraper, recorded(recording)))
    expected = {
        (operation, str(float(bound))): value
        for (operation, bound), value in summed(
            recording, "etcd_request_duration_seconds_bucket", "operation", "le"
        ).items()
        if bound != "+Inf"
    }
    name = "apiserver.etcd_request.duration.bucket"
    assert values(aggregator, name, "operation", "upper_bound") == expected
    assert len(expected) > 100


def test_buckets_as_distributions(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """Base's distributions hold all observations, none of them twice."""
    scraper = make_scraper(collect_counters_with_distributions=True)
    scraper.submit(cut(scraper, recorded(FRESH)))
    buckets = aggregator.histogram_bucket("etcd_latency.apiserver.etcd_request.duration")
    counts = summed(FRESH, "etcd_request_duration_seconds_count", "operation")
    assert math.inf in {bucket.upper_bound for bucket in buckets}
    assert min(bucket.value for bucket in buckets) >= 0
    for (operation,), count in counts.items():
        assert sum(one.value for one in buckets if f"operation:{operation}" in one.tags) == count


@BOTH
@pytest.mark.parametrize("buckets", [False, True])
@pytest.mark.parametrize(("source", "recording"), RECORDINGS)
def test_nothing_is_submitted_twice(
    source: str, recording: str, *, buckets: bool, detail: bool, make_scraper: MakeScraper, aggregator: AggregatorStub
) -> None:
    """In one run no name, type and tags come twice, whatever is summed and whatever is not."""
    scraper = make_scraper(source, detail=detail, collect_histogram_buckets=buckets)
    scraper.submit(cut(scraper, recorded(recording)))
    found = Counter((name, kind, tags) for name, kind, _, tags in submitted(aggregator).elements())
    assert max(found.values()) == 1
    assert {name.split(".")[1] for name, _, _ in found} == {source}


@BOTH
@pytest.mark.parametrize("buckets", [False, True])
@pytest.mark.parametrize(("source", "recording"), [("apiserver", FRESH), ("controller_manager", MANAGER)])
def test_a_page_that_was_cut_gives_the_same(
    source: str, recording: str, *, buckets: bool, detail: bool, make_scraper: MakeScraper, aggregator: AggregatorStub
) -> None:
    """What the scraper's cutter takes away is what nobody reads; the mark of the server stays."""
    body = recorded(recording)
    found = []
    for prepare in (lambda _, body: page(body), cut):
        aggregator.reset()
        scraper = make_scraper(source, detail=detail, collect_histogram_buckets=buckets)
        scraper.submit(prepare(scraper, body))
        found.append(submitted(aggregator))
    assert found[0] == found[1]
    assert len(cut(scraper, body).body) < len(body)


def calls(**counts: int) -> str:
    """A page of calls to etcd, with a series for each `operation_type`."""
    lines = ["# TYPE etcd_request_duration_seconds histogram"]
    for name, count in counts.items():
        operation, kind = name.split("_")
        labels = f'{{operation="{operation}",type="{kind}"}}'
        lines += [f"etcd_request_duration_seconds_{part}{labels} {count}" for part in ("sum", "count")]
    return "\n".join(lines) + "\n"


def test_totals_go_on_over_new_beginnings_and_gaps(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """A series that fell, one that went, one that came, a page that failed: the sum only grows, by what happened."""
    scraper = make_scraper()
    totals = []
    pages = [calls(get_pod=10, get_node=5), calls(get_pod=12, get_node=2), None, calls(get_pod=13), calls(get_node=4)]
    for text in pages:
        aggregator.reset()
        if text is None:
            with pytest.raises(TimedOut):
                scraper.submit(Failure(TimedOut("no answer")))
            continue
        scraper.submit(page(text))
        totals.append(values(aggregator, "apiserver.etcd_request.duration.count", "operation")["get",])
    assert totals == [15, 15 + 2 + 2, 19 + 1, 20 + 4]


STRAY = "# TYPE etcd_request_duration_seconds histogram\netcd_request_duration_seconds 5\n"
BROKEN = "# TYPE etcd_object_counts gauge\netcd_object_counts one\n"


@pytest.mark.parametrize(
    ("pages", "totals"),
    [
        ([calls(get_pod=3) + "\n", calls(get_pod=4), calls(get_pod=5)], [3, 4, 5]),
        ([calls(get_pod=3, get_ns=2) + "# x\n", calls(get_pod=4, get_ns=2)], [5, 6]),
        ([calls(get_pod=3).replace(" 3\n", " 3 1700000000000\n")] * 3, [3, 3, 3]),
        ([calls(get_pod=3, get_ns=2).replace('operation="get",type="ns"', 'type="ns",operation="get"')] * 2, [5, 5]),
        ([calls(get_pod=3) + STRAY, calls(get_pod=4)], [3, 4]),
        ([calls(get_pod=3, get_ns=1), calls(get_pod=9, get_ns=1) + BROKEN, calls(get_pod=4, get_ns=1)], [4, None, 5]),
    ],
    ids=["a blank line", "a comment", "timestamps", "another order of labels", "a stray", "a page that is refused"],
)
def test_lines_that_base_must_read_count_as_others(
    pages: list[str], totals: list[float | None], make_scraper: MakeScraper, aggregator: AggregatorStub
) -> None:
    """Whichever way a page is read, the next one goes on where it stood; one that is refused changes nothing."""
    scraper, found = make_scraper(), []
    for text in pages:
        aggregator.reset()
        try:
            scraper.submit(page(text))
        except BadPage:
            assert aggregator.metric_names == []
        found.append(values(aggregator, "apiserver.etcd_request.duration.count", "operation").get(("get",)))
    assert found == totals


def test_first_values_follow_base(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """An operation that appears later counts from 0 at once, but not in the first page nor in the first after a gap."""
    scraper = make_scraper()
    flushed = []
    gap = Failure(TimedOut("no answer"))
    for answer in (page(calls(get_pod=3)), page(calls(get_pod=3, delete_pod=1)), gap, page(calls(get_pod=3)), None):
        aggregator.reset()
        try:
            scraper.submit(answer or page(calls(get_pod=3, list_pod=2)))
        except TimedOut:
            continue
        stubs = aggregator.metrics("etcd_latency.apiserver.etcd_request.duration.count")
        flushed.append({next(tag for tag in stub.tags if "operation" in tag): stub.flush_first_value for stub in stubs})
    assert flushed == [
        {"operation:get": False},
        {"operation:get": True, "operation:delete": True},
        {"operation:get": False},
        {"operation:get": True, "operation:list": True},
    ]


def test_names_and_labels_of_134(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """One resource from two labels; of the two families of objects the newer; what could not be counted is left out."""
    scraper = make_scraper(detail=True)
    scraper.submit(page(PAGE_134))
    by_both = {("get", "pods"): 4, ("get", "deployments.apps"): 1}
    assert values(aggregator, "apiserver.etcd_requests.count", "operation", "resource") == by_both
    assert values(aggregator, "apiserver.etcd_request.duration.count", "operation", "resource") == by_both
    assert values(aggregator, "apiserver.etcd_request_errors.count", "operation", "resource") == {("get", "pods"): 1}
    assert values(aggregator, "apiserver.objects", "resource") == {("pods",): 12, ("deployments.apps",): 3}
    assert values(aggregator, "apiserver.storage.size", "storage_cluster_id") == {("etcd-0",): 8179712}
    assert values(aggregator, "apiserver.storage.decode_errors.count", "resource") == {("secrets",): 2}
    assert scraper.left_out == 1


def test_sums_of_134(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """Without detail the same page gives one series for each operation, and one number of objects."""
    make_scraper(collect_histogram_buckets=True).submit(page(PAGE_134))
    assert values(aggregator, "apiserver.etcd_requests.count", "operation") == {("get",): 5}
    assert values(aggregator, "apiserver.etcd_request.duration.sum", "operation") == {("get",): 0.75}
    assert values(aggregator, "apiserver.etcd_request.duration.bucket", "operation", "upper_bound") == {
        ("get", "0.005"): 4
    }
    assert values(aggregator, "apiserver.objects") == {(): 15}
    assert values(aggregator, "apiserver.storage.list.requests.count") == {(): 5}
    assert values(aggregator, "apiserver.storage.list.fetched_objects.count") == {(): 520}
    assert values(aggregator, "apiserver.storage.list.returned_objects.count") == {(): 50}
    assert max(submitted(aggregator).values()) == 1


def test_of_two_sizes_the_newer_counts(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """1.28 has the size under two names; alone the older one counts, under a tag that is not our `endpoint`."""
    make_scraper(detail=True).submit(page(PAGE_128))
    assert values(aggregator, "apiserver.storage.size", "storage_cluster_id") == {("etcd-0",): 200}
    assert values(aggregator, "apiserver.etcd_request.duration.count", "operation", "resource") == {
        ("list", "deployments.apps"): 4
    }
    aggregator.reset()
    make_scraper().submit(page(PAGE_128.replace("apiserver_storage_size_bytes", "unknown")))
    assert values(aggregator, "apiserver.storage.size", "storage_endpoint") == {("https://10.0.0.9:2379",): 100}


def test_values_that_are_no_numbers_are_left_out(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """One series without a number costs itself, not its group; how many there were is known."""
    scraper = make_scraper()
    text = calls(get_pod=3) + 'etcd_request_duration_seconds_count{operation="get",type="node"} NaN\n'
    text += '# TYPE etcd_object_counts gauge\netcd_object_counts{resource="a"} +Inf\n'
    scraper.submit(page(text + 'etcd_object_counts{resource="b"} 2\n'))
    assert values(aggregator, "apiserver.etcd_request.duration.count", "operation") == {("get",): 3}
    assert values(aggregator, "apiserver.objects") == {(): 2}
    assert scraper.left_out == 2


def test_a_controller_manager_without_detail(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """Sums over all queues and all URLs; there are no families about etcd, and that is told."""
    scraper = make_scraper("controller_manager")
    scraper.submit(cut(scraper, recorded(MANAGER)))
    for name, sample, labels in [
        ("rest_client.request.duration.count", "rest_client_request_duration_seconds_count", ["verb"]),
        ("rest_client.requests.count", "rest_client_requests_total", ["code", "method"]),
        ("workqueue.depth", "workqueue_depth", []),
        ("workqueue.adds.count", "workqueue_adds_total", []),
        ("workqueue.retries.count", "workqueue_retries_total", []),
        ("workqueue.queue.duration.count", "workqueue_queue_duration_seconds_count", []),
        ("workqueue.work.duration.count", "workqueue_work_duration_seconds_count", []),
        ("workqueue.unfinished_work", "workqueue_unfinished_work_seconds", []),
    ]:
        assert values(aggregator, f"controller_manager.{name}", *labels) == summed(MANAGER, sample, *labels)
    assert values(aggregator, "controller_manager.workqueue.adds.count") == {(): 395}
    assert values(aggregator, "controller_manager.etcd_families") == {(): 0}


def test_a_controller_manager_with_detail(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """Each queue by itself."""
    scraper = make_scraper("controller_manager", detail=True)
    scraper.submit(cut(scraper, recorded(MANAGER)))
    expected = summed(MANAGER, "workqueue_adds_total", "name")
    assert values(aggregator, "controller_manager.workqueue.adds.count", "queue") == expected
    assert len(expected) == 43


def test_the_lease_and_the_longest_worker(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """Depths add up, of the longest only the longest counts; a lease has its name always."""
    make_scraper("controller_manager").submit(page(PAGE_MANAGER))
    lease = ("kube-controller-manager",)
    assert values(aggregator, "controller_manager.workqueue.depth") == {(): 5}
    assert values(aggregator, "controller_manager.workqueue.longest_running") == {(): 2.5}
    assert values(aggregator, "controller_manager.leader_election.is_leader", "lease") == {lease: 1}
    assert values(aggregator, "controller_manager.leader_election.slowpath.count", "lease") == {lease: 4}


def test_families_about_etcd_are_forwarded(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """Whatever begins with `etcd_` comes with the page's type and labels, cut or not; without a type it is counted."""
    scraper = make_scraper("controller_manager")
    scraper.submit(cut(scraper, PAGE_MANAGER.encode()))
    prefix = "etcd_latency.controller_manager.etcd."
    peer = "storage_endpoint:https://10.0.0.9:2379"
    assert {one for one in submitted(aggregator) if one[0].startswith(prefix)} == {
        (f"{prefix}helper_cache_hit.count", "monotonic_count", 7, tuple(sorted(OWN_TAGS))),
        (f"{prefix}queue", "gauge", 3, tuple(sorted([*OWN_TAGS, peer]))),
        (f"{prefix}queue.count", "monotonic_count", 5, tuple(sorted([*OWN_TAGS, peer]))),
        (f"{prefix}wait_seconds.sum", "monotonic_count", 1.5, tuple(sorted([*OWN_TAGS, "verb:GET"]))),
        (f"{prefix}wait_seconds.count", "monotonic_count", 2, tuple(sorted([*OWN_TAGS, "verb:GET"]))),
    }
    assert values(aggregator, "controller_manager.etcd_families") == {(): 5}


def test_a_page_that_repeats_itself_is_read_once(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """A series that stands twice, in a summed family or a forwarded one, neither doubles nor comes twice."""
    make_scraper("controller_manager").submit(page(PAGE_MANAGER * 2))
    assert values(aggregator, "controller_manager.workqueue.depth") == {(): 5}
    assert max(submitted(aggregator).values()) == 1


def test_a_family_in_two_places_is_one(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """What stands further down is not lost, and not a second series of the same counter either."""
    make_scraper().submit(page(calls(get_pod=3) + "# TYPE other gauge\nother 1\n" + calls(get_node=4)))
    assert values(aggregator, "apiserver.etcd_request.duration.count", "operation") == {("get",): 7}


def test_a_counter_that_is_not_declared_is_one(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """The kind is ours, also where a proxy took the TYPE lines away."""
    text = PAGE_134.replace("# TYPE etcd_requests_total counter\n", "")
    make_scraper().submit(page(text))
    assert values(aggregator, "apiserver.etcd_requests.count", "operation") == {("get",): 5}


def test_openmetrics_text_gives_the_same_names(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """A server that answers in the OpenMetrics format is cut and read as such; when a counter began is no count."""
    text = """\
# TYPE etcd_request_duration_seconds histogram
etcd_request_duration_seconds_bucket{operation="get",type="pods",le="+Inf"} 3
etcd_request_duration_seconds_sum{operation="get",type="pods"} 1.5
etcd_request_duration_seconds_count{operation="get",type="pods"} 3
# TYPE etcd_requests counter
etcd_requests_total{operation="get",type="pods"} 3
etcd_requests_created{operation="get",type="pods"} 1.7e9
# EOF
"""
    scraper = make_scraper(use_latest_spec=True)
    body = cut(scraper, text.encode()).body
    scraper.submit(page(body, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
    assert values(aggregator, "apiserver.etcd_requests.count", "operation") == {("get",): 3}
    assert values(aggregator, "apiserver.etcd_request.duration.count", "operation") == {("get",): 3}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("apiserver", ""),
        ("apiserver", "<html>Log in</html>\n"),
        ("apiserver", recorded("etcd-3.5.16/m1-leader-load")),
        ("apiserver", recorded(MANAGER)),
        ("controller_manager", recorded("etcd-3.5.16/m1-leader-load")),
        ("controller_manager", "# TYPE node_load1 gauge\nnode_load1 0.2\n"),
    ],
    ids=["nothing", "a login", "a member", "a controller manager", "a member instead of a manager", "a node"],
)
def test_a_page_of_somebody_else_is_refused(
    source: str, text: bytes | str, make_scraper: MakeScraper, aggregator: AggregatorStub
) -> None:
    """Its error names what was expected, and not a single metric is submitted."""
    scraper = make_scraper(source)
    with pytest.raises(BadPage, match=f"no metric of a kube-{source.replace('_', '-')}; is this the URL of one"):
        scraper.submit(page(text))
    assert aggregator.metric_names == []


def test_a_broken_page_changes_nothing(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """A page with a broken line is refused whole, and the totals stay as the last good page left them."""
    scraper = make_scraper()
    scraper.submit(page(calls(get_pod=3)))
    aggregator.reset()
    broken = calls(get_pod=9) + "# TYPE etcd_object_counts gauge\netcd_object_counts one\n"
    with pytest.raises(BadPage, match="is this kube-apiserver's /metrics"):
        scraper.submit(page(broken))
    assert aggregator.metric_names == []
    scraper.submit(page(calls(get_pod=4)))
    assert values(aggregator, "apiserver.etcd_request.duration.count", "operation") == {("get",): 4}


@pytest.mark.parametrize("options", [{"exclude_labels": ["operation"]}, {"include_labels": ["resource"]}])
def test_a_label_that_is_dropped_is_summed_over(
    options: dict[str, object], make_scraper: MakeScraper, aggregator: AggregatorStub
) -> None:
    """Base's options that drop labels do not make several series of one counter."""
    scraper = make_scraper(**options)
    scraper.submit(cut(scraper, recorded(FRESH)))
    expected = summed(FRESH, "etcd_request_duration_seconds_count")
    assert values(aggregator, "apiserver.etcd_request.duration.count") == expected


@pytest.mark.parametrize(
    ("options", "name", "tags"),
    [
        ({"rename_labels": {"operation": "call"}}, "apiserver.etcd_request.duration.count", {"call"}),
        ({"exclude_metrics": ["etcd_request_duration_seconds"]}, "apiserver.etcd_request.duration.count", set()),
        (
            {"extra_metrics": ["apiserver_current_inflight_requests"]},
            "apiserver_current_inflight_requests",
            {"request_kind"},
        ),
        ({"extra_metrics": ["^apiserver_current_in"]}, "apiserver_current_inflight_requests", {"request_kind"}),
        ({"extra_metrics": [{"apiserver_init_events": "init"}]}, "init.count", {"resource"}),
        (
            {"share_labels": {"kubernetes_build_info": {"labels": ["git_version"]}}},
            "apiserver.objects",
            {"git_version"},
        ),
    ],
    ids=["rename", "exclude", "extra", "extra by pattern", "extra counter", "share"],
)
def test_options_of_base_hold(
    options: dict[str, object], name: str, tags: set[str], make_scraper: MakeScraper, aggregator: AggregatorStub
) -> None:
    """Base's options do here what they do for members, and what they need survives the cut."""
    scraper = make_scraper(**options)
    scraper.submit(cut(scraper, recorded(FRESH)))
    stubs = aggregator.metrics(f"etcd_latency.{name}")
    assert {tag.split(":")[0] for stub in stubs for tag in stub.tags} - {"etcd_cluster", "endpoint"} == tags
    assert bool(stubs) == bool(tags)


def test_a_prefix_before_all_names_is_taken_off(make_scraper: MakeScraper, aggregator: AggregatorStub) -> None:
    """With `raw_metric_prefix` a page is cut, recognised and summed all the same."""
    scraper = make_scraper(raw_metric_prefix="proxy_")
    scraper.submit(cut(scraper, calls(get_pod=3).replace("etcd_", "proxy_etcd_").encode()))
    assert values(aggregator, "apiserver.etcd_request.duration.count", "operation") == {("get",): 3}
