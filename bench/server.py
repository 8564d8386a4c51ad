"""Serves pages as etcd does: HTTP/1.1 over mutual TLS, chunked, compressed for who asks for it.

It runs in a process of its own, so that what it takes counts for nobody, and has all bytes ready before the
first request. Every connection is given the pages in turn, beginning with the first: whoever keeps theirs sees
values that evolve, independent of who else is measured on the same pages.
"""

from __future__ import annotations

import gzip
import multiprocessing
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from lab.pki import KeyPair, Pki

CHUNK_BYTES = 4096
"""Go's encoder of metrics writes its buffer of 4 KiB as one chunk."""

WRITE_BYTES = 4096
"""Go's server writes to a connection through a buffer of 4 KiB, so TLS records are no longer."""

GZIP_LEVEL = 6
"""Go's default."""

PAGE = "/metrics"
"""Where the pages of a site are; what is asked below another path is answered by `OTHERS`, or ok."""

TINY = "/tiny/metrics"
OTHERS = {TINY: b"# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n"}
"""A member that costs next to nothing, for checks that need one."""

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Site:
    """What a server serves."""

    pages: Callable[[], Sequence[bytes]]
    """Gives the pages, in the server's process."""
    ports: int = 1
    """At how many addresses."""
    delay: float = 0.0
    """Seconds before it answers a request for a page."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whom one end of a connection trusts and what it shows, as paths that any process can be given."""

    ca: str
    cert: str
    key: str

    @classmethod
    def of(cls, pki: Pki, pair: KeyPair) -> Credentials:
        return cls(str(pki.ca), str(pair.cert), str(pair.key))


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it goes over the wire, plain and compressed."""

    plain: bytes
    compressed: bytes

    @classmethod
    def of(cls, body: bytes) -> Answer:
        return cls(wire(body), wire(gzip.compress(body, GZIP_LEVEL), compressed=True))


def wire(body: bytes, *, compressed: bool = False) -> bytes:
    """A whole HTTP answer with this body in chunks."""
    head = [
        "HTTP/1.1 200 OK",
        *(["Content-Encoding: gzip"] if compressed else []),
        "Content-Type: text/plain; version=0.0.4; charset=utf-8",
        "Date: Fri, 01 Jan 2027 00:00:00 GMT",
        "Transfer-Encoding: chunked",
    ]
    pieces = ["\r\n".join(head).encode(), b"\r\n\r\n"]
    for start in range(0, len(body), CHUNK_BYTES):
        chunk = body[start : start + CHUNK_BYTES]
        pieces += [b"%x\r\n" % len(chunk), chunk, b"\r\n"]
    return b"".join([*pieces, b"0\r\n\r\n"])


@contextmanager
def serving(site: Site, credentials: Credentials) -> Iterator[list[str]]:
    """Serve a site until the block ends; gives its URLs, without paths."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_serve, args=(site, credentials, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(START_SECONDS):
            raise TimeoutError(f"a server was not ready after {START_SECONDS:g} s")
        yield [f"https://127.0.0.1:{port}" for port in ours.recv()]
    finally:
        process.kill()
        process.join()


def _serve(site: Site, credentials: Credentials, ready: Connection) -> None:
    """The server's process: accept connections at all ports, a thread for each."""
    server = Server(site, credentials)
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=64) for _ in range(site.ports)]
    selector = selectors.DefaultSelector()
    for listener in listeners:
        selector.register(listener, selectors.EVENT_READ)
    ready.send([listener.getsockname()[1] for listener in listeners])
    while True:
        for key, _ in selector.select():
            connection, _ = key.fileobj.accept()  # type: ignore[union-attr]
            threading.Thread(target=server.converse, args=(connection,), daemon=True).start()


class Server:
    """Answers the requests of one site."""

    def __init__(self, site: Site, credentials: Credentials) -> None:
        self._delay = site.delay
        self._pages = [Answer.of(body) for body in site.pages()]
        self._others = {path: Answer.of(body) for path, body in OTHERS.items()}
        self._ok = Answer.of(b"ok")
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=credentials.ca)
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._tls.load_cert_chain(credentials.cert, credentials.key)

    def converse(self, plain: socket.socket) -> None:
        """Answer what is asked over one connection until the client closes it."""
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError), self._tls.wrap_socket(plain, server_side=True) as connection:
            asked = 0
            for path, compressed in _requests(connection):
                answer = self._others.get(path, self._ok)
                if path == PAGE:
                    time.sleep(self._delay)
                    answer = self._pages[asked % len(self._pages)]
                    asked += 1
                _send(connection, answer.compressed if compressed else answer.plain)


def _requests(connection: ssl.SSLSocket) -> Iterator[tuple[str, bool]]:
    """The path of each request, and whether its answer may be compressed."""
    received = b""
    while data := connection.recv(65536):
        received += data
        while b"\r\n\r\n" in received:
            head, _, received = received.partition(b"\r\n\r\n")
            first, *headers = head.decode("latin-1").split("\r\n")
            accepted = [header.lower() for header in headers if header.lower().startswith("accept-encoding:")]
            yield first.split(" ")[1], any("gzip" in header for header in accepted)


def _send(connection: ssl.SSLSocket, data: bytes) -> None:
    view = memoryview(data)
    for start in range(0, len(view), WRITE_BYTES):
        connection.sendall(view[start : start + WRITE_BYTES])
