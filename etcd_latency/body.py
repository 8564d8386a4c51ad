"""The body of an answer, in large pieces.

etcd and Kubernetes send a page in chunks of 2 to 4 KiB (RFC 9112 section 7.1), 13,000 of them for 40 MB. http.client
and urllib3 make several calls for each, which together cost more than TLS does. Here what has come is read into one
buffer, and the chunks are told apart there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException, IncompleteRead
from io import DEFAULT_BUFFER_SIZE, BufferedReader

import requests
import urllib3

BUFFER_BYTES = 128 * 1024

FULL_BYTES = BUFFER_BYTES - 20 * 1024
"""From here on there is not room for a whole TLS record. What is left must be more than `DEFAULT_BUFFER_SIZE`, or
`readinto1` would wait to fill a buffer of its own."""

MOST_INFLATED_BYTES = 1024 * 1024
"""What is decompressed at once; a page of 40 MB may come as 1 MB."""

LONGEST_SIZE_BYTES = 1024
"""What stands before a chunk is its size; what never ends is none."""

NO_SIZE = "a chunk does not begin with its size"

HEXADECIMAL = b"0123456789abcdefABCDEF"

GZIP = 16 + zlib.MAX_WBITS

LINE_END = b"\r\n"


class Dechunker:
    """Takes the chunks of one body apart, whatever of it is there."""

    def __init__(self) -> None:
        self.ended = False
        self.trailing = False
        """The last chunk has come; what follows are lines up to an empty one."""
        self._left = 0
        """Bytes of a chunk that have not come yet, with the end of its line."""

    def feed(self, buffer: bytearray, filled: int) -> tuple[bytes, int]:
        """Take the first `filled` bytes; give the content among them, and how many were used."""
        parts: list[memoryview] = []
        at, view = 0, memoryview(buffer)
        while not self.ended:
            if self._left:
                content = min(self._left - len(LINE_END), filled - at)
                if content > 0:
                    parts.append(view[at : at + content])
                step = min(self._left, filled - at)
                at, self._left = at + step, self._left - step
            if self._left:
                break
            end = buffer.find(LINE_END, at, filled)
            if end < 0:
                if filled - at > LONGEST_SIZE_BYTES:
                    raise HTTPException(NO_SIZE)
                break
            self._line(bytes(view[at:end]))
            at = end + len(LINE_END)
        return b"".join(parts), at

    def _line(self, line: bytes) -> None:
        """Read a line that is not content."""
        if self.trailing:
            self.ended = not line
            return
        size = chunk_size(line)
        self.trailing = size == 0
        self._left = size + len(LINE_END) if size else 0


def chunk_size(line: bytes) -> int:
    """What stands before a chunk; raises `HTTPException`."""
    digits = line if line.isalnum() else line.partition(b";")[0].strip(b" \t")
    if not digits or digits.strip(HEXADECIMAL):
        raise HTTPException(NO_SIZE)
    return int(digits, 16)


def pieces(response: requests.Response, size: int, watch: Callable[[], None]) -> Iterator[bytes]:
    """The body to its end, decompressed, after which the connection can be used again.

    `watch` is called whenever something has come, however little: it may raise to end it. `size` is the most, in
    bytes, that is asked for at once where urllib3 reads.
    """
    raw = response.raw
    stream = _chunked_stream(raw)
    if stream is None:
        while piece := raw.read1(size, decode_content=True):
            watch()
            yield piece
        return
    content = _content(stream, watch)
    yield from _inflated(content) if raw.headers.get("Content-Encoding") else content
    raw._fp.close()  # type: ignore[union-attr]  # noqa: SLF001 - see `_chunked_stream`
    raw.release_conn()


def _chunked_stream(raw: urllib3.HTTPResponse) -> BufferedReader | None:
    """What chunks can be read from; None where urllib3 must do it: another framing, another compression, no access.

    urllib3 and http.client have no public name for it, so that nothing is taken for granted.
    """
    inner = getattr(raw, "_fp", None)
    stream = getattr(inner, "fp", None)
    untouched = getattr(raw, "chunked", False) and getattr(inner, "chunk_left", 0) is None
    known = raw.headers.get("Content-Encoding", "").lower() in ("", "gzip")
    return stream if untouched and known and isinstance(stream, BufferedReader) else None


def _content(stream: BufferedReader, watch: Callable[[], None]) -> Iterator[bytes]:
    dechunker, buffer = Dechunker(), bytearray(BUFFER_BYTES)
    view = memoryview(buffer)
    # What came with the header, for `readinto1` would wait for more than that.
    early = stream.read1(DEFAULT_BUFFER_SIZE)
    filled = came = len(early)
    buffer[:filled] = early
    while True:
        watch()
        # Every body ends with an empty line; to look for chunks after each read would cost as much as to read them.
        if not came or filled > FULL_BYTES or dechunker.trailing or buffer.endswith(2 * LINE_END, 0, filled):
            content, used = dechunker.feed(buffer, filled)
            view[: filled - used] = view[used:filled]
            filled -= used
            if content:
                yield content
            # Some servers close right after the last chunk, without the empty line.
            if dechunker.ended or (dechunker.trailing and not came):
                return
        if not came:
            raise IncompleteRead(b"")
        came = stream.readinto1(view[filled:])
        filled += came


def _inflated(compressed: Iterable[bytes]) -> Iterator[bytes]:
    """What was compressed, a piece at a time; what follows its end and is no gzip is left out, as gzip does."""
    inflater, ended = None, False
    for piece in compressed:
        left = piece
        while left:
            inflater = inflater or zlib.decompressobj(GZIP)
            try:
                yield inflater.decompress(left, MOST_INFLATED_BYTES)
            except zlib.error as error:
                if ended:
                    return
                raise urllib3.exceptions.DecodeError(str(error)) from error
            left = inflater.unconsumed_tail or inflater.unused_data
            if inflater.eof:
                inflater, ended = None, True
    if inflater:
        raise urllib3.exceptions.DecodeError("what was compressed breaks off")
