"""What the check makes of today's label names, and of health endpoints that repeat their last answer."""

from __future__ import annotations

from typing import Any

import pytest
from datadog_checks.base import AgentCheck
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck
from lab.cluster import Cluster
from lab.kubernetes import Server


def checked(lab: Cluster, server: Server, **block: Any) -> None:
    options = {"endpoints": [server.url], "tls_ca_cert": str(server.ca), "tls_cert": None, "tls_private_key": None}
    check = EtcdLatencyCheck("etcd_latency", {}, [lab.instance(apiserver=options | block)])
    check.run_check_initializations()
    check.check({})


def tags_of(aggregator: AggregatorStub, name: str, key: str) -> set[str]:
    stubs = aggregator.metrics(f"etcd_latency.{name}")
    assert stubs, name
    series = [tuple(sorted(stub.tags)) for stub in stubs]
    assert len(series) == len(set(series)), name
    return {tag.removeprefix(f"{key}:") for stub in stubs for tag in stub.tags if tag.startswith(f"{key}:")}


def test_health_and_size(lab: Cluster, extensions: Server, aggregator: AggregatorStub) -> None:
    """Both health endpoints are ok, and the size of the database has the name that it has for every version."""
    checked(lab, extensions)
    for name in ("livez", "readyz"):
        (stub,) = aggregator.service_checks(f"etcd_latency.apiserver.{name}")
        assert stub.status == AgentCheck.OK, stub.message
    assert tags_of(aggregator, "apiserver.storage.size", "storage_cluster_id") == {"etcd-0"}


@pytest.mark.parametrize("detail", [False, True])
def test_the_labels_of_today(detail: bool, lab: Cluster, extensions: Server, aggregator: AggregatorStub) -> None:  # noqa: FBT001
    """`group` and `resource` become one tag, and only on request; an operation is one series without it."""
    checked(lab, extensions, resource_tag=detail)
    for name in ("etcd_request.duration.count", "etcd_requests.count"):
        assert {"list", "get"} & tags_of(aggregator, f"apiserver.{name}", "operation")
        expected = {"customresourcedefinitions.apiextensions.k8s.io"} if detail else set()
        assert expected <= tags_of(aggregator, f"apiserver.{name}", "resource")
        assert detail or tags_of(aggregator, f"apiserver.{name}", "resource") == set()
