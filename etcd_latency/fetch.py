"""Every page of every target, fetched side by side under one deadline; failure is a value.

A target that hangs must cost nothing to the others, so each is asked in a thread of its own, and who has
not answered at the deadline is left behind: its thread ends by itself at its socket's time-out, and until
then the target is not asked again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from datadog_checks.base.utils import tls
from datadog_checks.base.utils.http import RequestsWrapper

from etcd_latency import certificates, explain
from etcd_latency.errors import BadPage, TargetError, TimedOut
from etcd_latency.model import Answer, Failure, Page, Target

CHUNK_BYTES = 256 * 1024
LARGEST_PAGE_BYTES = 64 * 1024 * 1024
"""An etcd page has a quarter of a MiB; what is a hundred times larger is not one."""
GRACE_SECONDS = 0.5
"""How much longer than the most patient target a run waits, so that the target's own error, which says
more than `no answer`, arrives first."""


def _leave_out_options(record: logging.LogRecord) -> bool:
    """Base logs all TLS options when it makes a context, the password of the key among them."""
    if "SSL context with config" in str(record.msg):
        record.args = ("(left out: a password may be in it)",)
    return True


tls.LOGGER.addFilter(_leave_out_options)


class Client:
    """One target over HTTP, with base's `RequestsWrapper` and so with all of its options."""

    def __init__(
        self, target: Target, options: Mapping[str, Any], agent: Mapping[str, Any], log: logging.LoggerAdapter[Any]
    ) -> None:
        self.target = target
        self.patience = explain.patience(options)
        self._options = options
        self._agent = agent
        self._log = log
        self._http = self._connect()
        self._stamp: certificates.Stamp = ()

    def page(self) -> Page:
        """GET the metrics page; raise `TargetError` where there is none."""
        try:
            return self._get(time.monotonic() + self.patience)
        except TargetError:
            raise
        except Exception as error:
            raise explain.translate(error, self.target.page_url, self._options) from error

    def timed_out(self) -> TimedOut:
        """The error for an answer that is not here, or not complete, when patience ends."""
        return explain.timed_out(self._options)

    def _get(self, deadline: float) -> Page:
        self._notice_new_certificates()
        with self._http.get(self.target.page_url, stream=True) as response:
            if response.status_code != requests.codes.ok:
                raise explain.refuse(response)
            return Page(self._read(response, deadline), response.headers.get("Content-Type", ""))

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """The body to its end: only then is the connection kept for the next run."""
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > LARGEST_PAGE_BYTES:
                raise BadPage(f"the page is larger than {LARGEST_PAGE_BYTES >> 20} MiB; is this etcd?")
            if time.monotonic() > deadline:
                raise self.timed_out()
        return bytes(body)

    def _notice_new_certificates(self) -> None:
        """Start afresh when a file was replaced: base keeps what it loaded first."""
        stamp = certificates.stamp(self._options)
        if stamp != self._stamp:
            certificates.check_readable(self._options)
            self._http, self._stamp = self._connect(), stamp

    def _connect(self) -> RequestsWrapper:
        http = RequestsWrapper(dict(self._options), dict(self._agent), logger=self._log)
        # After a TLS error base would dial the target once more, unverified, to look for an address from
        # which it could load a missing intermediate certificate. A private CA has no such address; a
        # hostile server may name any. (From base 38.1 on it can be turned off.)
        if hasattr(http, "aia_chasing_max_depth"):
            http.aia_chasing_max_depth = 0
        return http


class Fetcher:
    """Asks all clients at once."""

    def __init__(self) -> None:
        self._busy: set[Target] = set()

    def __call__(self, clients: Sequence[Client]) -> dict[Target, Answer]:
        """An answer for every client, in their order, at the latest when the most patient one gives up."""
        answers: dict[Target, Answer] = {client.target: Failure(self._silence(client)) for client in clients}
        free = [client for client in clients if client.target not in self._busy]
        deadline = time.monotonic() + max((client.patience for client in free), default=0.0) + GRACE_SECONDS
        arrived: queue.SimpleQueue[tuple[Target, Answer]] = queue.SimpleQueue()
        for client in free:
            self._busy.add(client.target)
            threading.Thread(target=self._ask, args=(client, arrived), name=client.target.name, daemon=True).start()
        for _ in free:
            try:
                target, answer = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            answers[target] = answer
        return answers

    def _ask(self, client: Client, arrived: queue.SimpleQueue[tuple[Target, Answer]]) -> None:
        answer: Answer
        try:
            answer = client.page()
        except TargetError as error:
            answer = Failure(error)
        self._busy.discard(client.target)
        arrived.put((client.target, answer))

    def _silence(self, client: Client) -> TimedOut:
        """What it means when nothing arrives from this client in this run."""
        if client.target in self._busy:
            return TimedOut("still no answer to the request of an earlier run; is the process hung?")
        return client.timed_out()
