"""The catalogue against the field: recorded pages, and the table of all families of all versions."""

from __future__ import annotations

import csv
import re

import pytest
import yaml

from etcd_latency import catalog
from tests.conftest import FIXTURES, recorded

PAGES = sorted(str(path.relative_to(FIXTURES)).removesuffix(".prom.gz") for path in FIXTURES.glob("etcd-*/*.prom.gz"))
SOURCES = ("etcd", "go")
FAMILIES = [family for source in SOURCES for family in catalog.load(source).families]
LEFT_OUT = {name for source in SOURCES for name in catalog.load(source).left_out}
KUBERNETES = ("apiserver", "controller_manager")
MEASURED = catalog.load("check").families
SUMMED = [family for source in KUBERNETES for family in catalog.load(source).families]

# Datadog's own list of units has hundreds; these are the ones that fit here.
UNITS = {"second", "millisecond", "byte", "file", "request", "message", "operation", "transaction", "key", "event"}
UNITS |= {"item", "connection", "error", "thread", "object", "percent", "fraction", "day", None}


def declared(page: str) -> dict[str, str]:
    """Family name to TYPE, as a recorded page declares them."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", recorded(page).decode(), re.MULTILINE))


def known_to_the_field() -> dict[str, str]:
    """Family name to type, for every version of etcd."""
    with (FIXTURES / "etcd_families.csv").open() as table:
        return {row["family"]: row["type"] for row in csv.DictReader(table)}


@pytest.mark.parametrize("page", PAGES)
def test_every_recorded_family_is_decided(page: str) -> None:
    """What a real member exposes is either collected or left out with a reason."""
    assert set(declared(page)) - {family.exposed for family in FAMILIES} - LEFT_OUT == set()


@pytest.mark.parametrize("page", PAGES)
def test_kinds_are_those_of_the_page(page: str) -> None:
    """A family that is a gauge on the page is one here, whatever its name says."""
    types = declared(page)
    assert {family.exposed: family.kind for family in FAMILIES if family.exposed in types} == {
        family.exposed: types[family.exposed] for family in FAMILIES if family.exposed in types
    }


def test_every_family_of_every_version_is_decided() -> None:
    """The field's table and the catalogue agree on names and kinds, each family decided exactly once."""
    field = known_to_the_field()
    collected = {family.exposed: family.kind for family in FAMILIES if family.exposed.startswith(("etcd_", "os_fd_"))}
    assert {name: kind for name, kind in field.items() if name not in LEFT_OUT} == collected
    assert set(collected) & LEFT_OUT == set()


def test_names_are_unique() -> None:
    """No two families become one metric, not even through the suffixes that are added later."""
    suffixes = ("", ".count", ".sum", ".quantile", ".bucket", ".avg", ".p50", ".p95", ".p99")
    # Of Kubernetes a metric may have several families, one for each age of the server.
    once = [*FAMILIES, *MEASURED, *{family.name: family for family in SUMMED}.values()]
    derived = [
        family.name + suffix for family in once for suffix in (suffixes if family.kind == "histogram" else ("",))
    ]
    assert sorted(derived) == sorted(set(derived))


def test_parsed_names_are_unique() -> None:
    """Base keys its map by the parsed name, where a counter loses `_total`: none may hide another."""
    parsed = [family.parsed for family in FAMILIES]
    assert sorted(parsed) == sorted(set(parsed))


@pytest.mark.parametrize("page", PAGES)
def test_nothing_left_out_slips_in_under_a_parsed_name(page: str) -> None:
    """A family that is left out parses to no name under which another one is collected."""
    parsed = {
        name.removesuffix("_total") if kind == "counter" else name
        for name, kind in declared(page).items()
        if name in LEFT_OUT
    }
    assert parsed & {family.parsed for family in FAMILIES} == set()


@pytest.mark.parametrize("source", [*SOURCES, *KUBERNETES, "check"])
def test_yaml_keys_are_unique(source: str) -> None:
    """YAML keeps the last of two equal keys without a word; the file has each key once."""
    text = (FIXTURES.parent.parent / "etcd_latency/catalog" / f"{source}.yaml").read_text()
    keys = re.findall(r"^  ([\w.]+):", text, re.MULTILINE)
    raw = yaml.safe_load(text)
    assert sorted(keys) == sorted([*raw["families"], *raw.get("left_out", {}), *raw.get("forward", {})])


def test_what_is_on_no_page_has_one_name() -> None:
    """What the check measures itself is filed under its own name, and a gauge."""
    assert {(family.exposed, "gauge") for family in MEASURED} == {(family.name, family.kind) for family in MEASURED}


@pytest.mark.parametrize("family", [*FAMILIES, *SUMMED, *MEASURED], ids=lambda family: family.exposed)
def test_entries_are_fit_for_metadata(family: catalog.Family) -> None:
    """Names, units and help can go into metadata.csv as they are."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", family.name)
    assert not family.name.endswith(("_total", "_seconds", "_bytes", ".count", ".sum"))
    assert family.unit in UNITS
    assert family.help.isascii()
    assert 20 <= len(family.help) <= 160
    assert not set(family.help) & set('|"\n')


@pytest.mark.parametrize(
    ("exposed", "name", "kind"),
    [
        ("process_open_fds", "process.open_fds", "gauge"),
        ("process_max_fds", "process.max_fds", "gauge"),
        ("process_resident_memory_bytes", "process.resident_memory", "gauge"),
        ("etcd_disk_backend_commit_duration_seconds", "disk.backend_commit.duration", "histogram"),
        ("etcd_disk_wal_fsync_duration_seconds", "disk.wal_fsync.duration", "histogram"),
        ("etcd_mvcc_db_total_size_in_bytes", "mvcc.db.total_size", "gauge"),
        ("etcd_mvcc_db_total_size_in_use_in_bytes", "mvcc.db.in_use_size", "gauge"),
        ("etcd_server_quota_backend_bytes", "server.quota_backend", "gauge"),
        ("etcd_network_peer_round_trip_time_seconds", "network.peer.round_trip_time.duration", "histogram"),
        ("grpc_server_handled_total", "grpc.server.handled", "counter"),
        ("grpc_server_started_total", "grpc.server.started", "counter"),
        ("etcd_debugging_mvcc_watcher_total", "mvcc.watchers", "gauge"),
        ("etcd_debugging_mvcc_slow_watcher_total", "mvcc.slow_watchers", "gauge"),
        ("etcd_debugging_store_watchers", "store.watchers", "gauge"),
        ("etcd_server_leader_changes_seen_total", "server.leader_changes", "counter"),
        ("etcd_server_proposals_failed_total", "server.proposals.failed", "counter"),
        ("etcd_server_proposals_committed_total", "server.proposals.committed", "gauge"),
        ("etcd_server_proposals_applied_total", "server.proposals.applied", "gauge"),
        ("etcd_server_proposals_pending", "server.proposals.pending", "gauge"),
        ("etcd_server_has_leader", "server.has_leader", "gauge"),
        ("etcd_server_is_leader", "server.is_leader", "gauge"),
    ],
)
def test_names_that_users_were_promised(exposed: str, name: str, kind: str) -> None:
    """The names of the design's table, which dashboards and monitors rely on."""
    family = next(family for family in FAMILIES if family.exposed == exposed)
    assert (family.name, family.kind) == (name, kind)


def known_to_kubernetes() -> dict[str, dict[str, str]]:
    """The rows of the API server's families about storage, of all versions; a name with a star is none."""
    with (FIXTURES / "kube_apiserver_families.csv").open() as table:
        return {row["family"]: row for row in csv.DictReader(table) if "*" not in row["family"]}


def labels_ever(history: str) -> set[str]:
    """All labels that a family had, from `1.14: - [operation, type] ; 1.34: ALPHA [operation, group, resource]`."""
    return {label for labels in re.findall(r"\[(.*?)\]", history) for label in labels.split(", ") if label}


def test_every_family_about_storage_is_decided() -> None:
    """The field's table and the API server's catalogue agree on names and kinds, each family decided exactly once."""
    catalogue = catalog.load("apiserver")
    collected = {family.exposed: family.kind for family in catalogue.families}
    # `desc` is a gauge that is made anew for each page.
    field = {name: row["type"].replace("desc", "gauge") for name, row in known_to_kubernetes().items()}
    assert {name: kind for name, kind in field.items() if name not in catalogue.left_out} == collected
    assert catalogue.left_out.keys() <= field.keys()


@pytest.mark.parametrize("family", catalog.load("apiserver").families, ids=lambda family: family.exposed)
def test_every_label_of_every_version_has_its_tag(family: catalog.Family) -> None:
    """What the field's table has as a label becomes a tag, always or with detail; nothing else is named."""
    history = known_to_kubernetes()[family.exposed]["label_and_stability_history"]
    assert {label for label, _ in family.labels + family.detail} == labels_ever(history)


@pytest.mark.parametrize("source", KUBERNETES)
def test_families_of_one_name_are_the_same_metric(source: str) -> None:
    """Versions name a thing differently: kind, unit and way of combining stay, or its meaning would change."""
    alike: dict[str, set[object]] = {}
    for family in catalog.load(source).families:
        alike.setdefault(family.name, set()).add((family.kind, family.unit, family.combine, family.unknown))
    assert {name for name, variants in alike.items() if len(variants) > 1} == set()
    assert {name.split(".")[0] for name in alike} == {source}


def test_the_newest_of_one_name_comes_first() -> None:
    """Of several families on a page the first in the file counts; that is the one that came last."""
    first_seen = {
        name: tuple(map(int, row["first_seen"].removeprefix("<=").split(".")))
        for name, row in known_to_kubernetes().items()
    }
    orders: dict[str, list[tuple[int, ...]]] = {}
    for family in catalog.load("apiserver").families:
        orders.setdefault(family.name, []).append(first_seen[family.exposed])
    assert all(order == sorted(order, reverse=True) for order in orders.values())
    assert len(orders["apiserver.objects"]) == len(orders["apiserver.storage.size"]) == 3


@pytest.mark.parametrize("source", KUBERNETES)
def test_parsed_names_of_summed_families_are_unique(source: str) -> None:
    """Here, too, none may hide another."""
    parsed = [family.parsed for family in catalog.load(source).families]
    assert sorted(parsed) == sorted(set(parsed))


def test_no_summed_tag_is_one_of_our_own() -> None:
    """A label must not become a second `endpoint`, nor one of the tags that say whose series it is."""
    tags = {tag for family in SUMMED for _, tag in family.labels + family.detail}
    assert tags & {"endpoint", "etcd_cluster", "etcd_member", "apiserver", "controller_manager", "host"} == set()


@pytest.mark.parametrize("recording", ["apiserver-fresh", "apiserver-big", "kcm-fresh"])
def test_kinds_are_those_of_a_kubernetes_page(recording: str) -> None:
    """A summed family that is a gauge on the page is one here; and each server's mark is on its page."""
    types = declared(f"kube-1.20.2/{recording}")
    catalogue = catalog.load("controller_manager" if recording.startswith("kcm") else "apiserver")
    on_page = [family for family in catalogue.families if family.exposed in types]
    assert {family.exposed: family.kind for family in on_page} == {
        family.exposed: types[family.exposed] for family in on_page
    }
    assert [family.exposed for family in on_page if re.match(catalogue.mark, family.exposed)] != []
