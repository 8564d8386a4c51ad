from __future__ import annotations

from typing import cast

import pytest

from etcd_latency.standalone import Metric, Run, ServiceCheck, prepare, run
from lab.datadog.aggregator import Aggregator, Recorder
from lab.datadog.query.tree import Every, Tag
from lab.datadog.store import CheckStatus, Point, Store
from lab.process import LabError
from tests.conftest import Serve
from tests.servers import pages


def run_of(*metrics: Metric) -> Run:
    return Run(metrics, (), (), (), 0.0)


def sample(kind: str, value: float, *tags: str, first: bool = False) -> Metric:
    return Metric("m", kind, value, tags, "", first)


def flushed(kind: str, values: list[float | None], *, first: bool = False, step: int = 15) -> list[float | None]:
    """What is flushed in each run in which a series has these values."""
    aggregator = Aggregator()
    found: list[float | None] = []
    for number, value in enumerate(values):
        metrics = [] if value is None else [sample(kind, value, first=first)]
        points = aggregator.points(run_of(*metrics), 1000.0 + number * step)
        found.append(points[0].value if points else None)
    return found


def test_a_gauge_is_what_it_is() -> None:
    """Run by run, and missing where it was not submitted."""
    assert flushed("gauge", [3, None, 0]) == [3, None, 0]


def test_a_monotonic_count_is_its_growth() -> None:
    """The first value gives nothing; a lower one is a growth of 0, as in the Agent, and what the next grows from."""
    assert flushed("monotonic_count", [100, 130, 130, 5, 9]) == [None, 30, 0, 0, 4]


def test_growth_over_a_gap_comes_after_it() -> None:
    """The Agent keeps for 25 hours what a series had."""
    assert flushed("monotonic_count", [100, None, None, 160]) == [None, None, None, 60]


def test_a_first_value_counts_when_the_check_says_so() -> None:
    """A series that is new, or begins anew, is taken to begin at 0."""
    assert flushed("monotonic_count", [100, 130, 5, 9], first=True) == [100, 30, 5, 4]


def test_a_rate_is_per_second_between_runs() -> None:
    """It is a gauge; the first value gives nothing, and a lower one nothing."""
    assert flushed("rate", [100, 130, 5, 20]) == [None, 2.0, None, 1.0]
    aggregator = Aggregator()
    aggregator.points(run_of(sample("rate", 1)), 0.0)
    assert aggregator.points(run_of(sample("rate", 2)), 10.0) == [Point("m", "gauge", frozenset(), 0.1)]


def test_samples_of_one_series_come_together() -> None:
    """Counts add up, of gauges the last one stays; tags that the intake makes equal are one series."""
    aggregator = Aggregator()
    both = run_of(sample("count", 2, "A:B"), sample("count", 3, "a:b"))
    assert aggregator.points(both, 0.0) == [Point("m", "count", frozenset({"a:b"}), 5.0)]
    both = run_of(sample("gauge", 2, "x:1", "y:2"), sample("gauge", 3, "y:2", "x:1"))
    assert aggregator.points(both, 0.0) == [Point("m", "gauge", frozenset({"x:1", "y:2"}), 3.0)]


def test_buckets_are_left_out_and_others_refused() -> None:
    """A distribution is no part of a store; a type that nobody knows is not guessed."""
    assert Aggregator().points(run_of(sample("histogram_bucket", 2)), 0.0) == []
    with pytest.raises(LabError, match="m is a histogram: the lab's aggregator knows gauge, rate, count"):
        Aggregator().points(run_of(sample("histogram", 2)), 0.0)


def test_a_run_is_recorded_whole() -> None:
    """Points, service checks and events, at the time that is given."""
    store = Store()
    check = ServiceCheck("up", 2, ("Member:A",), "gone")
    Recorder(store).take(Run((sample("gauge", 1, "a:b"),), (check,), ({"msg_title": "t"},), (), 0.0), 77.0)
    (series,) = store.series("m", Every())
    assert (series.times, series.values) == ((77.0,), (1.0,))
    assert store.checks("up") == [CheckStatus("up", 2, frozenset({"member:a"}), "gone", 77.0)]
    assert store.events() == [(77.0, {"msg_title": "t"})]


def test_the_real_check_is_recorded(serve: Serve) -> None:
    """Names keep their namespace, a counter of a page becomes a count, and the checks are there."""
    text = "# TYPE etcd_mvcc_put_total counter\netcd_mvcc_put_total {}\n"
    url = serve(pages(*(text.format(value).encode() for value in (100, 130, 170))))
    instance = {"cluster": "Prod", "members": [{"url": url, "name": "m1"}], "skip_proxy": True, "probes": False}
    checks, store = prepare({}, [cast("dict[str, object]", instance)]), Store()
    recorder = Recorder(store)
    for number in range(3):
        recorder.take(run(checks), 1000.0 + number * 15)
    (series,) = store.series("etcd_latency.mvcc.put.count", Tag("etcd_member", "m1"))
    assert (series.kind, series.times, series.values) == ("count", (1015.0, 1030.0), (30.0, 40.0))
    assert "etcd_cluster:prod" in series.tags
    assert [status.status for status in store.checks("etcd_latency.can_connect")] == [0, 0, 0]
