"""How long does it take to read a key: with the consent of a quorum, and from the member alone?

The key is `health`, which etcdctl reads, too (etcd: etcdctl/ctlv3/command/ep_command.go); it need not exist.
etcd looks at the user's rights after it has read (server/etcdserver/v3_server.go: Range), so the time counts
also when the answer is no.
"""

from __future__ import annotations

from base64 import b64encode

from etcd_latency.gateway import Denied
from etcd_latency.model import Read
from etcd_latency.probes.fields import header
from etcd_latency.probes.server import Server

KEY = b64encode(b"health").decode()


def linearizable(server: Server) -> Read:
    """A read that a quorum confirms."""
    return _timed(server, serializable=False)


def serializable(server: Server) -> Read:
    """A read of what the member itself has."""
    return _timed(server, serializable=True)


def _timed(server: Server, *, serializable: bool) -> Read:
    """The second of two reads where the first had to make its connection: a handshake is no read."""
    read, warm = _once(server, serializable=serializable)
    return read if warm else _once(server, serializable=serializable)[0]


def _once(server: Server, *, serializable: bool) -> tuple[Read, bool]:
    try:
        said = server.gateway.call("kv/range", {"key": KEY, "serializable": serializable})
    except Denied as denied:
        return Read(denied.seconds, permitted=False), denied.warm
    header(said.fields)
    return Read(said.seconds, permitted=True), said.warm
