"""Servers on loopback that answer as a test wants them to, also badly."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Handler = Callable[[BaseHTTPRequestHandler], None]
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class Server(ThreadingHTTPServer):
    """Keeps quiet about clients that have left: it would be heard in another test."""

    daemon_threads = True
    request_queue_size = 128
    """With the usual 5 the kernel lets who comes next wait for a second, while this process is busy."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(handler: Handler) -> Iterator[str]:
    """Answer every GET with `handler` until the block ends; gives the server's URL."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            handler(self)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = Server(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def page(body: bytes, status: int = 200, content_type: str = PLAIN, **headers: str) -> Handler:
    """Answer with this body."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def pages(*bodies: bytes) -> Handler:
    """Answer with one body after the other, and again with the last."""
    left = list(bodies)

    def answer(request: BaseHTTPRequestHandler) -> None:
        page(left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


def silence(seconds: float = 30) -> Handler:
    """Take the request and do not answer."""
    return lambda _: time.sleep(seconds)


def drip(body: bytes, pause: float) -> Handler:
    """Send the body in chunks of one byte, so slowly that no single read times out."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", PLAIN)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for byte in body:
            request.wfile.write(b"1\r\n" + bytes([byte]) + b"\r\n")
            time.sleep(pause)

    return answer


def unframed(body: bytes) -> Handler:
    """Answer as HTTP/1.0 does: the body ends where the connection ends."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    return answer


def broken_off(body: bytes) -> Handler:
    """Announce a body and close the connection in the middle of it."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(2 * len(body)))
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    return answer
