"""What the newest API server that the lab has serves, and while etcd is away."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab.cluster import Cluster, wait_until_healthy
from lab.kubernetes import Server

PATIENCE_SECONDS = 60.0


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["/livez", "/livez/etcd", "/readyz/etcd"])
def test_everybody_may_ask(extensions: Server, path: str) -> None:
    """It runs without an API server that knows users."""
    answer = extensions.get(path)
    assert (answer.status_code, answer.text) == (200, "ok")


def test_the_page_has_the_labels_of_today(extensions: Server) -> None:
    """Requests to etcd by group and resource, where 1.20 had a type; one size for the whole cluster."""
    page = extensions.get("/metrics").text
    start = 'etcd_request_duration_seconds_count{group="apiextensions.k8s.io",operation="list",'
    assert f'{start}resource="customresourcedefinitions"}}' in page
    assert "\napiserver_storage_size_bytes{" in page


def test_it_says_that_etcd_hangs(extensions: Server, lab: Cluster) -> None:
    """It asks etcd in the background and tells what it heard last; when etcd is back, so is it."""
    for member in lab.members:
        member.process.pause()
    try:
        wait_until(lambda: not extensions.get("/livez/etcd").ok)
        answer = extensions.get("/livez/etcd")
    finally:
        for member in lab.members:
            member.process.resume()
        wait_until_healthy(lab)
    assert answer.status_code == 500
    assert answer.text.startswith("internal server error: error getting data from etcd: ")
    wait_until(lambda: extensions.get("/livez/etcd").ok)
