"""What befalls clusters: no leader, slow links, no space, members that hang, end, come and go, users.

What is a context manager is undone at its end; the others are for clusters that nobody needs afterwards.
"""

from __future__ import annotations

import base64
import itertools
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import requests

from lab.cluster import Cluster, Member, addresses, launched, port_of, wait_until_healthy
from lab.links import HOST, Link
from lab.process import LabError

PATIENCE_SECONDS = 60.0
FILLER_KEYS = "/filler/"
FILLER = base64.b64encode(b"x" * 20_000).decode()
PASSING = ("unhealthy cluster", "leader transfer took too long", "no leader")
"""What etcd refuses with until all members have been connected for some seconds, or while they are busy; nothing of it
was done then."""
SMALL_QUOTA = "--quota-backend-bytes=16777216"
"""The flag of a cluster that `fill` fills in seconds."""
FEW_DESCRIPTORS = 300
"""What `few_descriptors` leaves a member; a small one has some 30 open."""
DESCRIPTORS_USED = 0.92
"""etcd warns from 80 % on; the rest is for the check and the other members, which may have to dial again."""


class Login(NamedTuple):
    """A user of etcd."""

    name: str
    password: str


ROOT = Login("root", "root-password")
MONITOR = Login("monitor", "monitor-password")


@contextmanager
def no_leader(lab: Cluster) -> Iterator[None]:
    """Cut every link of a proxied cluster; when the block begins, no member has a leader."""
    with _restoring(lab):
        for member in lab.members:
            _link(member).cut()
        wait_until("no member has a leader", lambda: not any(has_leader(lab, member) for member in lab.members))
        yield


@contextmanager
def isolated(lab: Cluster, member: Member) -> Iterator[None]:
    """Cut one member of a proxied cluster off, both ways; when the block begins, it alone has no leader."""
    others = [other for other in lab.members if other is not member]
    with _restoring(lab):
        _link(member).cut()
        for other in others:
            _link(other).cut(member.process.pid)
        wait_until(
            f"{member.name} alone has no leader",
            lambda: not has_leader(lab, member) and all(has_leader(lab, other) for other in others),
        )
        # If it was the leader, the others may still take it for that.
        wait_until_healthy(replace(lab, members=tuple(others)))
        yield


@contextmanager
def slow_links(lab: Cluster, seconds: float, member: Member | None = None) -> Iterator[None]:
    """Delay all that the members of a proxied cluster say to each other, each way; or what one says and hears."""
    with _restoring(lab):
        if member is None:
            for each in lab.members:
                _link(each).delay(seconds)
        else:
            _link(member).delay(seconds)
            for other in lab.members:
                _link(other).delay(seconds, member.process.pid)
        yield


@contextmanager
def hung(lab: Cluster, member: Member) -> Iterator[None]:
    """Stop a member without ending it: its connections stay open, and nothing answers."""
    member.process.pause()
    try:
        yield
    finally:
        member.process.resume()
        wait_until_healthy(lab)


@contextmanager
def killed(lab: Cluster, member: Member) -> Iterator[None]:
    """End a member as a crash would; at the end of the block it starts again with what it had."""
    member.process.kill()
    try:
        yield
    finally:
        member.start(lab.folder)
        wait_until_healthy(lab)


def started(lab: Cluster, member: Member) -> None:
    """Start a member that has ended, and return when it follows a leader; nobody need be healthy."""
    member.start(lab.folder)
    wait_until(f"{member.name} follows the leader", lambda: _follows(lab, member))


@contextmanager
def old_certificate(lab: Cluster, left: timedelta) -> Iterator[None]:
    """Let the members show a certificate that ends so soon; etcd reads it for each new connection. It is renewed."""
    lab.pki.issue("server", expires_in=left)
    try:
        yield
    finally:
        lab.pki.issue("server")


def exchange(lab: Cluster, member: Member, binary: str) -> None:
    """Start a member again, with what it had, as another version of etcd."""
    with killed(lab, member):
        member.command[0] = binary


@contextmanager
def few_descriptors(member: Member) -> Iterator[None]:
    """Let a member open few files and connections more, most of which idle clients then take."""
    pid, wanted, counts = member.process.pid, round(FEW_DESCRIPTORS * DESCRIPTORS_USED), [0]
    with descriptors_limited(member, FEW_DESCRIPTORS), ExitStack() as stack:

        def are_used() -> bool:
            counts.append(_descriptors(pid))
            if counts[-1] == counts[-2]:  # nobody comes or goes any more
                for _ in range(counts[-1], wanted):
                    stack.enter_context(socket.create_connection((HOST, port_of(member.client_url)), timeout=5))
            return counts[-1] >= wanted - 2

        wait_until(f"{member.name} has {DESCRIPTORS_USED:.0%} of its descriptors in use", are_used)
        yield


@contextmanager
def descriptors_limited(member: Member, count: int) -> Iterator[None]:
    """Let a member have no more than so many files and connections open."""
    pid = member.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    _limit_descriptors(pid, (count, before[1]))
    try:
        yield
    finally:
        _limit_descriptors(pid, before)


def _limit_descriptors(pid: int, limits: tuple[int, int]) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@contextmanager
def _restoring(lab: Cluster) -> Iterator[None]:
    try:
        yield
    finally:
        for member in lab.members:
            _link(member).restore()
        wait_until_healthy(lab)


def _link(member: Member) -> Link:
    if member.link is None:
        raise LabError(f"{member.name} has no link that could be cut: start its cluster with proxied=True")
    return member.link


def has_leader(lab: Cluster, member: Member) -> bool:
    """What the member's own page says; a member without a leader answers nothing that needs one."""
    return "\netcd_server_has_leader 1\n" in _page(lab, member)


def leader(lab: Cluster) -> Member:
    """The member whose own page says that it leads, as soon as there is one."""
    found: list[Member] = []

    def leads() -> bool:
        found[:] = [member for member in lab.members if "\netcd_server_is_leader 1\n" in _page(lab, member)]
        return bool(found)

    wait_until("a member leads", leads)
    return found[0]


def _page(lab: Cluster, member: Member) -> str:
    with lab.session() as session:
        return session.get(f"{member.metrics_url}/metrics", timeout=5).text


def _follows(lab: Cluster, starting: Member) -> bool:
    if not starting.process.running:
        raise LabError(f"{starting.name} ended while it started; its log:\n{starting.process.log_extract()}")
    try:
        return has_leader(lab, starting)
    except requests.RequestException:
        return False


def fill(lab: Cluster) -> requests.Response:
    """Write until etcd refuses for want of space, and return its refusal; start the cluster with SMALL_QUOTA."""
    url = f"{lab.members[0].client_url}/v3/kv/put"
    with lab.session() as session:
        for number in range(2_000):
            key = base64.b64encode(f"{FILLER_KEYS}{number}".encode()).decode()
            answer = session.post(url, json={"key": key, "value": FILLER}, timeout=10)
            if not answer.ok:
                return answer
    raise LabError("the cluster takes 40 MB: was it started with SMALL_QUOTA?")


@contextmanager
def no_space(lab: Cluster) -> Iterator[None]:
    """Fill the database until etcd refuses; at the end make room, as an operator would, and take the alarm back."""
    try:
        fill(lab)
        yield
    finally:
        empty(lab)
        defragment(lab)


def empty(lab: Cluster) -> None:
    """Delete what filled the database, and forget that it was there; the file stays as large as it is."""
    lab.etcdctl("del", "--prefix", FILLER_KEYS)
    compact(lab, "--physical")


def compact(lab: Cluster, *options: str) -> None:
    """Forget all values but the newest."""
    (status,) = lab.etcdctl("endpoint", "status", members=lab.members[:1])
    lab.etcdctl("compact", str(status["Status"]["header"]["revision"]), *options)


def defragment(lab: Cluster) -> None:
    """Give back the room that is left in the database files, and take back the alarm that there was none."""
    lab.etcdctl("defrag")
    lab.etcdctl("alarm", "disarm")
    wait_until_healthy(lab)


@contextmanager
def learner(lab: Cluster) -> Iterator[Cluster]:
    """Add a member that learns but has no vote yet; gives the cluster with it as the last of its members."""
    name = _unused_name(lab)
    (urls,) = addresses(1, proxied=lab.members[0].link is not None)
    patiently(lab, "member", "add", name, "--learner", f"--peer-urls={urls.peer}")
    peers = {member.name: member.urls for member in lab.members} | {name: urls}
    added = lab.template.member(name, peers, state="existing")
    grown = replace(lab, members=(*lab.members, added))
    try:
        with launched(added, lab.folder):
            wait_until(f"{name} follows the leader", lambda: _follows(lab, added))
            # It tells its name through the leader, which takes longer than to follow it.
            wait_until(f"{name} is listed with its name", lambda: name in _listed_names(lab))
            wait_until_healthy(grown)  # then every member lists it so
            yield grown
    finally:
        patiently(lab, "member", "remove", member_id(lab, added))
        wait_until_healthy(lab)  # then no member lists it


def _unused_name(lab: Cluster) -> str:
    """Of no member before: what that one kept is of no use to another."""
    names = (f"etcd-{number}" for number in itertools.count(len(lab.members) + 1))
    return next(name for name in names if not (lab.folder / name).exists())


def remove(lab: Cluster, member: Member) -> Cluster:
    """Take a member out of its cluster for good, upon which it ends; gives the cluster that is left."""
    left = replace(lab, members=tuple(other for other in lab.members if other is not member))
    patiently(left, "member", "remove", member_id(left, member))
    wait_until(f"{member.name} has ended", lambda: not member.process.running)
    wait_until_healthy(left)  # it may have been the leader
    return left


def member_id(lab: Cluster, member: Member) -> str:
    """The number by which etcd knows a member, as its tools write it."""
    known = lab.etcdctl("member", "list")["members"]
    return next(f"{entry['ID']:x}" for entry in known if entry["peerURLs"] == [member.urls.peer])


def _listed_names(lab: Cluster) -> set[str]:
    """The names in the member list; who was added and has not started yet has none."""
    return {entry["name"] for entry in lab.etcdctl("member", "list")["members"] if entry.get("name")}


@contextmanager
def users(lab: Cluster) -> Iterator[Cluster]:
    """Turn authentication on: ROOT may do all, MONITOR nothing; gives the cluster with a client without a name.

    With a certificate that has a common name, etcd's gateway takes no request any more.
    """
    for login in (ROOT, MONITOR):
        lab.etcdctl("user", "add", ":".join(login))
    lab.etcdctl("user", "grant-role", ROOT.name, "root")
    lab.etcdctl("auth", "enable")
    nameless = replace(lab, client=lab.pki.issue("nameless", nameless=True))
    try:
        # Each member enforces it once it has applied it.
        for member in lab.members:
            wait_until(f"{member.name} asks for users", partial(_asks_for_users, nameless, member))
        yield nameless
    finally:
        nameless.etcdctl("auth", "disable", f"--user={':'.join(ROOT)}")
        for login in (ROOT, MONITOR):
            lab.etcdctl("user", "delete", login.name)
        wait_until_healthy(lab)  # then no member asks for users any more


def _asks_for_users(lab: Cluster, member: Member) -> bool:
    with lab.session() as session:
        return not session.post(f"{member.client_url}/v3/kv/range", json={"key": FILLER[:4]}, timeout=10).ok


def patiently(lab: Cluster, *arguments: str) -> None:
    """Ask for a change of the members or of the leader, again while etcd refuses it for the moment."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            lab.etcdctl(*arguments)
        except LabError as error:
            if not any(words in str(error) for words in PASSING) or time.monotonic() > give_up:
                raise
            time.sleep(0.5)
        else:
            return


def wait_until(what: str, probe: Callable[[], bool]) -> None:
    """Return when it is so; a member that is too busy to answer says nothing of it."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not _is_so(probe):
        if time.monotonic() > give_up:
            raise LabError(f"not yet after {PATIENCE_SECONDS:g} s: {what}")
        time.sleep(0.1)


def _is_so(probe: Callable[[], bool]) -> bool:
    try:
        return probe()
    except requests.Timeout:
        return False
