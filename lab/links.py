"""Links between members that can be cut or slowed: a proxy in front of the port on which a member hears its peers."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from time import monotonic, sleep  # by name: while a recording is replayed, `time.monotonic` is that of the recording

from lab import sockets

HOST = "127.0.0.1"
CHUNK_BYTES = 65536
MOST_CHUNKS_HELD = 256
"""Of a slowed connection, one way; who says more has to wait, as on any line that is full."""
POLL_SECONDS = 0.05


class Link:
    """Carries what is said to one port, until it is cut or slowed: for all who dial it, or for some processes.

    A cut link breaks what is open and takes nothing new, as a firewall does that rejects. A slowed one loses
    nothing and breaks nothing: it hands over later what it was given, in both directions.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._lock = threading.Lock()
        self._open: set[_Connection] = set()
        self._refused: set[int] = set()
        self._all_refused = False
        self._delays: dict[int, float] = {}
        self._delay_of_all = 0.0
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

    def delay(self, seconds: float, *pids: int) -> None:
        """Hold back what the connections of these processes carry, each way; without any, of all.

        A round trip over the link then takes longer by twice as much.
        """
        with self._lock:
            if not pids:
                self._delay_of_all = seconds
            self._delays.update(dict.fromkeys(pids, seconds))
            for connection in self._open:
                connection.delay = self._delay_for(connection.near)

    def restore(self) -> None:
        """Carry everything again, at once."""
        with self._lock:
            self._refused.clear()
            self._all_refused = False
            self._delays.clear()
            self._delay_of_all = 0.0
            for connection in self._open:
                connection.delay = 0.0

    def close(self) -> None:
        """Cut it for good, and free its port."""
        self._server.shutdown()
        self._server.server_close()
        self.cut()

    def _carry(self, near: socket.socket) -> None:
        if self._refuses(near):
            _reset(near)
            return
        with suppress(ConnectionError), socket.create_connection((HOST, self._target)) as far:
            connection = _Connection(near, far)
            with self._lock:
                if self._refuses(near):
                    return
                connection.delay = self._delay_for(near)
                self._open.add(connection)
            back = threading.Thread(target=connection.copy, args=(far, near), daemon=True)
            back.start()
            connection.copy(near, far)
            back.join()
            with self._lock:
                self._open.remove(connection)

    def _refuses(self, near: socket.socket) -> bool:
        return self._all_refused or self._dialler(near, self._refused) is not None

    def _delay_for(self, near: socket.socket) -> float:
        pid = self._dialler(near, self._delays)
        return self._delay_of_all if pid is None else self._delays[pid]

    def _dialler(self, near: socket.socket, pids: Collection[int]) -> int | None:
        """Which of these processes has the other end of a connection."""
        with suppress(OSError):  # it may have ended by itself
            return sockets.dialler(HOST, self._port, near.getpeername()[1], tuple(pids))  # others may add to them
        return None


def _reset(near: socket.socket) -> None:
    """Let a connection end without a trace once it is closed.

    Who is cut off dials often, and the kernel would keep each for a minute in the table that the next is looked up in.
    """
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128  # with the usual 5, who dials while this process is busy waits for a second
    allow_reuse_address = True


class _Connection:
    """Its two ends: to the one who dialled, and to the one who listens."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near = near
        self.far = far
        self.delay = 0.0
        for end in (near, far):
            # What is said in small pieces goes on at once, as between etcd's members; else the kernel waits for more.
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def copy(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry one way, until the source has no more to say."""
        with suppress(OSError):
            self._copy(source, sink)
        self.shut()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        """Hand over every chunk when its time has come, an empty one is the end.

        Nothing overtakes: what came while the link was slower is still handed over first.
        """
        held: deque[tuple[float, bytes]] = deque()
        arriving = select.poll()
        arriving.register(source, select.POLLIN)
        ended = False
        while True:
            wait = max(0.0, held[0][0] - monotonic()) if held else None
            if ended or len(held) >= MOST_CHUNKS_HELD:
                sleep(wait or 0.0)
            elif arriving.poll(None if wait is None else wait * 1e3):
                data = source.recv(CHUNK_BYTES)
                held.append((monotonic() + self.delay, data))
                ended = not data
            while held and held[0][0] <= monotonic():
                data = held.popleft()[1]
                if not data:
                    return
                sink.sendall(data)

    def shut(self) -> None:
        for end in (self.near, self.far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
