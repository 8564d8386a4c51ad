"""What Datadog is told about the metrics and service checks, against what is really emitted."""

from __future__ import annotations

import csv
import json
import re
import time
from pathlib import Path
from uuid import UUID

import pytest
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck, catalog
from etcd_latency.derive.intervals import PERCENTILES, ROUND_TRIP
from lab.assets.metadata import METADATA, SOURCES, rendered
from lab.cluster import Cluster
from tests.conftest import MakeCheck, Serve, recorded
from tests.servers import Handler, page, pages
from tests.test_catalog import UNITS
from tests.test_real_probes import undisturbed

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


LONGEST_DESCRIPTION = 400
"""Of Datadog's own validation of the file."""


def described_rows() -> list[dict[str, str]]:
    """The rows of the file."""
    with (ROOT / METADATA).open() as table:
        return list(csv.DictReader(table))


def metadata() -> dict[str, str]:
    """Metric name to type, from the file."""
    return {row["metric_name"]: row["metric_type"] for row in described_rows()}


def own() -> set[str]:
    """The metrics that stand on no page."""
    return {f"etcd_latency.{family.name}" for family in catalog.load("check").families}


def test_the_file_is_what_the_catalogue_renders() -> None:
    """`make assets` was run after the catalogue changed."""
    assert (ROOT / METADATA).read_text() == rendered()


def test_the_file_is_what_datadog_takes() -> None:
    """Every row keeps the rules by which Datadog validates the file."""
    rows = described_rows()
    assert len({row["metric_name"] for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"etcd_latency(\.[a-z0-9]+(_[a-z0-9]+)*)+", row["metric_name"])
        assert row["metric_type"] in {"gauge", "count"}
        assert (row["unit_name"] or None) in UNITS
        assert row["orientation"] == "0"
        assert 0 < len(row["description"]) <= LONGEST_DESCRIPTION
        assert row["description"].isascii()
        assert "|" not in row["description"]


HISTOGRAMS = [one for source in SOURCES for one in catalog.load(source).families if one.kind == "histogram"]


@pytest.mark.parametrize("family", HISTOGRAMS, ids=lambda one: one.exposed)
def test_what_is_derived_of_a_histogram_has_its_unit(family: catalog.Family) -> None:
    """A mean and percentiles as gauges in the unit of what is observed; of round trips the mean alone."""
    suffixes = ["avg"] if family.exposed == ROUND_TRIP else ["avg", *PERCENTILES]
    rows = [row for row in described_rows() if row["metric_name"].startswith(f"etcd_latency.{family.name}.")]
    derived = {row["metric_name"].rpartition(".")[2]: row for row in rows if row["metric_type"] == "gauge"}
    assert sorted(derived) == sorted(suffixes)
    assert {row["unit_name"] for row in derived.values()} == {family.unit}


# Of what the check itself measures: what a real cluster of 3.5.1 does not have.
NOT_IN_THE_LAB = (
    "etcd_latency.probe.livez.",
    "etcd_latency.probe.readyz.",
    "etcd_latency.status.db.quota",
    "etcd_latency.mvcc.compaction.age",  # nobody has compacted yet
)

# What the lab does not have either, but recorded pages do: round trips, which are told from the second minute of a
# member on, and servers of Kubernetes.
RECORDED_ONLY = (
    "etcd_latency.apiserver.",
    "etcd_latency.cluster.commit_latency.",
    "etcd_latency.controller_manager.",
    "etcd_latency.headroom.election",
    "etcd_latency.headroom.heartbeat",
)

# What needs an answer that is asked for in the first run, and then every few minutes.
ASKED_SELDOM = {"etcd_latency.probe.write.duration"}

LAB_PAUSE_SECONDS = 2.0
"""Between two runs: some hundred writes of the load, so that there is something to derive."""

PATIENCE_SECONDS = 60.0
"""A machine that is busy does not write as much in a pause."""


def test_no_exception_is_left_over() -> None:
    """Each of the lists above still names something that is described."""
    described = metadata().keys()
    exceptions = (*NOT_RECORDED, *NOT_IN_THE_LAB, *RECORDED_ONLY, *ASKED_SELDOM)
    assert [one for one in exceptions if not any(name.startswith(one) for name in described)] == []


def types(aggregator: AggregatorStub) -> dict[str, str]:
    """Metric name to type, of all that was emitted."""
    return {
        name: aggregator.METRIC_TYPE_SUBMISSION_TO_BACKEND_MAP[aggregator.METRIC_ENUM_MAP_REV[stub.type]]
        for name in aggregator.metric_names
        for stub in aggregator.metrics(name)
    }


MORE = re.compile(rb"^(\w+_(?:bucket|count|sum)(?:\{.*\})?) (\S+)$", re.MULTILINE)


def later(body: bytes) -> bytes:
    """A page after ten more observations in each of its histograms, also in those that had none when recorded."""
    return MORE.sub(lambda line: b"%s %r" % (line[1], float(line[2]) + 10), body)


def kubernetes(recording: str) -> Handler:
    """A server of Kubernetes: its etcd is well, and its second page is later than its first."""
    metrics, well = pages(recorded(recording), later(recorded(recording))), page(b"ok")
    return lambda request: (metrics if request.path.startswith("/metrics") else well)(request)


def test_metadata_and_emitted_metrics_are_the_same(
    serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """Every metric of a page, and what is derived of two, is described with its type; and the other way round."""
    bodies = [recorded(one) for one in PAGES]
    servers = {source: {"endpoints": [serve(kubernetes(recording))]} for source, recording in KUBERNETES.items()}
    check = make_check(*(serve(pages(body, later(body))) for body in bodies), go_metrics=True, **servers)
    check.check({})
    check.check({})
    emitted = types(aggregator)
    described = metadata()
    assert {name: described.get(name) for name in emitted} == emitted
    assert {name for name in described.keys() - emitted.keys() - own() if not name.startswith(NOT_RECORDED)} == set()
    # And as Datadog's own helper compares them.
    rows = {row["metric_name"]: row for row in described_rows() if row["metric_name"] in emitted}
    aggregator.assert_metrics_using_metadata(rows, check_submission_type=True, check_symmetric_inclusion=True)


def test_what_the_check_measures_itself_is_described(real_cluster: Cluster, aggregator: AggregatorStub) -> None:
    """On a real cluster every metric that stands on no page is described with its type, and the other way round."""
    undisturbed(real_cluster, aggregator)
    first, described = types(aggregator), metadata()
    assert first.keys() >= ASKED_SELDOM
    check = EtcdLatencyCheck("etcd_latency", {}, [real_cluster.instance()])
    check.run_check_initializations()
    check.check({})
    wanted = {name for name in own() - ASKED_SELDOM if not name.startswith(NOT_IN_THE_LAB + RECORDED_ONLY)}
    deadline, last = time.monotonic() + PATIENCE_SECONDS, first
    while wanted - last.keys() and time.monotonic() < deadline:
        aggregator.reset()
        time.sleep(LAB_PAUSE_SECONDS)
        check.check({})
        last = types(aggregator)
    assert wanted - last.keys() == set()
    assert {name: described.get(name) for name in first | last} == first | last


def test_what_the_lab_has_not_is_described(serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """From recorded pages of a cluster that had run for a while, and of Kubernetes, the rest is emitted, too."""
    kinds = ("net-baseline", "net-delay50ms-all")
    bodies = [[recorded(f"faults-3.5.16/{kind}-m{number}") for kind in kinds] for number in (1, 2, 3)]
    servers = {source: {"endpoints": [serve(kubernetes(recording))]} for source, recording in KUBERNETES.items()}
    check = make_check(*(serve(pages(*both)) for both in bodies), **servers)
    check.check({})
    check.check({})
    emitted, described = types(aggregator), metadata()
    assert {name: described.get(name) for name in emitted} == emitted
    assert {name for name in own() - emitted.keys() if name.startswith(RECORDED_ONLY)} == set()


STATUSES = ["ok", "warning", "critical", "unknown"]


def test_service_checks_are_what_datadog_takes() -> None:
    """Exactly these keys, statuses in their order, and texts that say something."""
    described = json.loads((ROOT / "assets/service_checks.json").read_text())
    assert len({one["check"] for one in described}) == len({one["name"] for one in described}) == len(described)
    for one in described:
        assert one.keys() == {"agent_version", "integration", "check", "statuses", "groups", "name", "description"}
        assert re.fullmatch(r"\d+\.\d+\.\d+", one["agent_version"])
        assert one["integration"] == "etcd latency"
        assert one["statuses"] == [status for status in STATUSES if status in one["statuses"]]
        assert {f"`{status.upper()}`" for status in one["statuses"]} == set(re.findall("`[A-Z]+`", one["description"]))
        assert one["groups"] == list(dict.fromkeys(one["groups"]))
        assert re.fullmatch(r"etcd_latency(\.[a-z]+(_[a-z]+)*)+", one["check"])


MANIFEST = {
    "": "manifest_version app_uuid app_id display_on_public_website tile assets author",
    "tile": "overview configuration support changelog description title media classifier_tags",
    "assets": "integration dashboards monitors",
    "assets.integration": "auto_install source_type_id source_type_name configuration events metrics service_checks",
    "assets.integration.events": "creates_events",
    "assets.integration.metrics": "prefix check metadata_path",
    "assets.integration.service_checks": "metadata_path",
    "author": "name homepage support_email sales_email",
}
"""The keys of a manifest of version 2, by where they stand."""


@pytest.mark.parametrize("place", MANIFEST)
def test_the_manifest_has_the_keys_of_its_version(place: str) -> None:
    """None is missing, and none is spelled wrong: Datadog would not tell."""
    part = json.loads((ROOT / "manifest.json").read_text())
    for key in filter(None, place.split(".")):
        part = part[key]
    assert sorted(part) == sorted(MANIFEST[place].split())


CLASSES = r"(Category|Submitted Data Type|Supported OS|Offering)::[A-Z][A-Za-z ]+"


def test_the_values_of_the_manifest() -> None:
    """Of the types that Datadog's own manifests have."""
    manifest = json.loads((ROOT / "manifest.json").read_text())
    integration = manifest["assets"]["integration"]
    assert str(UUID(manifest["app_uuid"])) == manifest["app_uuid"]
    flags = (
        manifest["display_on_public_website"],
        integration["auto_install"],
        integration["events"]["creates_events"],
    )
    assert [flag for flag in flags if not isinstance(flag, bool)] == []
    assert integration["source_type_id"] == 0
    tags = manifest["tile"]["classifier_tags"]
    assert [tag for tag in tags if not re.fullmatch(CLASSES, tag)] == []
    assert len(set(tags)) == len(tags)
    assert (ROOT / manifest["tile"]["changelog"]).is_file()
    assert manifest["author"]["homepage"].startswith("https://")
    assert all("@" in manifest["author"][key] for key in ("support_email", "sales_email"))


def test_the_manifest_names_what_there_is() -> None:
    """Files that exist and have the title by which they are listed, and a metric that the check sends."""
    manifest = json.loads((ROOT / "manifest.json").read_text())
    assert manifest["tile"]["title"] == manifest["assets"]["integration"]["source_type_name"] == "etcd latency"
    assert manifest["assets"]["integration"]["metrics"]["check"] in metadata()
    for kind in ("dashboards", "monitors"):
        listed = manifest["assets"][kind]
        assert {title: json.loads((ROOT / path).read_text())["title"] for title, path in listed.items()} == {
            title: title for title in listed
        }
        assert {ROOT / path for path in listed.values()} == set((ROOT / "assets" / kind).iterdir())


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
