"""Programs of a Kubernetes control plane on a cluster of the lab, each on a free loopback port."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import requests

from lab.cluster import Cluster
from lab.process import LabError, Process, free_ports
from lab.recipes import EXTENSIONS_RECIPE, KUBERNETES_RECIPE

START_SECONDS = 60.0

TOKENS: Mapping[str, str] = MappingProxyType(
    {
        "admin": "admin-token",
        "monitor": "monitor-token",
        "stranger": "stranger-token",
    }
)
"""The tokens of users: who may do all, who may read what is there for monitoring, and who may do nothing."""

GROUPS = {"admin": "system:masters", "monitor": "system:monitoring", "stranger": "lab:strangers"}

ADMISSION = (
    "NamespaceLifecycle",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
)
"""What would wait for an API server with namespaces and webhooks."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running program with an HTTPS listener."""

    url: str
    ca: Path
    tokens: Mapping[str, str]
    """For each user, the token that it shows; empty where everybody may read everything."""
    process: Process

    def session(self, user: str | None = None) -> requests.Session:
        """An HTTP session of a user, or of somebody who shows no token."""
        session = requests.Session()
        session.verify = str(self.ca)
        session.trust_env = False
        if user is not None:
            session.headers["Authorization"] = f"Bearer {self.tokens[user]}"
        return session

    def get(self, path: str, user: str | None = None, timeout: float = 30.0) -> requests.Response:
        """The answer to one question."""
        with self.session(user) as session:
            return session.get(f"{self.url}{path}", timeout=timeout)


@contextmanager
def api_server(cluster: Cluster, *, flags: Sequence[str] = ()) -> Iterator[Server]:
    """Run kube-apiserver on a cluster until the block ends; it is ready when the block begins."""
    tokens = cluster.folder / "tokens.csv"
    tokens.write_text("".join(f'{TOKENS[user]},{user},{user},"{group}"\n' for user, group in GROUPS.items()))
    accounts = cluster.pki.issue("service-accounts").key
    own = {
        **_etcd_flags(cluster),
        "client-ca-file": cluster.pki.ca,
        "token-auth-file": tokens,
        "authorization-mode": "RBAC",
        "advertise-address": "127.0.0.1",
        # The address of the API server itself is no endpoint that pods could use: it is on loopback.
        "endpoint-reconciler-type": "none",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": accounts,
        "service-account-signing-key-file": accounts,
        "service-cluster-ip-range": "10.96.0.0/16",
        "disable-admission-plugins": "ServiceAccount",
    }
    binary = KUBERNETES_RECIPE.program("kube-apiserver")
    with _serving(cluster, binary, own, flags) as server:
        _wait_until(server, lambda: server.get("/readyz").ok)
        yield server


@contextmanager
def controller_manager(cluster: Cluster, api: Server, *, flags: Sequence[str] = ()) -> Iterator[Server]:
    """Run kube-controller-manager; who may read its pages, it asks the API server."""
    access = cluster.folder / "controller-manager.kubeconfig"
    access.write_text(json.dumps(kubeconfig(api.url, api.ca, api.tokens["admin"])))
    own = {
        "kubeconfig": access,
        "authentication-kubeconfig": access,
        "authorization-kubeconfig": access,
        "port": 0,
        "leader-elect": "false",
    }
    binary = KUBERNETES_RECIPE.program("kube-controller-manager")
    with _serving(cluster, binary, own, flags) as server:
        _wait_until(server, lambda: server.get("/healthz").ok)
        yield server


@contextmanager
def extensions_server(cluster: Cluster, *, flags: Sequence[str] = ()) -> Iterator[Server]:
    """Run the API server of custom resources alone: it knows no users, everybody may read its pages.

    As a whole it never becomes ready, for want of an API server whose namespaces it could watch.
    """
    open_paths = [path for health in ("livez", "readyz", "healthz") for path in (f"/{health}", f"/{health}/*")]
    nowhere = cluster.folder / "nowhere.kubeconfig"
    nowhere.write_text(json.dumps(kubeconfig(f"https://127.0.0.1:{free_ports(1)[0]}", cluster.pki.ca, "nobody")))
    own = {
        **_etcd_flags(cluster),
        # It insists on knowing an API server, and never asks it for what is allowed to everybody.
        **dict.fromkeys(("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"), nowhere),
        "authentication-skip-lookup": "true",
        "authorization-always-allow-paths": ",".join([*open_paths, "/metrics"]),
        "enable-priority-and-fairness": "false",
        "disable-admission-plugins": ",".join(ADMISSION),
    }
    binary = EXTENSIONS_RECIPE.program("apiextensions-apiserver")
    with _serving(cluster, binary, own, flags, tokens={}) as server:
        _wait_until(server, lambda: server.get("/readyz?exclude=informer-sync").ok)
        yield server


def kubeconfig(url: str, ca: Path, token: str) -> dict[str, object]:
    """How a program of Kubernetes finds an API server, and says who it is."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }


def _etcd_flags(cluster: Cluster) -> dict[str, object]:
    return {
        "etcd-servers": ",".join(member.urls.grpc for member in cluster.members),
        "etcd-cafile": cluster.pki.ca,
        "etcd-certfile": cluster.client.cert,
        "etcd-keyfile": cluster.client.key,
    }


@contextmanager
def _serving(
    cluster: Cluster,
    binary: str,
    own: Mapping[str, object],
    flags: Sequence[str],
    tokens: Mapping[str, str] = TOKENS,
) -> Iterator[Server]:
    name = Path(binary).name
    (port,) = free_ports(1)
    pair = cluster.pki.issue(name)
    listener = {
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": pair.cert,
        "tls-private-key-file": pair.key,
    }
    options = [f"--{flag}={value}" for flag, value in {**listener, **own}.items()]
    process = Process([binary, *options, *flags], cluster.folder / f"{name}.log")
    try:
        yield Server(f"https://127.0.0.1:{port}", cluster.pki.ca, tokens, process)
    finally:
        process.kill()


def _wait_until(server: Server, ready: Callable[[], bool]) -> None:
    """Ask until it is ready, as long as its process lives and our patience lasts."""
    give_up = time.monotonic() + START_SECONDS
    while not _answers(ready):
        process = server.process
        if not process.running or time.monotonic() > give_up:
            state = f"is not ready after {START_SECONDS:g} s" if process.running else "ended while it started"
            raise LabError(f"{process.log.stem} {state}; its log:\n{process.log_extract()}")
        time.sleep(0.1)


def _answers(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except requests.RequestException:
        return False
