"""Which option value holds where, and what a target is called."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_latency.config import Config, configure
from etcd_latency.config_models import InstanceConfig, SharedConfig
from etcd_latency.sites import http_options, inherit


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
