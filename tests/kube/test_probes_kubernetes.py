"""What the check says of a real control plane: healthy, closed to the user, and with its etcd away."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from datadog_checks.base import AgentCheck
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck
from etcd_latency.survey import LINGER_SECONDS
from lab.cluster import Cluster
from lab.kubernetes import Server
from tests.kube.test_lab_kubernetes import hung, seconds_until

OK, CRITICAL, UNKNOWN = AgentCheck.OK, AgentCheck.CRITICAL, AgentCheck.UNKNOWN
CHECKS = ("apiserver.livez", "apiserver.readyz")


@pytest.fixture
def token(api: Server, tmp_path: Path) -> Path:
    """The token of a user in the group system:monitoring, as a file."""
    path = tmp_path / "token"
    path.write_text(api.tokens["monitor"])
    return path


def bearer(path: Path) -> dict[str, Any]:
    """The options that show the token in this file."""
    writer = {"type": "header", "name": "Authorization", "value": "Bearer <TOKEN>"}
    return {"auth_token": {"reader": {"type": "file", "path": str(path)}, "writer": writer}}


def check_of(lab: Cluster, api: Server, **block: Any) -> EtcdLatencyCheck:
    instance = lab.instance(timeout=10, apiserver={"endpoints": [api.url], "tls_ca_cert": str(api.ca)} | block)
    check = EtcdLatencyCheck("etcd_latency", {}, [instance])
    check.run_check_initializations()
    return check


def told(aggregator: AggregatorStub) -> list[tuple[int, str]]:
    """Status and message of livez and readyz."""
    stubs = [stub for name in CHECKS for stub in aggregator.service_checks(f"etcd_latency.{name}")]
    return [(stub.status, stub.message) for stub in stubs]


def values(aggregator: AggregatorStub, name: str) -> list[float]:
    return [stub.value for stub in aggregator.metrics(f"etcd_latency.{name}")]


def counted(page: str, family: str) -> dict[str, float]:
    """The sum of a family's samples by operation, by nothing but a regular expression."""
    sums: dict[str, float] = defaultdict(float)
    for operation, value in re.findall(rf'^{family}{{operation="(\w+)",[^}}]*}} (\S+)$', page, re.MULTILINE):
        sums[operation] += float(value)
    return dict(sums)


def test_etcd_is_well_as_the_api_server_sees_it(
    lab: Cluster, api: Server, token: Path, aggregator: AggregatorStub
) -> None:
    """With the token of a system:monitoring user both are ok, timed, and 200; the members are there, too."""
    started = time.monotonic()
    check_of(lab, api, **bearer(token)).check({})
    assert told(aggregator) == [(OK, "")] * 2
    for name in CHECKS:
        assert values(aggregator, f"{name}.status_code") == [200]
        assert 0 < values(aggregator, f"{name}.duration")[0] < time.monotonic() - started
    assert {stub.status for stub in aggregator.service_checks("etcd_latency.can_connect")} == {OK}
    assert len(aggregator.service_checks("etcd_latency.can_connect")) == 4
    (days,) = [
        stub.value
        for stub in aggregator.metrics("etcd_latency.certificate.days_left")
        if "kind:server" in stub.tags and f"endpoint:{api.url}" in stub.tags
    ]
    assert 360 < days < 366


def test_how_long_etcd_takes_as_the_api_server_sees_it(
    lab: Cluster, api: Server, token: Path, aggregator: AggregatorStub
) -> None:
    """One series for each operation, between the sums of the page before and of the page after."""
    check, started = check_of(lab, api, **bearer(token)), time.monotonic()
    before = counted(api.get("/metrics", "monitor").text, "etcd_request_duration_seconds_count")
    check.check({})
    after = counted(api.get("/metrics", "monitor").text, "etcd_request_duration_seconds_count")
    found = {
        tag.removeprefix("operation:"): stub.value
        for stub in aggregator.metrics("etcd_latency.apiserver.etcd_request.duration.count")
        for tag in stub.tags
        if tag.startswith("operation:")
    }
    assert {"get", "list", "create"} <= before.keys() <= found.keys() <= after.keys()
    assert all(before[operation] <= found[operation] <= after[operation] for operation in before)
    for name in aggregator.metric_names:
        series = [(stub.type, tuple(sorted(stub.tags))) for stub in aggregator.metrics(name)]
        assert len(series) == len(set(series)), name
    assert len(values(aggregator, "apiserver.storage.size")) == 3
    assert 0 <= values(aggregator, "apiserver.page.age")[0] < time.monotonic() - started


def test_resources_are_told_apart_on_request(
    lab: Cluster, api: Server, token: Path, aggregator: AggregatorStub
) -> None:
    """With `resource_tag: true` the counts of an operation by resource add up to those without it."""
    check_of(lab, api, **bearer(token), resource_tag=True).check({})
    stubs = aggregator.metrics("etcd_latency.apiserver.etcd_request.duration.count")
    resources = {tag for stub in stubs for tag in stub.tags if tag.startswith("resource:")}
    assert "resource:*core.Namespace" in resources
    assert len(stubs) > 50


def test_nobody_in_particular_may_not_ask(lab: Cluster, api: Server, aggregator: AggregatorStub) -> None:
    """Without a token: unknown, with the ClusterRole to bind; the members are measured all the same."""
    check_of(lab, api, tls_cert=None, tls_private_key=None).check({})
    assert [status for status, _ in told(aggregator)] == [UNKNOWN] * 2
    for _, message in told(aggregator):
        assert "HTTP 403 Forbidden: let this user read /" in message
        assert "(Kubernetes: bind the ClusterRole system:monitoring)" in message
    assert len(values(aggregator, "server.is_leader")) == 3
    (connect,) = [
        stub
        for stub in aggregator.service_checks("etcd_latency.can_connect")
        if any(tag.startswith("apiserver:") for tag in stub.tags)
    ]
    assert connect.status == CRITICAL
    assert "let this user read /metrics (Kubernetes: bind the ClusterRole system:monitoring)" in connect.message


def test_a_bad_token(
    lab: Cluster, api: Server, tmp_path: Path, aggregator: AggregatorStub, caplog: pytest.LogCaptureFixture
) -> None:
    """401 is unknown, too, and the token is told nowhere; a token that is replaced is read in the next run."""
    caplog.set_level("DEBUG")
    path = tmp_path / "token"
    path.write_text("hunter2")
    check = check_of(lab, api, **bearer(path))
    check.check({})
    assert [status for status, _ in told(aggregator)] == [UNKNOWN] * 2
    assert all("HTTP 401 Unauthorized" in message for _, message in told(aggregator))
    path.write_text(api.tokens["monitor"])
    aggregator.reset()
    check.check({})
    assert [status for status, _ in told(aggregator)] == [OK] * 2
    assert "hunter2" not in caplog.text
    assert api.tokens["monitor"] not in caplog.text


def test_etcd_is_away(lab: Cluster, api: Server, token: Path, aggregator: AggregatorStub) -> None:
    """With all members hung the API server's own words are the message, and when they are back all is ok."""
    check = check_of(lab, api, **bearer(token), timeout=9)
    with hung(lab):
        check.check({})
        for status, message in told(aggregator):
            assert status == CRITICAL
            assert message.endswith("internal server error: error getting data from etcd: context deadline exceeded")
        assert values(aggregator, "apiserver.livez.status_code") == [500]
        assert 1.5 < values(aggregator, "apiserver.livez.duration")[0] < 9
    seconds_until(lambda: api.get("/readyz/etcd", "monitor").ok)
    aggregator.reset()
    check.check({})
    assert told(aggregator) == [(OK, "")] * 2


def test_an_api_server_that_hangs_costs_the_members_nothing(
    lab: Cluster, api: Server, token: Path, aggregator: AggregatorStub
) -> None:
    """The members' metrics are whole; the run waits a while for the page, and not as long as that may take."""
    check = check_of(lab, api, **bearer(token), timeout=2)
    api.process.pause()
    try:
        started = time.monotonic()
        check.check({})
        assert time.monotonic() - started < LINGER_SECONDS + 10
    finally:
        api.process.resume()
    assert len(values(aggregator, "server.is_leader")) == 3
    assert [status for status, _ in told(aggregator)] == [CRITICAL] * 2
    assert all("no complete answer within 2 s" in message for _, message in told(aggregator))
    seconds_until(lambda: api.get("/readyz/etcd", "monitor").ok)


def test_the_controller_manager(lab: Cluster, manager: Server, token: Path, aggregator: AggregatorStub) -> None:
    """It has no etcd metrics, which is counted; what a slow etcd does move is there."""
    block = {"endpoints": [manager.url], "tls_ca_cert": str(manager.ca), **bearer(token)}
    check = EtcdLatencyCheck("etcd_latency", {}, [lab.instance(controller_manager=block)])
    check.run_check_initializations()
    check.check({})
    assert values(aggregator, "controller_manager.etcd_families") == [0]
    assert values(aggregator, "controller_manager.workqueue.depth")
    assert values(aggregator, "controller_manager.rest_client.request.duration.count")
    statuses = {stub.status for stub in aggregator.service_checks("etcd_latency.can_connect")}
    assert statuses == {OK}
