"""Which option value holds where, and what a target is called."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from etcd_latency import catalog
from etcd_latency.config import ACCEPT_OPENMETRICS, ACCEPT_TEXT, Config, configure
from etcd_latency.config_models import InstanceConfig, SharedConfig
from etcd_latency.model import PageRequest
from etcd_latency.sites import http_options, inherit

MEMBER = "https://10.0.0.1:2379"
APISERVER = {"endpoints": ["https://10.0.0.1:6443"]}
CONTROLLER_MANAGER = {"endpoints": ["https://127.0.0.1:10257"]}

ASKED_BY_BASE = {
    "process_start_time_seconds",
    "process_start_time_seconds_total",
    "target_info",
    "target_info_total",
}


def decided(*members: Any, init_config: dict[str, Any] | None = None, **options: Any) -> Config:
    instance = InstanceConfig.model_validate({"cluster": "prod", "members": list(members), **options}, context={})
    return configure(SharedConfig.model_validate(init_config or {}, context={}), instance)


def http(config: Config) -> dict[str, Any]:
    """The HTTP options of the only member."""
    (target,) = config.members
    return dict(config.site(target).http)


@pytest.mark.parametrize(
    ("member", "page_url"),
    [
        ("https://10.0.0.1:2379", "https://10.0.0.1:2379/metrics"),
        ("https://10.0.0.1:2379/", "https://10.0.0.1:2379/metrics"),
        ({"url": "https://10.0.0.1:2379", "metrics_url": "http://10.0.0.1:2381"}, "http://10.0.0.1:2381/metrics"),
        ({"url": "https://10.0.0.1:2379", "metrics_url": "http://10.0.0.1:2381/m"}, "http://10.0.0.1:2381/m"),
        ("https://[fd00::1]:2379", "https://[fd00::1]:2379/metrics"),
    ],
)
def test_where_a_page_is(member: Any, page_url: str) -> None:
    """The page is below the client URL, unless `metrics_url` says otherwise; a URL without a path gets /metrics."""
    assert [target.page_url for target in decided(member).members] == [page_url]


def test_tags_of_a_target() -> None:
    """A target's tags: the user's, the cluster, its name, its client URL; the name is host:port when none is given."""
    config = decided(
        {"url": "https://10.0.0.1:2379", "name": "etcd-1", "metrics_url": "http://10.0.0.1:2381"},
        "https://10.0.0.2:2379/",
        tags=["team:storage"],
    )
    assert [target.tags for target in config.members] == [
        ("team:storage", "etcd_cluster:prod", "etcd_member:etcd-1", "endpoint:https://10.0.0.1:2379"),
        ("team:storage", "etcd_cluster:prod", "etcd_member:10.0.0.2:2379", "endpoint:https://10.0.0.2:2379"),
    ]


def test_the_nearest_level_wins() -> None:
    """A member's option beats the instance's, which beats init_config's."""
    config = decided(
        {"url": "https://10.0.0.1:2379", "tls_ciphers": "HIGH"},
        "https://10.0.0.2:2379",
        init_config={"tls_ciphers": "DEFAULT", "log_requests": True},
        tls_ciphers="ECDHE",
    )
    assert [config.site(target).http["tls_ciphers"] for target in config.members] == ["HIGH", "ECDHE"]
    assert [config.site(target).http["log_requests"] for target in config.members] == [True, True]


def test_what_nobody_set_is_left_to_base() -> None:
    """Only the options on which the check relies, or whose default is ours, are passed without being set."""
    assert http(decided("https://10.0.0.1:2379")) == {
        "timeout": 10,
        "persist_connections": True,
        "allow_redirects": False,
        "request_size": 256,
    }


@pytest.mark.parametrize(
    ("outer", "inner", "merged"),
    [
        ({"timeout": 5, "read_timeout": 3}, {"timeout": 30}, {"timeout": 30}),
        ({"timeout": 5}, {"read_timeout": 30}, {"read_timeout": 30}),
        ({"tls_cert": "a.crt", "tls_private_key": "a.key"}, {"tls_cert": "b.pem"}, {"tls_cert": "b.pem"}),
        ({"tls_ca_cert": "ca.crt"}, {"tls_verify": False}, {"tls_verify": False}),
        ({"tls_verify": False}, {"tls_ca_cert": "ca.crt"}, {"tls_ca_cert": "ca.crt"}),
        ({"username": "a", "password": "b"}, {"auth_token": {}}, {"auth_token": {}}),
        ({"proxy": {"http": "p"}}, {"skip_proxy": True}, {"skip_proxy": True}),
        ({"timeout": 5, "tls_ca_cert": "ca"}, {"headers": {}}, {"timeout": 5, "tls_ca_cert": "ca", "headers": {}}),
    ],
)
def test_options_that_belong_together(outer: dict[str, Any], inner: dict[str, Any], merged: dict[str, Any]) -> None:
    """A level that sets one option of a bundle inherits none of that bundle, and everything else."""
    assert inherit(outer, inner) == merged


def test_verification_off_is_off() -> None:
    """`tls_verify: false` holds beside a CA, where base alone would verify; without it the CA stays."""
    assert http_options({"tls_verify": False, "tls_ca_cert": "ca.crt"}).get("tls_ca_cert") is None
    assert http_options({"tls_verify": True, "tls_ca_cert": "ca.crt"})["tls_ca_cert"] == "ca.crt"


def test_booleans_written_as_words_arrive_as_booleans() -> None:
    """Base would read `tls_verify: "t"` as off; what is passed on is what the models made of it."""
    assert http(decided("https://10.0.0.1:2379", tls_verify="t"))["tls_verify"] is True


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, (0.1, 1.0)),
        ({"heartbeat_interval": 200}, (0.2, 1.0)),
        ({"heartbeat_interval": 250, "election_timeout": 2500}, (0.25, 2.5)),
    ],
    ids=["of etcd", "as often as may be", "of a cluster far apart"],
)
def test_the_time_outs_of_etcd_in_seconds(options: dict[str, float], seconds: tuple[float, float]) -> None:
    """They are written in milliseconds, as etcd's flags are; five heartbeats in an election time-out are enough."""
    config = decided(MEMBER, **options)
    assert (config.heartbeat_seconds, config.election_seconds) == seconds


def families(source: str) -> set[str]:
    """All families of a catalogue file, by the names on the page."""
    return {family.exposed for family in catalog.load(source).families}


def asked(**options: Any) -> set[str]:
    """The families that a member is asked for."""
    return set(decided(MEMBER, filter_families=True, **options).pages["member"].families)


def test_the_encoding_of_each_kind() -> None:
    """Members send pages as they are, which costs etcd less CPU; the large pages of Kubernetes come compressed."""
    config = decided(MEMBER, apiserver=APISERVER, controller_manager=CONTROLLER_MANAGER)
    assert {kind: request.encoding for kind, request in config.pages.items()} == {
        "member": "identity",
        "apiserver": "gzip",
        "controller_manager": "gzip",
    }


def test_the_encoding_is_chosen_for_each_kind_by_itself() -> None:
    """What is set for the members says nothing about the blocks, and the other way round."""
    config = decided(
        MEMBER,
        accept_encoding="gzip",
        apiserver=APISERVER | {"accept_encoding": "identity"},
        controller_manager=CONTROLLER_MANAGER,
    )
    assert {kind: request.encoding for kind, request in config.pages.items()} == {
        "member": "gzip",
        "apiserver": "identity",
        "controller_manager": "gzip",
    }


def test_only_what_is_configured_is_asked_for_pages() -> None:
    """A cluster without blocks has members alone."""
    assert decided(MEMBER).pages == {"member": PageRequest(ACCEPT_TEXT, "identity")}


@pytest.mark.parametrize(("latest", "accept"), [(False, ACCEPT_TEXT), (True, ACCEPT_OPENMETRICS)])
def test_the_format_is_the_same_for_every_kind(latest: bool, accept: str) -> None:  # noqa: FBT001 - a column
    """`use_latest_spec` decides what is asked of members and blocks alike."""
    config = decided(MEMBER, use_latest_spec=latest, apiserver=APISERVER, controller_manager=CONTROLLER_MANAGER)
    assert [request.accept for request in config.pages.values()] == [accept] * 3


def test_whole_pages_are_asked_for_unless_told_otherwise() -> None:
    """Without `filter_families` the URL has no query."""
    config = decided(MEMBER, apiserver=APISERVER, controller_manager=CONTROLLER_MANAGER, extra_metrics=["a"])
    assert [(request.families, request.url("x")) for request in config.pages.values()] == [((), "x")] * 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, set()),
        ({"go_metrics": True}, families("go")),
        ({"extra_metrics": ["etcd_x"]}, {"etcd_x", "etcd_x_total"}),
        ({"extra_metrics": ["etcd_x_total"]}, {"etcd_x_total"}),
        (
            {"extra_metrics": [{"etcd_x": "x", "etcd_y": {"type": "gauge"}}, "etcd_z_total"]},
            {
                "etcd_x",
                "etcd_x_total",
                "etcd_y",
                "etcd_y_total",
                "etcd_z_total",
            },
        ),
        (
            {"share_labels": {"etcd_cluster_version": True, "etcd_v": {"labels": ["a"]}}},
            {"etcd_cluster_version", "etcd_cluster_version_total", "etcd_v", "etcd_v_total"},
        ),
        ({"exclude_metrics": ["etcd_server_has_leader"]}, set()),
    ],
    ids=["etcd", "go", "extra", "extra-total", "extra-mappings", "share-labels", "excluded"],
)
def test_the_families_that_members_are_asked_for(options: dict[str, Any], expected: set[str]) -> None:
    """The catalogue's, base's own, and what options name; a name without `_total` may be that of a counter."""
    assert asked(**options) == families("etcd") | ASKED_BY_BASE | expected


def test_families_are_asked_for_by_the_names_on_the_page() -> None:
    """What stands before all names on the page stands before those in the question, too."""
    bare, prefixed = (asked(extra_metrics=["etcd_x"], **more) for more in ({}, {"raw_metric_prefix": "proxy_"}))
    assert prefixed == {f"proxy_{name}" for name in bare}


def test_the_families_that_api_servers_are_asked_for() -> None:
    """`extra_metrics` and `go_metrics` are about members; `share_labels` holds for every page."""
    config = decided(
        MEMBER,
        go_metrics=True,
        extra_metrics=["etcd_x"],
        share_labels={"kubernetes_build_info": True},
        apiserver=APISERVER | {"filter_families": True},
        controller_manager=CONTROLLER_MANAGER,
    )
    assert set(config.pages["apiserver"].families) == (
        families("apiserver") | ASKED_BY_BASE | {"kubernetes_build_info", "kubernetes_build_info_total"}
    )
    assert config.pages["member"].families == config.pages["controller_manager"].families == ()


def test_members_and_api_servers_are_filtered_apart() -> None:
    """`filter_families` of the instance says nothing about the API servers."""
    pages = decided(MEMBER, filter_families=True, apiserver=APISERVER).pages
    assert pages["member"].families
    assert pages["apiserver"].families == ()


def test_families_are_asked_for_once_and_in_order() -> None:
    """The same options give the same URL, whatever the order in which they name things."""
    one, other = (
        decided(MEMBER, filter_families=True, extra_metrics=names).pages["member"].families
        for names in (["etcd_b", "etcd_a", "etcd_server_has_leader"], ["etcd_server_has_leader", "etcd_a", "etcd_b"])
    )
    assert one == other
    assert list(one) == sorted(set(one))


def test_how_the_query_is_written() -> None:
    """Each family is a `name[]` of its own, as client_golang reads it; whatever a name holds is escaped."""
    assert PageRequest("", "", ()).url("http://m/metrics") == "http://m/metrics"
    asked = PageRequest("", "", ("etcd_a", "b:c_total"))
    assert asked.url("http://m/metrics") == "http://m/metrics?name%5B%5D=etcd_a&name%5B%5D=b%3Ac_total"
    assert asked.url("http://m/x?tenant=1") == "http://m/x?tenant=1&name%5B%5D=etcd_a&name%5B%5D=b%3Ac_total"
    odd = ("a&name[]=b", "c d#é", "100%+?")
    assert parse_qsl(PageRequest("", "", odd).url("?a=b")[5:]) == [("name[]", name) for name in odd]
