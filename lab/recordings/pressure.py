"""What clients do to a cluster, each until its block ends: they fill it, crowd it, watch it, and do not listen."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import requests

from lab import faults, load
from lab.cluster import Cluster, Member, etcdctl, port_of
from lab.faults import FILLER_KEYS
from lab.links import HOST
from lab.process import Process
from lab.recordings.stage import Stage

FILLER = "x" * 200_000
LOOK_SECONDS = 0.1
BIG_KEYS = "/big/"
BIG = "x" * 20_000
QUIET_KEYS = "/quiet/"
"""Nobody writes here."""
TRIAL_SECONDS = 56.0
"""etcdctl's trial takes a minute; the next begins before it ends, so that there is always a crowd."""
SMALL_BUFFER = 4096
"""Bytes that the kernel takes for a client who does not read; the rest has to wait in the member."""

Course = Callable[[float], float]
"""What is wanted after so many seconds."""


def rising(first: float, last: float, seconds: float) -> Course:
    """From one value to another in so many seconds, and no further."""
    return lambda passed: first + (last - first) * min(1.0, passed / seconds)


@contextmanager
def elections(lab: Cluster, pause: float) -> Iterator[None]:
    """Let the leader hand its office on, again and again, with such a pause in seconds."""
    with meanwhile(partial(_hand_on, lab, pause)):
        yield


def _hand_on(lab: Cluster, pause: float, stop: threading.Event) -> None:
    with lab.session() as session:
        members = {_status(session, member)["header"]["member_id"]: member for member in lab.members}
        while not stop.wait(pause):
            with suppress(requests.RequestException, KeyError):  # between two leaders there is none
                leads = _status(session, lab.members[0])["leader"]
                heir = next(number for number in members if number != leads)
                _ask(session, members[leads], "maintenance/transfer-leadership", {"targetID": heir})


@contextmanager
def growing(lab: Cluster, quota: int, share: Course) -> Iterator[None]:
    """Let the database grow to this share of its quota (bytes), until etcd refuses; make room again at the end."""
    try:
        with meanwhile(partial(_grow, lab, quota, share)):
            yield
    finally:
        faults.empty(lab)
        faults.defragment(lab)


def _grow(lab: Cluster, quota: int, share: Course, stop: threading.Event) -> None:
    began, member = time.monotonic(), lab.members[0]
    with lab.session() as session, suppress(requests.HTTPError):  # etcd refuses at the end
        for number in itertools.count():
            while int(_status(session, member)["dbSize"]) >= quota * share(time.monotonic() - began):
                if stop.wait(LOOK_SECONDS):
                    return
            _put(session, member, f"{FILLER_KEYS}{number}", FILLER)


@contextmanager
def fragmented(lab: Cluster, quota: int, share: float) -> Iterator[None]:
    """Fill this share of the quota (bytes) and delete it all, which leaves the file as large; defragment at the end."""
    everything = threading.Event()
    everything.set()
    _grow(lab, quota, rising(share, share, 1), everything)
    faults.empty(lab)
    try:
        yield
    finally:
        faults.defragment(lab)


@contextmanager
def connected(member: Member, count: Course) -> Iterator[None]:
    """Hold so many idle connections to a member."""
    with ExitStack() as stack, meanwhile(partial(_connect, member, count, stack)):
        yield


def _connect(member: Member, count: Course, stack: ExitStack, stop: threading.Event) -> None:
    began, held = time.monotonic(), 0
    while not stop.wait(LOOK_SECONDS):
        for _ in range(held, round(count(time.monotonic() - began))):
            stack.enter_context(socket.create_connection((HOST, port_of(member.client_url)), timeout=5))
            held += 1


@contextmanager
def crowd(lab: Cluster, member: Member, load: str) -> Iterator[None]:
    """Let etcdctl's own trial write through a member, again and again: `m` is 200 clients, `l` is 500."""
    with meanwhile(partial(_crowd, lab, member, load)):
        yield


def _crowd(lab: Cluster, member: Member, load: str, stop: threading.Event) -> None:
    access = {"endpoints": member.urls.grpc, "cacert": lab.pki.ca, "cert": lab.client.cert, "key": lab.client.key}
    options = [f"--{option}={value}" for option, value in access.items()]
    with ExitStack() as stack:
        for number in itertools.count():
            trial = ["check", "perf", f"--load={load}", f"--prefix=/crowd/{number}/"]
            process = Process([etcdctl(lab.template.binary), *options, *trial], lab.folder / "crowd.log")
            stack.callback(process.kill)
            if stop.wait(TRIAL_SECONDS):
                return


@contextmanager
def deaf_watchers(lab: Cluster, member: Member, count: int, pause: float) -> Iterator[None]:
    """Hold watches whose clients do not read, while large values are written with such a pause in seconds."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(_asked(lab, member, "watch", _watch(BIG_KEYS), deaf=True))
        stack.enter_context(meanwhile(partial(_write_big, lab, pause)))
        yield


def _write_big(lab: Cluster, pause: float, stop: threading.Event) -> None:
    with lab.session() as session:
        for number in itertools.count():
            if stop.wait(pause):
                return
            with suppress(requests.RequestException):
                _put(session, lab.members[0], f"{BIG_KEYS}{number % 10}", BIG)


@contextmanager
def watchers(lab: Cluster, member: Member, count: int) -> Iterator[None]:
    """Hold so many watches on one member, of keys that nobody writes.

    Each has a connection: once the gateway answers, it reads no more of a question.
    """
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(_asked(lab, member, "watch", _watch(QUIET_KEYS)))
        yield


@contextmanager
def hoarders(lab: Cluster, member: Member, count: int, values: int) -> Iterator[None]:
    """Let so many clients ask a member for `values` times 200 kB, and not take what they asked for."""
    with lab.session() as session:
        for number in range(values):
            _put(session, member, f"{FILLER_KEYS}{number}", FILLER)
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(_asked(lab, member, "kv/range", _prefix(FILLER_KEYS), deaf=True))
        yield


@contextmanager
def moved(stage: Stage, member: Member) -> Iterator[None]:
    """Let the clients of a member go to the others."""
    others = [other for other in stage.lab.members if other is not member]
    stage.clients.close()
    try:
        with load.running(stage.lab, others):
            yield
    finally:
        stage.work()


@contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Do this beside the block; it is told when to stop."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,), daemon=True, name="pressure")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _asked(lab: Cluster, member: Member, path: str, question: dict[str, Any], *, deaf: bool = False) -> Iterator[None]:
    """Hold a question to a member's gateway open without ever reading an answer."""
    body = json.dumps(question).encode()
    head = f"POST /v3/{path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
    context = ssl.create_default_context(cafile=str(lab.pki.ca))
    context.load_cert_chain(lab.client.cert, lab.client.key)
    with socket.socket() as plain:
        if deaf:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        plain.settimeout(10)
        plain.connect((HOST, port_of(member.client_url)))
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            connection.sendall(head.encode() + body)
            yield


def _watch(keys: str) -> dict[str, Any]:
    return {"create_request": _prefix(keys)}


def _prefix(keys: str) -> dict[str, str]:
    """All keys that begin so, which end before the same with the next character."""
    return {"key": _encoded(keys), "range_end": _encoded(f"{keys[:-1]}{chr(ord(keys[-1]) + 1)}")}


def _put(session: requests.Session, member: Member, key: str, value: str) -> None:
    _ask(session, member, "kv/put", {"key": _encoded(key), "value": _encoded(value)})


def _status(session: requests.Session, member: Member) -> dict[str, Any]:
    return _ask(session, member, "maintenance/status", {})


def _ask(session: requests.Session, member: Member, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = session.post(f"{member.client_url}/v3/{path}", json=body, timeout=10)
    answer.raise_for_status()
    said: dict[str, Any] = answer.json()
    return said


def _encoded(text: str) -> str:
    """As the gateway wants keys and values: base64."""
    return base64.b64encode(text.encode()).decode()
