"""Members that do not agree: what is counted, and which events come, once each."""

from __future__ import annotations

from typing import Any

from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck
from lab import cluster, faults
from lab.cluster import Cluster
from lab.recipes import ETCD
from tests.test_real_probes import check_of, values


def titles(aggregator: AggregatorStub) -> list[str]:
    return [event["msg_title"] for event in aggregator.events]


def test_members_of_two_clusters(aggregator: AggregatorStub) -> None:
    """Two versions and two cluster ids: a figure and one event for each, and nothing more in later runs."""
    old, new = (ETCD[version].program("etcd") for version in ("3.4.23", "3.5.16"))
    with cluster.running(1, binary=old) as one, cluster.running(1, binary=new) as other:
        members = [
            {"url": lab.members[0].client_url, "name": name, "tls_ca_cert": str(lab.pki.ca), **files(lab)}
            for name, lab in (("a", one), ("b", other))
        ]
        check = EtcdLatencyCheck("etcd_latency", {}, [{"cluster": "lab", "members": members, "skip_proxy": True}])
        check.run_check_initializations()
        for _ in range(3):
            check.check({})
        assert sorted(titles(aggregator)) == [
            "etcd lab: members belong to different clusters",
            "etcd lab: members run different versions of etcd",
        ]
        versions = next(event for event in aggregator.events if "versions" in event["msg_title"])
        assert versions["msg_text"].startswith("a: 3.4.23; b: 3.5.16\n\n")
        assert versions["alert_type"] == "warning"
        assert versions["tags"] == ["etcd_cluster:lab"]
        aggregator.reset()
        check.check({})
        assert values(aggregator, "cluster.versions") == {"": 2}
        assert values(aggregator, "cluster.ids") == {"": 2}


def files(lab: Cluster) -> dict[str, Any]:
    return {"tls_cert": str(lab.client.cert), "tls_private_key": str(lab.client.key)}


def test_a_member_that_is_cut_off(lab: Cluster, aggregator: AggregatorStub) -> None:
    """It is unhealthy and without a leader, the others are well; when it is back, nothing is left of it."""
    check = check_of(lab)
    check.check({})
    lonely = lab.members[-1]
    with faults.isolated(lab, lonely):
        aggregator.reset()
        check.check({})
        assert values(aggregator, "status.has_leader")[lonely.name] == 0
        assert sum(values(aggregator, "status.has_leader").values()) == 2
        assert values(aggregator, "cluster.leaders") == {"": 1}
        stubs = aggregator.service_checks("etcd_latency.endpoint.health")
        assert {stub.status for stub in stubs if f"etcd_member:{lonely.name}" in stub.tags} == {2}
        assert [stub.status for stub in stubs].count(0) == 2
    aggregator.reset()
    check.check({})
    check.check({})
    assert set(values(aggregator, "status.has_leader").values()) == {1}
    assert {stub.status for stub in aggregator.service_checks("etcd_latency.endpoint.health")[-3:]} == {0}
