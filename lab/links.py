"""Links between members that can be cut: a proxy in front of the port on which a member hears its peers."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import NamedTuple

HOST = "127.0.0.1"
CHUNK_BYTES = 65536
POLL_SECONDS = 0.05


class Link:
    """Carries what is said to one port, until it is cut: for all who dial it, or for some processes.

    A cut link breaks what is open and takes nothing new, as a firewall does that rejects.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._lock = threading.Lock()
        self._open: set[_Connection] = set()
        self._refused: set[int] = set()
        self._all_refused = False
        link = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                link._carry(self.request)

        self._server = _Server((HOST, port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()

    def cut(self, *pids: int) -> None:
        """Break it for the connections of these processes; without any, for all."""
        with self._lock:
            self._refused.update(pids)
            self._all_refused = self._all_refused or not pids
            for connection in self._open:
                if self._refuses(connection.near):
                    connection.shut()

    def restore(self) -> None:
        """Carry everything again."""
        with self._lock:
            self._refused.clear()
            self._all_refused = False

    def close(self) -> None:
        """Cut it for good, and free its port."""
        self._server.shutdown()
        self._server.server_close()
        self.cut()

    def _carry(self, near: socket.socket) -> None:
        with suppress(ConnectionError), socket.create_connection((HOST, self._target)) as far:
            connection = _Connection(near, far)
            with self._lock:
                if self._refuses(near):
                    return
                self._open.add(connection)
            back = threading.Thread(target=connection.copy, args=(far, near), daemon=True)
            back.start()
            connection.copy(near, far)
            back.join()
            with self._lock:
                self._open.remove(connection)

    def _refuses(self, near: socket.socket) -> bool:
        if self._all_refused or not self._refused:
            return self._all_refused
        with suppress(OSError):  # it may have ended by itself
            socket_id = _dialling_socket(near.getpeername()[1], self._port)
            return any(_holds(pid, socket_id) for pid in self._refused)
        return False


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Connection(NamedTuple):
    """Its two ends: to the one who dialled, and to the one who listens."""

    near: socket.socket
    far: socket.socket

    def copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                sink.sendall(data)
        self.shut()

    def shut(self) -> None:
        for end in self:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _dialling_socket(port: int, dialled: int) -> str | None:
    """What the kernel calls the other end of a connection on this machine."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = [int(address.partition(":")[2], 16) for address in fields[1:3]]
        if ports == [port, dialled]:
            return f"socket:[{fields[9]}]"
    return None


def _holds(pid: int, socket_id: str | None) -> bool:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if str(descriptor.readlink()) == socket_id:
                return True
    return False
