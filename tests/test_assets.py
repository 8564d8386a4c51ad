"""What Datadog is told about the metrics and service checks, against what is really emitted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from datadog_checks.base.stubs.aggregator import AggregatorStub

from lab.assets import METADATA, rendered
from tests.conftest import MakeCheck, Serve, recorded
from tests.servers import page

ROOT = Path(__file__).parent.parent
PAGES = ["etcd-3.4.23/m2-leader-load-extensive", "etcd-3.5.16/m2-leader-load-extensive"]

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


def metadata() -> dict[str, str]:
    """Metric name to type, from the file."""
    with (ROOT / METADATA).open() as table:
        return {row["metric_name"]: row["metric_type"] for row in csv.DictReader(table)}


def test_the_file_is_what_the_catalogue_renders() -> None:
    """`make assets` was run after the catalogue changed."""
    assert (ROOT / METADATA).read_text() == rendered()


def test_metadata_and_emitted_metrics_are_the_same(
    serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """Every metric that is emitted is described with its type, and every one described is emitted where recorded."""
    make_check(*(serve(page(recorded(one))) for one in PAGES), go_metrics=True).check({})
    emitted = {
        name: aggregator.METRIC_TYPE_SUBMISSION_TO_BACKEND_MAP[aggregator.METRIC_ENUM_MAP_REV[stub.type]]
        for name in aggregator.metric_names
        for stub in aggregator.metrics(name)
    }
    described = metadata()
    assert {name: described.get(name) for name in emitted} == emitted
    assert {name for name in described if name not in emitted and not name.startswith(NOT_RECORDED)} == set()


def test_service_checks_are_described(serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """The described checks are those that are emitted, and carry the tags that are named as their groups."""
    make_check(serve(page(recorded(PAGES[0])))).check({})
    described = json.loads((ROOT / "assets/service_checks.json").read_text())
    assert [check["check"] for check in described] == list(aggregator.service_check_names)
    (stub,) = aggregator.service_checks("etcd_latency.can_connect")
    assert {"host", *(tag.split(":")[0] for tag in stub.tags)} == set(described[0]["groups"])
