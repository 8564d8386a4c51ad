"""What a recording is made on: a cluster, who loads it, and an API server where one is wanted."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import requests

from lab import cluster, faults, kubernetes, load
from lab.cluster import Cluster
from lab.recipes import ETCD

NAMESPACE = "default"
PAUSE_SECONDS = 0.05
OBJECTS = 50
FAST = {"timeout": 2, "alarm_list_interval": 0.5, "member_list_interval": 0.5}
"""Options of the check for runs that follow each other every second."""


@dataclass(slots=True)
class Stage:
    """A cluster of the lab with what is on it."""

    lab: Cluster
    api: kubernetes.Server | None
    clients: ExitStack = field(default_factory=ExitStack)
    """Close it, and the load ends."""

    def instance(self) -> dict[str, Any]:
        """An instance of the check for all of it."""
        if self.api is None:
            return self.lab.instance(**FAST)
        token = {"Authorization": f"Bearer {self.api.tokens['monitor']}"}
        block = {"endpoints": [self.api.url], "tls_ca_cert": str(self.api.ca), "extra_headers": token, "timeout": 4}
        return self.lab.instance(**FAST, apiserver=block)

    def work(self) -> None:
        """Let the usual clients come."""
        self.clients.enter_context(load.running(self.lab))
        if self.api:
            self.clients.enter_context(_objects(self.api))


@contextmanager
def standing(
    *,
    flags: tuple[str, ...] = (),
    proxied: bool = False,
    link_seconds: float = 0.0,
    with_api: bool = False,
    version: str | None = None,
) -> Iterator[Stage]:
    """A healthy cluster under its usual load, with an API server under its own, until the block ends.

    `link_seconds` is how far the members of a proxied cluster are apart, each way. `version` is one of
    `lab.recipes.ETCD`, in place of the lab's own.
    """
    binary = ETCD[version].program("etcd") if version else None
    with ExitStack() as stack:
        lab = stack.enter_context(cluster.running(flags=flags, proxied=proxied, binary=binary))
        if link_seconds:
            stack.enter_context(faults.slow_links(lab, link_seconds))
        api = stack.enter_context(kubernetes.api_server(lab)) if with_api else None
        stage = Stage(lab, api)
        stack.callback(stage.clients.close)
        stage.work()
        yield stage


@contextmanager
def _objects(api: kubernetes.Server) -> Iterator[None]:
    """Somebody creates, reads, lists, changes and deletes objects."""
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(api, stop), daemon=True, name="objects")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def _work(api: kubernetes.Server, stop: threading.Event) -> None:
    everything = f"{api.url}/api/v1/namespaces/{NAMESPACE}/configmaps"
    with api.session("admin") as session:
        for number in itertools.count():
            for method, url, body in _requests(everything, f"lab-{number % OBJECTS}"):
                if stop.wait(PAUSE_SECONDS):
                    return
                # While etcd is in trouble, what the API server's clients suffer is what the check has to show.
                with suppress(requests.RequestException):
                    session.request(method, url, json=body, timeout=10)


def _requests(everything: str, name: str) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    made = {"metadata": {"name": name}, "data": {"text": "x" * 200}}
    yield "POST", everything, made
    yield "GET", f"{everything}/{name}", None
    yield "PUT", f"{everything}/{name}", made
    yield "GET", everything, None
    yield "DELETE", f"{everything}/{name}", None
