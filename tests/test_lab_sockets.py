"""The process behind a connection is found, by either way to ask the kernel for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from lab import sockets
from lab.links import HOST
from lab.process import free_ports

NOBODY = 2**22 + 1
"""No process id: beyond the most that Linux gives."""


@pytest.fixture
def dialled() -> Iterator[socket.socket]:
    """The end that dialled, of a connection to a server of this process."""
    with (
        socket.create_server((HOST, 0)) as server,
        socket.create_connection(server.getsockname()) as near,
        server.accept()[0],
    ):
        yield near


def ports(near: socket.socket) -> tuple[int, int]:
    """What was dialled, and from where."""
    return near.getpeername()[1], near.getsockname()[1]


def test_dialler(dialled: socket.socket) -> None:
    """It is this process that dialled; nobody else has, nor from another port."""
    port, near = ports(dialled)
    assert sockets.dialler(HOST, port, near, [NOBODY, os.getpid()]) == os.getpid()
    assert sockets.dialler(HOST, port, near, [NOBODY]) is None
    assert sockets.dialler(HOST, port, near, []) is None
    assert sockets.dialler(HOST, port, free_ports(1)[0], [os.getpid()]) is None


def test_without_an_answer(dialled: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that does not answer for one connection has a list of all."""
    monkeypatch.setattr(sockets, "_asked", lambda *_: None)
    port, near = ports(dialled)
    assert sockets.dialler(HOST, port, near, [os.getpid()]) == os.getpid()


def test_both_ways(dialled: socket.socket) -> None:
    """Asked for one connection the kernel says what its list says; some kernels are not asked."""
    port, near = ports(dialled)
    inode = os.fstat(dialled.fileno()).st_ino
    assert sockets._listed(near, port) == inode
    assert sockets._asked(HOST, near, port) in {inode, None}
