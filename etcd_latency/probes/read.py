"""How long does it take to read a key: with the consent of a quorum, and from the member alone?

The key is `health`, which etcdctl reads, too (etcd: etcdctl/ctlv3/command/ep_command.go); it need not exist.
etcd asks the quorum first, then for the user's rights, and reads last (server/etcdserver/v3_server.go: Range,
doSerialize). So a denied linearizable read has still been one as far as the quorum goes, a serializable none.
"""

from __future__ import annotations

from base64 import b64encode

from etcd_latency.errors import Denied
from etcd_latency.model import Read, Said
from etcd_latency.probes.fields import header
from etcd_latency.probes.server import Server

KEY = b64encode(b"health").decode()


def linearizable(server: Server) -> Read:
    """A read that a quorum confirms."""
    try:
        return _timed(server, serializable=False)
    except Denied as denied:
        return Read(denied.seconds, permitted=False)


def serializable(server: Server) -> Read:
    """A read of what the member itself has."""
    return _timed(server, serializable=True)


def _timed(server: Server, *, serializable: bool) -> Read:
    """The second of two reads where the first had to make its connection: a handshake is no read."""
    question = {"key": KEY, "serializable": serializable}
    try:
        said = server.gateway.call("kv/range", question)
    except Denied as denied:
        if denied.warm:
            raise
    else:
        if said.warm:
            return _read(said)
    return _read(server.gateway.call("kv/range", question))


def _read(said: Said) -> Read:
    header(said.fields)
    return Read(said.seconds, permitted=True)
