"""Which process is at the other end of a connection of this machine."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST = 1
ANY_STATE = 0xFFFFFFFF
ANY_COOKIE = b"\xff" * 8
HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, process id (linux/netlink.h)."""
QUESTION = struct.Struct("=BBBBI")
"""inet_diag_req_v2 up to the socket: family, protocol, extensions, padding, states (linux/inet_diag.h)."""
PORTS = struct.Struct("!HH")
INODE = struct.Struct("=I")
INODE_AT = HEADER.size + 4 + 48 + 16
"""Behind four bytes of state, the socket, its expiry, its queues and its user: the inode of inet_diag_msg."""


def dialler(address: str, dialled: int, port: int, pids: Collection[int]) -> int | None:
    """Which of these processes has dialled one port of an address of this machine from another of its ports."""
    inode = (_asked(address, port, dialled) or _listed(port, dialled)) if pids else None
    return next((pid for pid in pids if _holds(pid, f"socket:[{inode}]")), None) if inode else None


def _asked(address: str, port: int, remote: int) -> int | None:
    """What the kernel says when it is asked for this one connection."""
    ends = PORTS.pack(port, remote) + 2 * (socket.inet_aton(address) + bytes(12)) + bytes(4) + ANY_COOKIE
    body = QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, ANY_STATE) + ends
    with suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
        kernel.send(HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, REQUEST, 0, 0) + body)
        answer = kernel.recv(8192)
        if HEADER.unpack_from(answer)[1] == SOCK_DIAG_BY_FAMILY:
            found: int = INODE.unpack_from(answer, INODE_AT)[0]
            return found
    return None


def _listed(port: int, remote: int) -> int | None:
    """The same from the list of all connections, which is long where many have just ended: for kernels without it."""
    # Both ports, six fields, the inode.
    line = rf":{port:04X} [0-9A-F]+:{remote:04X} +(?:\S+ +){{6}}(\d+)"
    found = re.search(line, Path("/proc/net/tcp").read_text())
    return int(found[1]) if found else None


def _holds(pid: int, link: str) -> bool:
    with suppress(OSError):  # it may have ended by itself
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()) == link:
                    return True
    return False
