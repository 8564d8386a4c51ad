"""Bodies in chunks: taken apart whatever the borders, decompressed, broken off, and the connection used again."""

from __future__ import annotations

import gzip
import io
import random
import re
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException, IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st

from etcd_latency import body
from etcd_latency.body import Dechunker, chunk_size, pieces
from etcd_latency.errors import BadPage, TimedOut, Unreachable
from lab.pki import Pki
from tests.conftest import Serve, recorded
from tests.servers import PLAIN, Handler, page
from tests.test_fetch import client

LEADER = recorded("etcd-3.5.16/m1-leader-load")
PACKED = gzip.compress(LEADER)
END = b"0\r\n\r\n"
MOST_HELD_BYTES = 6 * 1024 * 1024

# What might be taken for the end of something is in contents more often than chance would have it.
TRICKY = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b"0", b"0\r\n\r\n", b"\r\n0\r\n\r\n", b"5\r\n", b"\r\n\r\n", b";", b"a"]
)
CONTENT = st.lists(TRICKY | st.binary(max_size=40), min_size=1, max_size=6).map(b"".join).filter(bool)
TOKEN = st.text("abcXYZ019-_", min_size=1, max_size=12)
EXTENSION = st.builds(
    lambda blanks, name, value: f"{blanks};{name}={value}".encode(),
    st.sampled_from(["", " ", "\t", "  "]),
    TOKEN,
    TOKEN | st.sampled_from(['"a b"', '"x;y"', '""']),
)
TRAILER = st.builds(
    lambda name, value: f"{name}: {value}\r\n".encode(), TOKEN, TOKEN | st.sampled_from(["0", "a b", ""])
)


@st.composite
def sizes(draw: st.DrawFn, number: int) -> bytes:
    """A number as the line before a chunk: hexadecimal in either case, with zeros before it, with extensions."""
    digits = f"{number:{draw(st.sampled_from('xX'))}}".encode()
    zeros = b"0" * draw(st.integers(0, 4))
    return zeros + digits + b"".join(draw(st.lists(EXTENSION, max_size=2))) + b"\r\n"


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A body as it is meant and as it is sent."""
    contents = draw(st.lists(CONTENT, max_size=8))
    sent = b"".join(draw(sizes(len(content))) + content + b"\r\n" for content in contents)
    return b"".join(contents), sent + draw(sizes(0)) + b"".join(draw(st.lists(TRAILER, max_size=3))) + b"\r\n"


def behind_the_last_chunk(wire: bytes) -> int:
    """Where the line of the chunk without content ends."""
    at, size = 0, 1
    while size:
        end = wire.index(b"\r\n", at)
        size = int(wire[at:end].partition(b";")[0], 16)
        at = end + 2 + (size + 2 if size else 0)
    return at


def cut(data: bytes, borders: Iterable[int]) -> list[bytes]:
    """A text in parts, none of them empty."""
    places = sorted({border % (len(data) + 1) for border in borders} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(places)]


def dechunked(parts: Iterable[bytes], dechunker: Dechunker, *, stale: bytes = b"") -> tuple[bytes, bytes]:
    """The content of parts that come one after the other, and what was left of them unused.

    `stale` is what the buffer holds behind what has come, as a buffer does that is used again.
    """
    content, left = b"", b""
    for part in parts:
        left += part
        found, used = dechunker.feed(bytearray(left + stale), len(left))
        content, left = content + found, left[used:]
    return content, left


def chunked(data: bytes, size: int = 4096, trailers: bytes = b"") -> bytes:
    """A body as etcd sends it: in chunks of this size."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailers + b"\r\n"


class Arriving(io.RawIOBase):
    """A connection from which one part comes at a time; then it ends, or stays silent beyond the time-out."""

    def __init__(self, parts: Iterable[bytes], *, ends: bool) -> None:
        self._parts = list(parts)
        self._ends = ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._parts and not self._ends:
            raise TimeoutError
        if not self._parts:
            return 0
        part = self._parts.pop(0)
        taken = part[: len(buffer)]
        buffer[: len(taken)] = taken
        if taken != part:
            self._parts.insert(0, part[len(taken) :])
        return len(taken)


class Inner(io.BytesIO):
    """What urllib3 reads from, as far as it matters here."""

    chunk_left = None

    def __init__(self, source: Arriving) -> None:
        super().__init__()
        self.fp = io.BufferedReader(source)


def answer(
    parts: Iterable[bytes], encoding: str = "", *, ends: bool = False, with_headers: bool = False
) -> requests.Response:
    """An answer whose chunked body comes in these parts, the first one perhaps together with the headers.

    Then nothing comes any more, but the connection stays, unless it `ends`.
    """
    response = requests.Response()
    headers = {"Transfer-Encoding": "chunked"} | ({"Content-Encoding": encoding} if encoding else {})
    inner = Inner(Arriving(parts, ends=ends))
    if with_headers:
        inner.fp.peek(1)
    response.raw = urllib3.HTTPResponse(inner, headers=headers, preload_content=False)
    return response


def whole(response: requests.Response) -> bytes:
    return b"".join(pieces(response, 64 * 1024, lambda: None))


def sending(*parts: bytes | float, encoding: str = "", close: bool = False) -> Handler:
    """Answer with a chunked body, part by part as they are; a number is a pause in seconds."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", PLAIN)
        request.send_header("Transfer-Encoding", "chunked")
        if encoding:
            request.send_header("Content-Encoding", encoding)
        request.end_headers()
        request.close_connection = close
        with suppress(OSError):  # whoever asked may have left
            for part in parts:
                if isinstance(part, bytes):
                    request.wfile.write(part)
                else:
                    time.sleep(part)

    return respond


def dripping(head: bytes, part: bytes, tail: bytes = b"", *, times: int = 200, encoding: str = "") -> Handler:
    """Answer in small parts, so that no single read times out."""
    return sending(head, *(one for _ in range(times) for one in (part, 0.05)), tail, encoding=encoding)


@contextmanager
def serving_tls(handler: Handler, pki: Pki) -> Iterator[str]:
    """Answer every GET over TLS; gives the server's URL."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            handler(self)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    pair = pki.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def counting(handler: Handler, ports: list[int]) -> Handler:
    """Take down from where each request came; as many ports are as many connections."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        ports.append(request.client_address[1])
        handler(request)

    return respond


# --- What was chunked is taken apart


@given(bodies(), st.lists(st.integers(0)), st.sampled_from([b"", END, b"\r\n", b"\xff" * 9]))
@example((b"", END), [1, 2, 3, 4], END)
@example((b"a", b"1\r\na\r\n" + END), [], END)
def test_chunks_are_taken_apart_whatever_the_borders(
    sent: tuple[bytes, bytes], borders: list[int], stale: bytes
) -> None:
    """Content comes out as it went in, to the last byte, and no sooner than its end has come is it ended."""
    content, wire = sent
    dechunker = Dechunker()
    first = dechunked(cut(wire, borders)[:-1], dechunker, stale=stale)
    assert not dechunker.ended
    last = dechunked([first[1] + cut(wire, borders)[-1]], dechunker, stale=stale)
    assert dechunker.ended
    assert first[0] + last[0] == content
    assert last[1] == b""


@given(bodies())
def test_chunks_are_taken_apart_byte_by_byte(sent: tuple[bytes, bytes]) -> None:
    """Every border there can be, at once; only the last byte ends the body."""
    content, wire = sent
    dechunker = Dechunker()
    found = left = b""
    for at in range(len(wire)):
        assert not dechunker.ended
        more, left = dechunked([left + wire[at : at + 1]], dechunker)
        found += more
    assert dechunker.ended
    assert (found, left) == (content, b"")


@given(bodies(), st.data())
def test_a_part_of_a_body_is_never_a_body(sent: tuple[bytes, bytes], data: st.DataObject) -> None:
    """Cut anywhere before its end, a body has not ended, and no more has come out than had come in."""
    content, wire = sent
    there = wire[: data.draw(st.integers(0, len(wire) - 1))]
    dechunker = Dechunker()
    found, _ = dechunked([there], dechunker)
    assert not dechunker.ended
    assert content.startswith(found)


@given(bodies(), st.binary(min_size=1, max_size=20))
def test_what_follows_a_body_is_not_touched(sent: tuple[bytes, bytes], more: bytes) -> None:
    """The body ends where it says so."""
    content, wire = sent
    assert dechunked([wire + more], Dechunker()) == (content, more)


@given(st.data(), st.integers(0, 2**70))
def test_sizes_as_they_may_be_written(data: st.DataObject, number: int) -> None:
    """Upper and lower case, zeros before, extensions behind."""
    assert chunk_size(data.draw(sizes(number)).removesuffix(b"\r\n")) == number


@pytest.mark.parametrize(
    "line",
    [b"", b" ", b"-5", b"+5", b"1_0", b"zz", b"5g", b";a=b", b"5 5", b"\xb2", "٣".encode(), b"5.0", b"<html>"],
)
def test_what_is_no_size(line: bytes) -> None:
    """Python reads some of these as numbers; RFC 9112 knows digits only."""
    with pytest.raises(HTTPException, match=r"^a chunk does not begin with its size$"):
        chunk_size(line)
    with pytest.raises(HTTPException, match=r"^a chunk does not begin with its size$"):
        dechunked([b"1\r\na\r\n" + line + b"\r\nabcde\r\n" + END], Dechunker())


def test_a_line_without_end_is_no_size() -> None:
    """More than 1 KiB without the end of a line is refused at once; what is not longer may still end."""
    assert dechunked([b"1;" + b"a" * 1022], Dechunker())[0] == b""
    with pytest.raises(HTTPException, match=r"^a chunk does not begin with its size$"):
        dechunked([b"1;" + b"a" * 1023], Dechunker())


# --- What a page is read with


@given(bodies(), st.lists(st.integers(0)))
def test_pieces_are_the_content(sent: tuple[bytes, bytes], borders: list[int]) -> None:
    """However a body arrives, what comes out is its content, and nothing is waited for beyond its end."""
    content, wire = sent
    assert whole(answer(cut(wire, borders))) == content


@given(bodies(), st.lists(st.integers(0)))
@example((b"a", b"1\r\na\r\n" + END), [])
def test_what_came_with_the_headers_is_not_waited_beyond(sent: tuple[bytes, bytes], borders: list[int]) -> None:
    """A short body is read with the headers, to its end; a server that has sent all sends no more."""
    content, wire = sent
    assert whole(answer(cut(wire, borders), with_headers=True)) == content


@given(st.integers(0, 99_000), st.integers(1, 30_000), st.lists(st.integers(0), max_size=30), st.integers(0, 2**32))
@example(20_000, 1, [], 0)
@example(20_000, 1, [30_001, 60_004], 0)
@example(40_000, 17, [70_000], 0)
def test_a_body_larger_than_the_buffer(length: int, size: int, borders: list[int], seed: int) -> None:
    """What is left in the buffer is moved and completed, however chunks lie across it."""
    content = random.Random(seed).randbytes(length)  # noqa: S311 - a seed, so that a failure can be repeated
    # As in earnest, there is always more room than a `BufferedReader` has.
    with mock.patch.multiple(body, BUFFER_BYTES=20_000, FULL_BYTES=20_000 - io.DEFAULT_BUFFER_SIZE - 1):
        assert whole(answer(cut(chunked(content, size), borders))) == content


@given(bodies(), st.data())
def test_a_body_that_breaks_off_is_an_error(sent: tuple[bytes, bytes], data: st.DataObject) -> None:
    """No part of a body passes for the whole, wherever the connection ends; the last chunk makes it whole."""
    content, wire = sent
    there = wire[: data.draw(st.integers(0, len(wire) - 1))]
    broken = answer([there] if there else [], ends=True)
    if len(there) >= behind_the_last_chunk(wire):
        assert whole(broken) == content
    else:
        with pytest.raises(IncompleteRead):
            whole(broken)


@pytest.mark.parametrize("late", range(1, 8))
def test_a_full_buffer_may_lack_the_last_bytes(late: int) -> None:
    """When there is no room for more, what is there is used, even if the end of the body is still to come."""
    content = (LEADER * 2)[: body.FULL_BYTES + 1]
    wire = chunked(content, len(content))
    assert whole(answer([wire[:-late], *(bytes([byte]) for byte in wire[-late:])])) == content


def test_pieces_are_large_whatever_the_chunks() -> None:
    """Of 4 MB in chunks of 4 KiB, of which four come at once, not one piece for each is made."""
    content = LEADER * 24
    wire = chunked(content)
    found = list(pieces(answer(cut(wire, range(0, len(wire), 16 * 1024))), 64 * 1024, lambda: None))
    assert b"".join(found) == content
    assert len(found) < len(content) / (64 * 1024)


def test_all_that_comes_is_watched() -> None:
    """The clock is looked at for every part, also where none of it is content yet, and can end it all."""
    seen: list[int] = []
    parts = [b"2", b"\r", b"\nab", b"\r\n0", b"\r\n", b"\r\n"]
    assert b"".join(pieces(answer(parts), 64 * 1024, lambda: seen.append(1))) == b"ab"
    assert len(seen) == len(parts)
    with pytest.raises(ZeroDivisionError):
        next(pieces(answer(parts), 64 * 1024, lambda: 1 // 0))


# --- What was compressed


@pytest.mark.parametrize("content", [b"", b"a", LEADER, LEADER * 8, bytes(5 << 20)], ids=len)
@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_gzip(content: bytes, encoding: str) -> None:
    """A compressed body comes out as it was."""
    wire = chunked(gzip.compress(content))
    assert whole(answer([wire], encoding)) == content
    assert whole(answer(cut(wire, range(0, len(wire), 1000)), encoding)) == content


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50), st.lists(st.integers(0)))
def test_several_gzip_members(contents: list[bytes], size: int, borders: list[int]) -> None:
    """RFC 1952 allows one after the other, and borders of chunks and members need not meet."""
    wire = chunked(b"".join(map(gzip.compress, contents)), size)
    assert whole(answer(cut(wire, borders), "gzip")) == b"".join(contents)


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 64), st.integers(1, 500))
def test_gzip_with_little_room(content: bytes, most: int, size: int) -> None:
    """What one step has no room for comes with the next, and nothing is lost in between."""
    with mock.patch.object(body, "MOST_INFLATED_BYTES", most):
        response = answer([chunked(gzip.compress(content * 20), size)], "gzip")
        found = list(pieces(response, 64 * 1024, lambda: None))
    assert b"".join(found) == content * 20
    assert max(map(len, found)) <= most


def test_gzip_that_breaks_off() -> None:
    """A compressed page of which HTTP has sent all, and the compressor not, is none, wherever it ends."""
    for length in (1, 5, 10, 11, 1000, len(PACKED) - 9, len(PACKED) - 8, len(PACKED) - 1):
        with pytest.raises(urllib3.exceptions.DecodeError, match=r"^what was compressed breaks off$"):
            whole(answer([chunked(PACKED[:length])], "gzip"))
    with pytest.raises(urllib3.exceptions.DecodeError, match=r"^what was compressed breaks off$"):
        whole(answer([chunked((2 * PACKED)[:-3])], "gzip"))


@pytest.mark.parametrize("place", [0, 1, 2, 3000, -8, -1], ids=["magic", "magic 2", "method", "data", "CRC", "length"])
def test_corrupt_gzip(place: int) -> None:
    """One wrong byte is noticed, wherever it is."""
    packed = bytearray(PACKED)
    packed[place] ^= 0x55
    with pytest.raises(urllib3.exceptions.DecodeError):
        whole(answer([chunked(bytes(packed))], "gzip"))


def test_what_inflates_is_not_held() -> None:
    """Of 200 MB that come as 1 MB, no more than a few MB are in memory at any time."""
    source = random.Random(1)  # noqa: S311 - a seed, so that the size is always the same
    packer = zlib.compressobj(1, zlib.DEFLATED, body.GZIP)
    line = b"etcd_request_duration_seconds_bucket 0\n" * 25_000
    packed = b"".join(packer.compress(source.randbytes(4000) + line) for _ in range(200)) + packer.flush()
    wire = cut(chunked(packed), range(0, len(packed), 50_000))
    assert 0.9e6 < len(packed) < 3e6
    response = answer(wire, "gzip")
    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in pieces(response, 64 * 1024, lambda: None))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 200 * (4000 + len(line))
    assert peak < MOST_HELD_BYTES


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (PACKED[:-1], "gzip"),
        (PACKED[:-8] + bytes(8), "gzip"),
        (LEADER, "gzip"),
        (LEADER, "x-gzip"),  # which urllib3 reads
    ],
    ids=["cut", "corrupt", "not compressed at all", "so that urllib3 notices"],
)
def test_what_cannot_be_decompressed_is_told(packed: bytes, encoding: str, serve: Serve) -> None:
    """The error is that of a page which something on the way has changed, as urllib3's is."""
    one = client(serve(sending(chunked(packed), encoding=encoding)))
    with pytest.raises(BadPage, match=r"^the page cannot be decompressed; what changes it on the way\?$"):
        one.page()


# --- Connections


def test_a_page_that_breaks_off_is_told_as_before(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a body breaks off, the operator reads what urllib3's reading led to."""
    wire = b"c\r\netcd_x 1\netc\r\n5\r\nd_y 2\r\n"
    for length in (0, 1, 3, 9, 14, 16, 17, 20, len(wire)):
        one = client(serve(sending(wire[:length], close=True)))
        with pytest.raises(Unreachable) as ours:
            one.page()
        with monkeypatch.context() as patched:
            patched.setattr(body, "_chunked_stream", lambda _: None)
            with pytest.raises(Unreachable) as urllib3s:
                one.page()
        assert str(ours.value).startswith("the connection broke in the middle of the page; is the process restarting?")
        assert words(ours.value) == words(urllib3s.value)


def words(error: Exception) -> str:
    """What is told, without how many bytes the library says it had."""
    return re.sub(r"\d+ bytes read(, \d+ more expected)?", "", str(error))


@pytest.mark.parametrize("line", [b"-5", b"zz", b"0x5"])
def test_a_body_that_is_not_chunked_as_announced_is_told(line: bytes, serve: Serve) -> None:
    """What stands where a size should is said to be no HTTP, not what Python says of it."""
    one = client(serve(sending(chunked(LEADER).removesuffix(END) + line + b"\r\n\r\n")))
    with pytest.raises(Unreachable, match=r"^what answers there does not speak HTTP;.* not begin with its size\)$"):
        one.page()


@pytest.mark.parametrize("polite", [False, True], ids=["cut", "closed"])
def test_a_page_that_breaks_off_over_tls(polite: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a column
    """TLS may say that it ends or not: a part of a page is none."""
    pki = Pki(tmp_path)

    def respond(request: BaseHTTPRequestHandler) -> None:
        sending(b"100\r\netcd_x 1\n", close=True)(request)
        if polite:
            request.connection.unwrap()

    with serving_tls(respond, pki) as url, pytest.raises(Unreachable, match=r"^the connection broke in the middle"):
        client(url, tls_ca_cert=str(pki.ca)).page()


@pytest.mark.parametrize(
    "handler",
    [
        dripping(b"1000\r\n", b"a"),
        dripping(b"", b"1\r\na\r\n"),
        dripping(b"", b"1;" + b"a" * 4),
        dripping(b"0\r\n", b"A: b\r\n"),
        dripping(b"1000\r\n" + PACKED[:500], b"\0", encoding="gzip"),
        dripping(b"9000000\r\n" + b"a" * body.BUFFER_BYTES, b"a" * 10_000),
    ],
    ids=["chunk", "chunks", "size", "trailers", "gzip", "fast, but without end"],
)
def test_who_drips_is_left_at_the_deadline(handler: Handler, serve: Serve) -> None:
    """However a body is made to last, with something always coming, it is given up when its time is over."""
    one = client(serve(handler), timeout=0.5)
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"^no complete answer within 0\.5 s"):
        one.page()
    assert time.monotonic() - started < 8  # and not the ten seconds for which it drips


@pytest.mark.parametrize(
    "parts",
    [
        (chunked(LEADER)[:-2], 0.1, b"\r\n"),
        (chunked(LEADER)[:-5], 0.1, b"0", 0.1, b"\r", 0.1, b"\n", 0.1, b"\r", 0.1, b"\n"),
        (chunked(LEADER)[:-2], 0.1, b"Checksum: 0", 0.1, b"\r\n", 0.1, b"\r\n"),
        (chunked(LEADER, trailers=b"Checksum: 0\r\nOther:\r\n")[:-2], 0.1, b"\r\n"),
        (b"c\r\netcd_x 1\n\n\r\n", 0.1, b"\r\n9\r\netcd_y 2\n\r\n", 0.1, END),
        (b"d\r\netcd_x 1\n\r\n\r\n", 0.1, b"\r\n9\r\netcd_y 2\n\r\n", 0.1, END),
    ],
    ids=["last line", "byte by byte", "trailer", "trailers", "end of a line in a chunk", "what looks like the end"],
)
def test_a_pause_is_not_the_end(parts: Sequence[bytes | float], serve: Serve) -> None:
    """A body is whole when its last line has come, and not before, even if trailers come late."""
    ports: list[int] = []
    one = client(serve(counting(sending(*parts), ports)))
    wire = b"".join(part for part in parts if isinstance(part, bytes))
    expected, _ = dechunked([wire], Dechunker())
    assert [one.page().body for _ in range(2)] == [expected] * 2
    assert len(set(ports)) == 1


def short(request: BaseHTTPRequestHandler) -> None:
    """Answer with headers and a chunked body in one packet."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    request.wfile.write(head + chunked(LEADER[:4000], 1000))


FRAMINGS = {
    "Content-Length": page(LEADER),
    "chunked": sending(chunked(LEADER)),
    "chunked, with trailers": sending(chunked(LEADER, trailers=b"Checksum: 0\r\n")),
    "chunked, gzip": sending(chunked(PACKED), encoding="gzip"),
    "chunked, deflate": sending(chunked(zlib.compress(LEADER)), encoding="deflate"),
}
"""The same page, sent in every way that can be kept apart from what follows it."""

each_framing = pytest.mark.parametrize("handler", FRAMINGS.values(), ids=FRAMINGS)


def test_what_came_with_the_headers_is_a_page(serve: Serve) -> None:
    """An answer that is shorter than what is read for its headers is there at once, and its connection stays."""
    ports: list[int] = []
    one = client(serve(counting(short, ports)))
    assert [one.get(one.target.url).body for _ in range(3)] == [LEADER[:4000]] * 3
    assert len(set(ports)) == 1


@each_framing
def test_a_connection_is_used_again(handler: Handler, serve: Serve) -> None:
    """Three pages, one connection."""
    ports: list[int] = []
    one = client(serve(counting(handler, ports)))
    assert [one.page().body for _ in range(3)] == [LEADER] * 3
    assert len(ports) == 3
    assert len(set(ports)) == 1


@each_framing
def test_a_tls_connection_is_used_again(handler: Handler, tmp_path: Path) -> None:
    """Three pages, one handshake."""
    ports: list[int] = []
    pki = Pki(tmp_path)
    with serving_tls(counting(handler, ports), pki) as url:
        one = client(url, tls_ca_cert=str(pki.ca))
        assert [one.page().body for _ in range(3)] == [LEADER] * 3
    assert len(ports) == 3
    assert len(set(ports)) == 1


def test_a_connection_is_not_used_again_when_its_page_was_bad(serve: Serve) -> None:
    """What is left of a page that nobody read to its end is not taken for the next answer."""
    ports: list[int] = []
    left = [chunked(LEADER).removesuffix(END) + b"-5\r\n\r\n" + chunked(b"not this\n"), chunked(LEADER)]

    def respond(request: BaseHTTPRequestHandler) -> None:
        sending(left.pop(0))(request)

    one = client(serve(counting(respond, ports)))
    with pytest.raises(Unreachable):
        one.page()
    assert one.page().body == LEADER
    assert len(set(ports)) == 2


def test_a_body_that_was_read_leaves_its_connection_ready(serve: Serve) -> None:
    """When the last piece is out, nobody need close the answer for the next one to be asked for."""
    ports: list[int] = []
    url = serve(counting(FRAMINGS["chunked"], ports))
    with requests.Session() as session:
        first = session.get(url, stream=True, timeout=5)
        assert whole(first) == LEADER
        assert whole(session.get(url, stream=True, timeout=5)) == LEADER
    assert len(set(ports)) == 1


def test_a_server_that_closes_after_each_page(serve: Serve) -> None:
    """A whole body is a page, also when its connection ends with it."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(chunked(LEADER))

    one = client(serve(respond))
    assert [one.page().body for _ in range(2)] == [LEADER] * 2


# --- Where urllib3 reads


def without_stream(inner: Any) -> Any:
    """http.client's answer, without what is not public in it."""
    return mock.Mock(
        spec=["read1", "close", "isclosed"],
        **{
            "read1.side_effect": inner.read1,
            "isclosed.side_effect": inner.isclosed,
            "close.side_effect": inner.close,
        },
    )


def with_another_stream(inner: Any) -> Any:
    """http.client's answer as it might be in another version, with something else in the same place."""
    changed = without_stream(inner)
    changed.fp, changed.chunk_left = object(), None
    return changed


def begun(inner: Any) -> Any:
    """http.client's answer, of which somebody has read the size of the first chunk."""
    inner.peek(1)
    return inner


@pytest.mark.parametrize("change", [without_stream, with_another_stream, begun])
def test_urllib3_reads_what_cannot_be_reached(change: Callable[[Any], Any], serve: Serve) -> None:
    """No private name is relied upon: without it the page comes all the same."""
    with requests.Session() as session:
        response = session.get(serve(sending(chunked(LEADER))), stream=True, timeout=5)
        response.raw._fp = change(response.raw._fp)
        with mock.patch.object(response.raw, "read1", side_effect=response.raw.read1) as read1:
            assert whole(response) == LEADER
        assert read1.called


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("deflate", zlib.compress),
        ("x-gzip", gzip.compress),
        ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    ],
    ids=["deflate", "x-gzip", "twice"],
)
def test_urllib3_decompresses_what_else_there_is(encoding: str, pack: Callable[[bytes], bytes], serve: Serve) -> None:
    """A compression that nobody asked for is none of ours, and is understood all the same."""
    with requests.Session() as session:
        response = session.get(serve(sending(chunked(pack(LEADER)), encoding=encoding)), stream=True, timeout=5)
        assert whole(response) == LEADER


def test_urllib3_reads_what_is_not_chunked(serve: Serve) -> None:
    """A body with a length is read in pieces of the size that was asked for, each of them watched."""
    seen: list[int] = []
    with requests.Session() as session:
        response = session.get(serve(page(LEADER)), stream=True, timeout=5)
        found = list(pieces(response, 10_000, lambda: seen.append(1)))
    assert b"".join(found) == LEADER
    assert max(map(len, found)) <= 10_000
    assert len(seen) == len(found)
