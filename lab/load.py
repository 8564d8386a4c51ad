"""Clients of a cluster: a steady, gentle load of writes, reads and watches on every member."""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import requests

from lab.cluster import Cluster, Member

PAUSE_SECONDS = 0.02
KEYS = 500
VALUE = base64.b64encode(b"x" * 512).decode()


@contextmanager
def running(cluster: Cluster, members: Sequence[Member] = ()) -> Iterator[None]:
    """Load these members until the block ends, or all: about 30 writes and 30 reads a second each, one watch.

    When it has ended, no write or read is on its way any more; a watch goes when there is news for it.
    """
    stop = threading.Event()
    writers, watchers = (
        [
            threading.Thread(target=work, args=(cluster, one, stop), daemon=True, name=f"{work.__name__} {one.name}")
            for one in members or cluster.members
        ]
        for work in (_read_and_write, _watch)
    )
    for thread in (*writers, *watchers):
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in writers:
            thread.join()


def _read_and_write(cluster: Cluster, member: Member, stop: threading.Event) -> None:
    with cluster.session() as session:
        for number in itertools.count():
            key = _encoded(f"/load/{member.name}/{number % KEYS}")
            for path, body in (("put", {"key": key, "value": VALUE}), ("range", {"key": key})):
                if stop.wait(PAUSE_SECONDS / 2):
                    return
                _post(session, f"{member.client_url}/v3/kv/{path}", body)


def _post(session: requests.Session, url: str, body: dict[str, str]) -> None:
    # A member that a fault took away: what its clients suffer is what the check has to show.
    with suppress(requests.RequestException):
        session.post(url, json=body, timeout=5)


def _watch(cluster: Cluster, member: Member, stop: threading.Event) -> None:
    """Hold one watch on all keys of the load, open it again when it breaks."""
    everything = {"create_request": {"key": _encoded("/load/"), "range_end": _encoded("/load0")}}
    with cluster.session() as session:
        while not stop.wait(1.0):
            try:
                with session.post(f"{member.client_url}/v3/watch", json=everything, stream=True, timeout=5) as events:
                    for _ in events.iter_content(65536):
                        if stop.is_set():
                            return
            except OSError:  # of requests, or for want of certificates, which go with the cluster
                continue


def _encoded(key: str) -> str:
    """A key as the gateway wants it: base64."""
    return base64.b64encode(key.encode()).decode()
