"""A link carries what is said, until it is cut or slowed for those whom it is cut or slowed for."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer
from unittest.mock import patch

import pytest

from lab.links import Link
from lab.process import free_ports

DELAY_SECONDS = 0.2


class Echo(StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


class EchoServer(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture
def port() -> int:
    """Where the link listens."""
    return free_ports(1)[0]


@pytest.fixture
def link(port: int) -> Iterator[Link]:
    """A link to a server that says everything again."""
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        link = Link(port, server.server_address[1])
        try:
            yield link
        finally:
            link.close()
            server.shutdown()


def heard(connection: socket.socket, said: bytes = b"hello\n") -> bytes:
    """What comes back; nothing when the connection breaks."""
    try:
        connection.sendall(said)
        return connection.recv(100)
    except ConnectionError:
        return b""


def answer(port: int) -> bytes:
    """What comes back on a new connection, which may break before we know that it stands."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            return heard(connection)
    except (BrokenPipeError, ConnectionResetError):
        return b""


@pytest.mark.usefixtures("link")
def test_a_link_carries_both_ways(port: int) -> None:
    assert answer(port) == b"hello\n"


def test_a_cut_link_breaks_and_refuses(link: Link, port: int) -> None:
    """What was open ends, what is new gets nothing; restored, it carries again."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        assert heard(connection) == b"hello\n"
        link.cut()
        assert connection.recv(100) == b""
    assert answer(port) == b""
    link.restore()
    assert answer(port) == b"hello\n"


def test_a_link_can_be_cut_for_one_process(link: Link, port: int) -> None:
    """Others go on."""
    other = f"import socket; c = socket.create_connection(('127.0.0.1', {port})); c.sendall(b'hi\\n'); print(c.recv(9))"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        assert heard(connection) == b"hello\n"
        link.cut(os.getpid())
        assert connection.recv(100) == b""
    assert answer(port) == b""
    done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "b'hi\\n'\n"


def timed_answer(connection: socket.socket) -> float:
    """How long a round trip takes."""
    started = time.monotonic()
    assert heard(connection) == b"hello\n"
    return time.monotonic() - started


def test_a_slow_link_holds_back_each_way(link: Link, port: int) -> None:
    """What is open goes on, slower; what is new is slow from the start; restored, nothing is held back any more."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as old:
        assert heard(old) == b"hello\n"
        link.delay(DELAY_SECONDS)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as new:
            assert timed_answer(old) >= 2 * DELAY_SECONDS
            assert timed_answer(new) >= 2 * DELAY_SECONDS
            link.restore()
            assert min(timed_answer(new) for _ in range(5)) < DELAY_SECONDS


def test_a_slow_link_keeps_the_order_and_loses_nothing(link: Link, port: int) -> None:
    """A delay is no limit of speed; what comes after it is over does not overtake what was held back."""
    lines = [f"{number}\n".encode() for number in range(200)]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        link.delay(DELAY_SECONDS)
        started = time.monotonic()
        for line in lines[:100]:
            connection.sendall(line)
        time.sleep(DELAY_SECONDS / 4)  # the link has it then, and holds it
        link.restore()
        for line in lines[100:]:
            connection.sendall(line)
        with connection.makefile("rb") as answers:
            assert [next(answers) for _ in lines] == lines
        assert time.monotonic() - started < 50 * DELAY_SECONDS


def test_a_link_can_be_slowed_for_one_process(link: Link, port: int) -> None:
    """Others are not held back."""
    other = (
        f"import socket, time; c = socket.create_connection(('127.0.0.1', {port}))\n"
        "def answer():\n  began = time.monotonic(); c.sendall(b'hi\\n'); c.recv(9); return time.monotonic() - began\n"
        "print(min(answer() for _ in range(5)))"
    )
    link.delay(DELAY_SECONDS, os.getpid())
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        assert timed_answer(connection) >= 2 * DELAY_SECONDS
    done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True, timeout=60)
    assert float(done.stdout) < DELAY_SECONDS


def test_a_link_has_a_clock_of_its_own(link: Link, port: int) -> None:
    """That of a replay, which begins some time ago, holds nothing back."""
    with patch.object(time, "monotonic", itertools.count(0.0, -60.0).__next__):
        assert answer(port) == b"hello\n"
    link.restore()


def test_a_closed_link_frees_its_port(link: Link, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        assert heard(connection) == b"hello\n"
        link.close()
        assert connection.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        answer(port)


def test_a_link_to_nothing_breaks() -> None:
    """As it does when a member is down."""
    port, nobody = free_ports(2)
    link = Link(port, nobody)
    try:
        assert answer(port) == b""
    finally:
        link.close()
