"""A stand-in for etcd's gRPC gateway and its health pages: scripted replies, and a record of what was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.pki import KeyPair

Reply = tuple[int, str] | tuple[int, str, Mapping[str, str]]
"""Status, body, and headers if any."""

Script = Mapping[str, Reply | Sequence[Reply]]
"""By path what is answered: always the same, or one after the other and again the last."""

NO_SUCH_PAGE = (404, "404 page not found\n")
"""What etcd answers without a gateway, or on a listener for metrics alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    path: str
    fields: Any
    """The JSON of a POST."""
    token: str | None
    """The header Authorization."""


@dataclass(slots=True)
class Fake:
    """The server as a test sees it."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """What was asked, in this order."""
        return [one.path for one in self.asked]

    def asked_for(self, path: str) -> list[Asked]:
        """The requests for one path."""
        return [one for one in self.asked if one.path == path]


@contextmanager
def scripted(script: Script, pair: KeyPair | None = None) -> Iterator[Fake]:
    """Answer by the script until the block ends, over TLS where there is a certificate to show."""
    left = {path: list(replies) if isinstance(replies, list) else [replies] for path, replies in script.items()}
    lock = threading.Lock()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, fields: Any) -> None:
            with lock:
                fake.asked.append(Asked(self.path, fields, self.headers["Authorization"]))
                replies = left.get(self.path, [NO_SUCH_PAGE])
                status, body, *headers = replies.pop(0) if len(replies) > 1 else replies[0]
            content = body.encode("utf-8", errors="surrogateescape")
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in (headers[0] if headers else {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # as in tests.servers

        def handle_error(self, *_: object) -> None:
            """Keep quiet about clients that go away after the handshake."""

    server = Server(("127.0.0.1", 0), Answer)
    if pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    fake = Fake(f"{'https' if pair else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
