"""What does the server itself answer on its health pages?

etcd has /health, and from 3.4.29 and 3.5.11 on /livez and /readyz, on the listener of the metrics page;
kube-apiserver has /livez/etcd and /readyz/etcd. 200 is passed, and 500 (Kubernetes) or 503 (etcd) is failed,
with the reason as the body.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from etcd_latency import explain
from etcd_latency.errors import fit_to_show
from etcd_latency.model import HttpHealth, Reply
from etcd_latency.probes.server import Server
from etcd_latency.wire import json_object

ANSWERS = (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)


def health(server: Server) -> HttpHealth:
    """etcd's /health: alarms, leader and a linearizable read, in this order (api/etcdhttp/health.go)."""
    return _ask(server, _beside_the_page(server, "health"))


def livez(server: Server) -> HttpHealth:
    """etcd's /livez: can the member read what it has?"""
    return _ask(server, _beside_the_page(server, "livez"))


def readyz(server: Server) -> HttpHealth:
    """etcd's /readyz: can it serve, with a quorum and with sound data?"""
    return _ask(server, _beside_the_page(server, "readyz"))


def apiserver_livez(server: Server) -> HttpHealth:
    """kube-apiserver's /livez/etcd: does its etcd answer a read within 2 s (--etcd-healthcheck-timeout)?"""
    return _ask(server, f"{server.target.url}/livez/etcd", is_text=True)


def apiserver_readyz(server: Server) -> HttpHealth:
    """kube-apiserver's /readyz/etcd: may requests be sent to it, as far as its etcd goes?"""
    return _ask(server, f"{server.target.url}/readyz/etcd", is_text=True)


def _beside_the_page(server: Server, name: str) -> str:
    """On the listener of the metrics page: where etcd has one for that alone, health is there, too."""
    return urljoin(server.target.page_url, name)


def _ask(server: Server, url: str, *, is_text: bool = False) -> HttpHealth:
    reply = server.http.get(url)
    if reply.status not in ANSWERS:
        raise explain.refuse(reply, urlsplit(url).path)
    if reply.status == HTTPStatus.OK:
        return HttpHealth(reply.status, passed=True, reason="", seconds=reply.seconds)
    reason = _reason(reply, is_text=is_text)
    if reason is None:  # somebody on the way, who knows nothing of etcd's health
        raise explain.refuse(reply, urlsplit(url).path)
    return HttpHealth(reply.status, passed=False, reason=fit_to_show(reason), seconds=reply.seconds)


def _reason(reply: Reply, *, is_text: bool) -> str | None:
    """Kubernetes writes it as the body; etcd as `reason`, from 3.5 on, or as lines that begin with `[-]`."""
    fields = None if is_text else json_object(reply.body)
    if fields is not None:
        return str(fields.get("reason", ""))
    body = reply.body.decode("utf-8", errors="replace").strip()
    failed = "; ".join(line.removeprefix("[-]") for line in body.splitlines() if line.startswith("[-]"))
    return failed or (body if is_text else None)
