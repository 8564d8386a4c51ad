"""What the control plane of the lab serves, to whom, and while etcd is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from lab.cluster import Cluster, wait_until_healthy
from lab.kubernetes import Server

PATIENCE_SECONDS = 60.0
ANYTHING = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
ETCD_FAILED = "internal server error: error getting data from etcd: "


@contextmanager
def hung(lab: Cluster) -> Iterator[None]:
    """Every member hangs until the block ends; then all are well again."""
    for member in lab.members:
        member.process.pause()
    try:
        yield
    finally:
        for member in lab.members:
            member.process.resume()
        wait_until_healthy(lab)


def seconds_until(condition: Callable[[], bool]) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() < started + PATIENCE_SECONDS
        time.sleep(0.1)
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("path", "anonymous", "monitor", "stranger"),
    [
        ("/livez", 200, 200, 200),
        ("/readyz", 200, 200, 200),
        ("/livez/etcd", 403, 200, 403),
        ("/readyz/etcd", 403, 200, 403),
        ("/metrics", 403, 200, 403),
    ],
)
def test_the_api_server_tells_the_group_for_monitoring(
    api: Server, path: str, anonymous: int, monitor: int, stranger: int
) -> None:
    """A user in system:monitoring may read all of it, others only how the whole is."""
    told = [api.get(path, user).status_code for user in (None, "monitor", "stranger")]
    assert told == [anonymous, monitor, stranger]


def test_a_bad_token_is_refused_everywhere(api: Server) -> None:
    """Also where somebody without a token is let in."""
    for path in ("/livez", "/livez/etcd", "/metrics"):
        headers = {"Authorization": "Bearer forged"}
        answer = requests.get(f"{api.url}{path}", headers=headers, verify=str(api.ca), timeout=10)
        assert (answer.status_code, answer.json()["message"]) == (401, "Unauthorized")


def test_the_api_server_is_the_one_that_was_built(api: Server) -> None:
    assert api.get("/version").json()["gitVersion"] == "v1.20.2"


def test_the_page_of_the_api_server_measures_etcd(api: Server, lab: Cluster) -> None:
    """Its requests to etcd by operation and type, and the size of each member that it knows."""
    page = api.get("/metrics", "monitor").text
    assert 'etcd_request_duration_seconds_count{operation="list",type="' in page
    assert page.count("\netcd_db_total_size_in_bytes{endpoint=") == len(lab.members)


def test_the_api_server_keeps_custom_resources(api: Server) -> None:
    """They took the API server down as it was packaged, in the Go that builds it here."""
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.lab.example"},
        "spec": {
            "group": "lab.example",
            "scope": "Cluster",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": ANYTHING}],
        },
    }
    thing = {"apiVersion": "lab.example/v1", "kind": "Thing", "metadata": {"name": "one"}, "size": 1}
    definitions = f"{api.url}/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    with api.session("admin") as session:
        assert session.post(definitions, json=definition, timeout=10).status_code == 201
        seconds_until(lambda: session.get(f"{api.url}/apis/lab.example/v1/things", timeout=10).ok)
        seconds_until(lambda: session.post(f"{api.url}/apis/lab.example/v1/things", json=thing, timeout=10).ok)
        assert session.get(f"{api.url}/apis/lab.example/v1/things/one", timeout=10).json()["size"] == 1
        assert session.delete(f"{definitions}/things.lab.example", timeout=10).ok
    assert api.process.running


def test_the_page_of_the_controller_manager_does_not(manager: Server) -> None:
    """It speaks to the API server only, and lets the same users read."""
    assert [manager.get("/metrics", user).status_code for user in (None, "monitor", "stranger")] == [403, 200, 403]
    page = manager.get("/metrics", "monitor").text
    assert "etcd" not in page
    assert "\nworkqueue_depth{" in page
    assert "\nrest_client_requests_total{" in page


@pytest.mark.parametrize("path", ["/livez/etcd", "/readyz/etcd"])
def test_the_api_server_says_that_etcd_hangs(api: Server, lab: Cluster, path: str) -> None:
    """It gives etcd two seconds, then says why; when etcd is back, so is it."""
    with hung(lab):
        started = time.monotonic()
        answer = api.get(path, "monitor")
        assert 1.5 < time.monotonic() - started < 20
        assert (answer.status_code, answer.text) == (500, f"{ETCD_FAILED}context deadline exceeded\n")
    assert seconds_until(lambda: api.get(path, "monitor").ok) < PATIENCE_SECONDS
    assert api.get(path, "monitor").text == "ok"


def test_the_api_server_says_that_etcd_is_down(api: Server, lab: Cluster) -> None:
    """In the words of the end of a connection at first, then as of one that hangs."""
    for member in lab.members:
        member.process.kill()
    try:
        answers = [api.get("/livez/etcd", "monitor") for _ in range(2)]
    finally:
        for member in lab.members:
            member.start(lab.folder)
        wait_until_healthy(lab)
    assert [answer.status_code for answer in answers] == [500, 500]
    assert all(answer.text.startswith(ETCD_FAILED) for answer in answers)
    assert seconds_until(lambda: api.get("/livez/etcd", "monitor").ok) < PATIENCE_SECONDS


def test_pages_are_served_while_etcd_hangs(api: Server, lab: Cluster) -> None:
    """Version 1.20 does not wait for etcd when it writes its page."""
    with hung(lab):
        started = time.monotonic()
        assert api.get("/metrics", "monitor").ok
        assert time.monotonic() - started < 20
    seconds_until(lambda: api.get("/livez/etcd", "monitor").ok)
