"""One target over HTTP, with base's `RequestsWrapper` and so with all of its options."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from datadog_checks.base.utils import tls

from etcd_latency import certificates, explain
from etcd_latency.body import pieces
from etcd_latency.errors import BadPage, NotOffered, TargetError, TimedOut
from etcd_latency.model import Page, PageRequest, Reply, Target
from etcd_latency.wrapper import Discreet, Wrapper

LARGEST_PAGE_BYTES = 4 * 1024 * 1024
"""An etcd page has a quarter of a MiB; what is many times larger is not one, and parsing it would hold up the run."""

LEAST_SECONDS = 0.05
"""With less time left than this nothing is asked any more."""

TURN_SECONDS = 0.05
"""A page of a member is here in 2 ms once it has begun to come."""


class Sink(Protocol):
    """Takes a page in while it arrives."""

    size: int
    """The bytes that came so far."""

    def feed(self, chunk: bytes) -> None: ...

    def finish(self) -> bytes:
        """What is kept of the page; raises `BadPage` when it is not whole."""


class Turns:
    """Lets threads take in their pages one after the other.

    Side by side they would not be quicker, since Python runs one of them at a time; but each would find the
    processor's caches full of another's page, and the memory of all would be needed at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the one before, but not long: who hangs in the middle of a page must not hold up the others."""
        mine = self._lock.acquire(timeout=TURN_SECONDS)
        try:
            yield
        finally:
            if mine:
                self._lock.release()


class Client:
    """Asks one target, run after run, over connections of its own; one question at a time."""

    def __init__(  # noqa: PLR0913 - a keyword for each thing that is decided elsewhere
        self,
        target: Target,
        options: Mapping[str, Any],
        *,
        page: PageRequest,
        agent: Mapping[str, Any],
        log: logging.LoggerAdapter[Any],
        sink: Callable[[], Sink] | None = None,
        digest: Callable[[Page], Page] = lambda page: page,
        turns: Turns | None = None,
        keep_secret: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`options` are those of base's HTTP options that hold for this target, `agent` those of `init_config`.

        `sink` makes what a page is poured into; without it a page is kept whole, up to `LARGEST_PAGE_BYTES`.
        `digest` makes of a page what is kept of it until all are there; `turns` are shared by all who read pages.
        `keep_secret` is told of every token that base reads for `auth_token`.
        """
        self.target = target
        self.patience = explain.patience(options)
        self.options = options
        self._page = page
        self._agent = agent
        self._log = log
        self._sink = sink or Whole
        self._digest = digest
        self._turns = turns or Turns()
        self._keep_secret = keep_secret
        # Made now, too, so that a wrong authentication option is refused before the first run.
        self._http = self._connect()
        self._stamp: certificates.Stamp = ()
        self._piece = int(float(options.get("request_size", 16)) * 1024)
        self._warm = False
        self._end = 0.0

    def begin(self, deadline: float) -> None:
        """From now on no question may last beyond this moment of `time.monotonic()`."""
        self._end = deadline

    @contextmanager
    def in_half_the_time(self) -> Iterator[None]:
        """Ask what other questions have to wait for: they must have time left when there is no answer."""
        whole = self._end
        self._end = (time.monotonic() + whole) / 2 if whole else whole
        try:
            yield
        finally:
            self._end = whole

    def page(self) -> Page:
        """GET the metrics page; raise `TargetError` where there is none."""
        with self._asking(self.target.page_url):
            response = self._send("get", self._page.url(self.target.page_url))
            seconds = time.monotonic() - self._started
            with response:
                if response.status_code != requests.codes.ok:
                    self._refuse_page(self._whole(response))
                with self._turns.taken():
                    sink = self._sink()
                    body = self._read(response, sink)
                    kind = response.headers.get("Content-Type", "")
                    return self._digest(Page(body, kind, sink.size, time.monotonic(), seconds))

    def get(self, url: str) -> Reply:
        """GET anything of this target; a reply with an HTTP error is a reply."""
        with self._asking(url):
            return self._whole(self._send("get", url))

    def post(self, url: str, payload: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        """POST a JSON object, never following a redirect; a reply with an HTTP error is a reply."""
        with self._asking(url):
            own = {"extra_headers": dict(headers)} if headers else {}
            return self._whole(self._send("post", url, json=dict(payload), allow_redirects=False, **own))

    def served_certificate(self, url: str) -> bytes | None:
        """The certificate (DER) that the server shows to a new connection; None for plain HTTP.

        One that has expired is shown, too, because that is when its date is wanted; nothing is asked over
        the connection that gave it.
        """
        parts = urlsplit(url)
        if parts.scheme != "https":
            return None
        if (self._http.options["proxies"] or {}).get("https"):
            raise NotOffered("certificates are not looked at through a proxy")
        with self._asking(url):
            context = self._http.session.get_adapter(url).ssl_context
            try:
                return self._handshake(context, parts.hostname or "", parts.port or 443)
            except ssl.SSLCertVerificationError as error:
                if error.verify_code != certificates.EXPIRED:
                    raise
            unverified = tls.create_ssl_context({**self._http.tls_config, "tls_verify": False})
            return self._handshake(unverified, parts.hostname or "", parts.port or 443)

    def timed_out(self) -> TimedOut:
        """The error for an answer that is not here, or not complete, when patience ends."""
        return explain.timed_out(self.patience)

    @contextmanager
    def _asking(self, url: str) -> Iterator[None]:
        """Mind the clock and the certificates before a question, and translate what goes wrong in it."""
        self._allowed = min(self.patience, self._end - time.monotonic()) if self._end else self.patience
        if self._allowed < LEAST_SECONDS:
            raise TimedOut("not asked any more in this run: what was asked before it took all of the time")
        try:
            self._notice_new_certificates()
            self._started = time.monotonic()
            yield
        except TargetError:
            self._warm = False
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is translated
            self._warm = False
            told = explain.translate(error, url, self.options)
            raise told from told.__cause__
        else:
            self._warm = True

    def _send(self, method: str, url: str, **own: Any) -> requests.Response:
        connect, read = self._http.options["timeout"]
        timeout = (min(connect, self._allowed), min(read, self._allowed))
        response: requests.Response = getattr(self._http, method)(url, stream=True, timeout=timeout, **own)
        return response

    def _whole(self, response: requests.Response) -> Reply:
        with response:
            body = self._read(response, Whole(lines=False))
            return Reply(
                status=response.status_code,
                phrase=response.reason or "",
                location=response.headers.get("Location"),
                body=body,
                seconds=time.monotonic() - self._started,
                warm=self._warm,
            )

    def _read(self, response: requests.Response, sink: Sink) -> bytes:
        """The body to its end: only then is the connection kept for the next question."""
        for piece in pieces(response, self._piece, self._watch):
            sink.feed(piece)
        if isinstance(sink, Whole):
            sink.framed = _framed(response)
        return sink.finish()

    def _watch(self) -> None:
        """Who sends byte after byte can keep no read waiting, but this."""
        if time.monotonic() > self._started + self._allowed:
            raise self.timed_out()

    def _refuse_page(self, reply: Reply) -> None:
        error = explain.refuse(reply, urlsplit(self.target.page_url).path)
        if isinstance(error, NotOffered) and self.target.kind == "member":
            raise NotOffered(f"{error}; set `metrics_url` to what etcd has in --listen-metrics-urls")
        raise error

    def _handshake(self, context: ssl.SSLContext, host: str, port: int) -> bytes | None:
        with (
            socket.create_connection((host, port), timeout=self._allowed) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.getpeercert(binary_form=True)

    def _notice_new_certificates(self) -> None:
        """Start afresh when a file was replaced: base keeps what it loaded first."""
        stamp = certificates.stamp(self.options)
        if stamp != self._stamp:
            certificates.check_readable(self.options)
            self._http, self._stamp, self._warm = self._connect(), stamp, False

    def _connect(self) -> Wrapper:
        http = Wrapper(dict(self.options), dict(self._agent), logger=Discreet(self._log, {}))
        http.keep_secret = self._keep_secret
        http.token_header = self.options.get("auth_token", {}).get("writer", {}).get("name")
        headers = http.options["headers"]
        if headers.get("Accept") == "*/*":
            headers["Accept"] = self._page.accept
        written = {name.lower() for name in self.options.get("extra_headers", {})}
        if "headers" not in self.options and "accept-encoding" not in written:
            headers["Accept-Encoding"] = self._page.encoding
        return http


class Whole:
    """Keeps a body as it is; `lines` says that it must end with a line."""

    def __init__(self, *, lines: bool = True) -> None:
        self.size = 0
        self.framed = True
        self._lines = lines
        self._pieces: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Take in a part."""
        self._pieces.append(chunk)
        self.size += len(chunk)
        if self.size > LARGEST_PAGE_BYTES:
            raise BadPage(f"the answer is larger than {LARGEST_PAGE_BYTES >> 20} MiB; is this etcd?")

    def finish(self) -> bytes:
        """The whole; a page whose end HTTP did not tell must at least end with a line."""
        body = b"".join(self._pieces)
        if self._lines and not self.framed and not body.endswith(b"\n"):
            raise BadPage("the page breaks off in the middle of a line; what cuts it on the way?")
        return body


def _framed(response: requests.Response) -> bool:
    """Whether HTTP itself tells where the body ends, so that a part of it cannot pass for the whole.

    What was compressed may have been cut before.
    """
    if "Content-Encoding" in response.headers:
        return False
    return "Content-Length" in response.headers or "chunked" in response.headers.get("Transfer-Encoding", "")
