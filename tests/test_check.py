"""A whole run: which members are told, what is said of the others, and when the run fails."""

from __future__ import annotations

import gc
import json
import logging
import time

import pytest
from datadog_checks.base import AgentCheck
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck, __version__
from etcd_latency.errors import NothingReached
from etcd_latency.model import Page
from etcd_latency.probes import PAGE
from tests.conftest import MakeCheck, Serve, recorded
from tests.gateway_server import Reply, scripted
from tests.servers import page, pages, silence
from tests.test_scrape import submitted

NOWHERE = "http://127.0.0.1:1"
LEADER = recorded("etcd-3.5.16/m1-leader-load")
APISERVER = recorded("kube-1.20.2/apiserver-fresh")


def told(aggregator: AggregatorStub) -> dict[str, tuple[int, str]]:
    """Status and message of can_connect by member."""
    return {
        next(tag for tag in stub.tags if tag.startswith("etcd_member:")).removeprefix("etcd_member:"): (
            stub.status,
            stub.message,
        )
        for stub in aggregator.service_checks("etcd_latency.can_connect")
    }


def test_a_bad_member_costs_its_own_data_only(serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """Beside a dead, a hung and a lying member, the good one is complete; each of the others says what to do."""
    good, hung, lying = serve(page(LEADER)), serve(silence(20)), serve(page(b"<html>Please log in</html>"))
    check = make_check(
        {"url": NOWHERE, "name": "dead"},
        {"url": hung, "name": "hung"},
        {"url": lying, "name": "lying"},
        {"url": good, "name": "good"},
        timeout=2,
    )
    started = time.monotonic()
    check.check({})
    assert time.monotonic() - started < 15  # and not the 20 seconds for which one hangs

    about = {
        tag.removeprefix("etcd_member:"): name == "etcd_latency.diagnosis.severity"
        for name in aggregator.metric_names
        for stub in aggregator.metrics(name)
        for tag in stub.tags
        if tag.startswith("etcd_member:")
    }
    assert about == {"good": False, "dead": True, "hung": True}
    aggregator.assert_metric("etcd_latency.server.is_leader", value=1, count=1)
    statuses = told(aggregator)
    assert statuses["good"] == (AgentCheck.OK, "")
    assert statuses["dead"][0] == statuses["hung"][0] == statuses["lying"][0] == AgentCheck.CRITICAL
    assert statuses["dead"][1].startswith("dead (http://127.0.0.1:1): nothing listens there; is the process running")
    assert statuses["hung"][1].startswith(f"hung ({hung}): no complete answer within 2 s; is the process hung")
    assert statuses["lying"][1] == f"lying ({lying}): the page has no metric of an etcd member; is this the URL of one?"


def test_the_run_fails_when_nothing_could_be_reached(make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """With no member left the run raises, naming each, so that the Agent's status is red."""
    check = make_check({"url": NOWHERE, "name": "a"}, {"url": "http://127.0.0.1:2", "name": "b"})
    with pytest.raises(NothingReached) as raised:
        check.check({})
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == ["a (http", "b (http"]
    assert [status for status, _ in told(aggregator).values()] == [AgentCheck.CRITICAL] * 2


def test_a_member_that_comes_back_is_told_again(
    serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """After a bad page the next good one is submitted, and can_connect is ok again."""
    check = make_check({"url": serve(pages(b"nothing", LEADER)), "name": "m1"}, serve(page(LEADER)))
    check.check({})
    assert told(aggregator)["m1"][0] == AgentCheck.CRITICAL
    aggregator.reset()
    check.check({})
    assert told(aggregator)["m1"] == (AgentCheck.OK, "")
    aggregator.assert_metric("etcd_latency.server.is_leader", value=1, count=2)


def test_a_page_that_trips_base_costs_its_member_only(
    serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """A histogram without bounds is no parse error, but base's transformer cannot submit it as a distribution."""
    odd = b"# TYPE etcd_disk_wal_fsync_duration_seconds histogram\netcd_disk_wal_fsync_duration_seconds_bucket 3\n"
    check = make_check(
        {"url": serve(page(odd)), "name": "odd"}, serve(page(LEADER)), histogram_buckets_as_distributions=True
    )
    check.check({})
    assert told(aggregator)["odd"][0] == AgentCheck.CRITICAL
    assert "the page cannot be read; is this etcd's /metrics?" in told(aggregator)["odd"][1]
    aggregator.assert_metric("etcd_latency.server.is_leader", value=1, count=1)


def test_the_log_tells_what_changed(serve: Serve, make_check: MakeCheck, caplog: pytest.LogCaptureFixture) -> None:
    """A member that stays down is logged once, not in every run; its return is logged, too."""
    caplog.set_level(logging.INFO)
    check = make_check({"url": serve(pages(b"", b"", LEADER)), "name": "m1"}, serve(page(LEADER)))
    for _ in range(3):
        check.check({})
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["m1", "m1"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.records[1].getMessage().endswith("all is answered again")


def test_nothing_is_submitted_twice(serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """In one run no name, type and tags come twice, on any version: the Agent would add or jump."""
    urls = [serve(page(recorded(f"etcd-{version}/m3-follower-load-extensive"))) for version in ("3.4.23", "3.5.16")]
    make_check(*urls, go_metrics=True, collect_histogram_buckets=True).check({})
    series = [(name, kind, tags) for name, kind, _, tags in submitted(aggregator).elements()]
    assert len(series) > 3000
    assert len(series) == len(set(series))


def test_instances_do_not_share_state(serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """Two instances in one process each submit under their own cluster, and leave their options alone."""
    url = serve(page(LEADER))
    tags = ["team:a"]
    for cluster in ("one", "two"):
        check = make_check(url, cluster=cluster, tags=tags)
        check.check({})
        check.check({})
    clusters = [
        tag for stub in aggregator.metrics("etcd_latency.server.is_leader") for tag in stub.tags if "cluster" in tag
    ]
    assert clusters == ["etcd_cluster:one"] * 2 + ["etcd_cluster:two"] * 2
    assert tags == ["team:a"]


def test_no_page_is_kept_after_a_run(serve: Serve, make_check: MakeCheck) -> None:
    """Of each answer its size stays, and nowhere is there a body, however the page was read."""
    check = make_check(serve(page(LEADER)), serve(page(LEADER)), apiserver={"endpoints": [serve(page(APISERVER))]})
    before = {id(one) for one in gc.get_objects() if isinstance(one, Page)}
    for _ in range(4):
        check.check({})
        pages_of = {target.kind: check._survey.answers.value(target, PAGE) for target in check.scrapers}
        assert {kind: (one.body, one.size) for kind, one in pages_of.items() if one} == {
            "member": (b"", len(LEADER)),
            "apiserver": (b"", len(APISERVER)),
        }
        since = [one for one in gc.get_objects() if isinstance(one, Page) and id(one) not in before]
        assert [one.size for one in since if one.body] == []


def test_a_member_that_is_called_otherwise_loses_no_page(make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """When its name is learnt after its page left its body, that page counts all the same, and the next by its name."""
    listed = {"ID": "1", "name": "etcd-0", "clientURLs": ["http://10.0.0.1:2379"]}
    answer = json.dumps({"header": {"cluster_id": "7", "member_id": "1"}, "members": [listed]})
    late: list[Reply] = [*([(503, "{}")] * 3), (200, answer)]
    with scripted({"/metrics": (200, LEADER.decode()), "/v3/cluster/member/list": late}) as fake:
        check = make_check(fake.url, probes=True)
        named = []
        for _ in range(5):
            aggregator.reset()
            check.check({})
            aggregator.assert_metric("etcd_latency.server.is_leader", value=1, count=1)
            named += told(aggregator).items()
    before = fake.url.removeprefix("http://")
    assert named == [(name, (AgentCheck.OK, "")) for name in (before, before, before, "etcd-0", "etcd-0")]
    aggregator.assert_metric_has_tag("etcd_latency.server.is_leader", "etcd_member:etcd-0")


def test_secrets_are_scrubbed_from_what_is_told(make_check: MakeCheck) -> None:
    """The passwords and authorization headers of an instance are known to the Agent's scrubber."""
    headers = {"authorization": "Bearer hunter3", "X-Team": "storage"}
    check = make_check("https://10.0.0.1:2379", username="root", password="hunter2", extra_headers=headers)
    assert check.sanitize("storage refused hunter2 and Bearer hunter3") == "storage refused ******** and ********"


def test_the_agent_finds_version_and_models() -> None:
    """Base derives both from the module of the class, which is the package itself."""
    check = EtcdLatencyCheck("etcd_latency", {}, [{"cluster": "prod", "members": ["https://10.0.0.1:2379"]}])
    check.run_check_initializations()
    assert check.check_version == __version__
    assert type(check._config_model_instance).__name__ == "InstanceConfig"


def test_a_mistake_in_what_is_derived_costs_nothing_else(
    make_check: MakeCheck,
    serve: Serve,
    aggregator: AggregatorStub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The page is submitted all the same, and the log says for which member what follows from it is missing."""

    def trip(*_: object) -> dict[str, float]:
        raise OverflowError("cannot convert float infinity to integer")

    monkeypatch.setattr("etcd_latency.analysis.storage.figures", trip)
    check = make_check({"url": serve(page(recorded("etcd-3.5.16/m1-leader-load"))), "name": "m1"})
    check.check({})
    aggregator.assert_metric("etcd_latency.server.is_leader", value=1)
    assert aggregator.metrics("etcd_latency.process.fds.used") == []
    assert "m1 (http://" in caplog.text
    assert "cannot convert float infinity" in caplog.text
