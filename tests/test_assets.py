"""What Datadog is told about the metrics and service checks, against what is really emitted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck, catalog
from etcd_latency.model import Page, Target
from etcd_latency.scrape import SummingScraper
from lab.assets import METADATA, rendered
from lab.cluster import Cluster
from tests.conftest import MakeCheck, Serve, recorded
from tests.servers import PLAIN, page

ROOT = Path(__file__).parent.parent
PAGES = ["etcd-3.4.23/m2-leader-load-extensive", "etcd-3.5.16/m2-leader-load-extensive"]
KUBERNETES = {"apiserver": "kube-1.20.2/apiserver-fresh", "controller_manager": "kube-1.20.2/kcm-fresh"}

# Never seen on the recorded pages: families of 3.6 and 3.7, and those that appear only once something failed.
NOT_RECORDED = (
    "etcd_latency.network.disconnected_peers.",
    "etcd_latency.network.known_peers",
    "etcd_latency.network.peer.received_failures.",
    "etcd_latency.network.peer.sent_failures.",
    "etcd_latency.network.server_stream_failures.",
    "etcd_latency.network.snapshot.",
    "etcd_latency.server.alarms",
    "etcd_latency.server.feature_enabled",
    "etcd_latency.server.healthcheck",
    "etcd_latency.server.learner_promote.failures.",
    "etcd_latency.server.range.",
    "etcd_latency.server.request.",
    "etcd_latency.server.watch_send_loop.",
)

# Likewise of Kubernetes: what 1.20 did not have yet, and a lease, which the recorded controller manager had none of.
NOT_RECORDED += (
    "etcd_latency.apiserver.etcd_request_errors.",
    "etcd_latency.apiserver.etcd_requests.",
    "etcd_latency.apiserver.storage.decode_errors.",
    "etcd_latency.apiserver.storage.list.",
    "etcd_latency.controller_manager.leader_election.",
)


def metadata() -> dict[str, str]:
    """Metric name to type, from the file."""
    with (ROOT / METADATA).open() as table:
        return {row["metric_name"]: row["metric_type"] for row in csv.DictReader(table)}


def test_the_file_is_what_the_catalogue_renders() -> None:
    """`make assets` was run after the catalogue changed."""
    assert (ROOT / METADATA).read_text() == rendered()


# Of what the check itself measures: what a real cluster of 3.5.1 without Kubernetes does not have.
NOT_IN_THE_LAB = (
    "etcd_latency.apiserver.",
    "etcd_latency.controller_manager.",
    "etcd_latency.probe.livez.",
    "etcd_latency.probe.readyz.",
    "etcd_latency.status.db.quota",
)


def types(aggregator: AggregatorStub) -> dict[str, str]:
    """Metric name to type, of all that was emitted."""
    return {
        name: aggregator.METRIC_TYPE_SUBMISSION_TO_BACKEND_MAP[aggregator.METRIC_ENUM_MAP_REV[stub.type]]
        for name in aggregator.metric_names
        for stub in aggregator.metrics(name)
    }


def test_metadata_and_emitted_metrics_are_the_same(
    serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """Every metric of a page is described with its type, and every one described is emitted where recorded."""
    check = make_check(*(serve(page(recorded(one))) for one in PAGES), go_metrics=True)
    check.check({})
    for source, recording in KUBERNETES.items():
        target = Target(source, source, source, ())
        scraper = SummingScraper(check, target, {"collect_histogram_buckets": False}, catalog.load(source), detail=True)
        scraper.submit(Page(recorded(recording), PLAIN))
    emitted = types(aggregator)
    described = metadata()
    own = {f"etcd_latency.{family.name}" for family in catalog.load("check").families}
    assert {name: described.get(name) for name in emitted} == emitted
    assert {name for name in described.keys() - emitted.keys() - own if not name.startswith(NOT_RECORDED)} == set()


def test_what_the_check_measures_itself_is_described(real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """On a real cluster every metric that stands on no page is described with its type, and the other way round."""
    check = EtcdLatencyCheck("etcd_latency", {}, [real_cluster.instance()])
    check.run_check_initializations()
    check.check({})
    emitted = types(aggregator)
    described = metadata()
    own = {f"etcd_latency.{family.name}" for family in catalog.load("check").families}
    assert {name: described.get(name) for name in emitted} == emitted
    assert {name for name in own - emitted.keys() if not name.startswith(NOT_IN_THE_LAB)} == set()


def test_service_checks_are_described(serve: Serve, real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """The described checks are those that are emitted, and carry the tags that are named as their groups."""
    instance = real_cluster.instance(apiserver={"endpoints": [serve(page(b"ok"))]})
    check = EtcdLatencyCheck("etcd_latency", {}, [instance])
    check.run_check_initializations()
    check.check({})
    described = json.loads((ROOT / "assets/service_checks.json").read_text())
    assert sorted(one["check"] for one in described) == sorted(aggregator.service_check_names)
    for one in described:
        keys = {tag.split(":")[0] for stub in aggregator.service_checks(one["check"]) for tag in stub.tags}
        not_here = {"host", "controller_manager", "apiserver"} - keys
        assert keys == set(one["groups"]) - not_here
