"""One target over HTTP, with base's `RequestsWrapper` and so with all of its options."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping
from typing import Any

import requests
from datadog_checks.base.utils import tls
from datadog_checks.base.utils.http import RequestsWrapper

from etcd_latency import certificates, explain
from etcd_latency.errors import BadPage, TargetError, TimedOut
from etcd_latency.model import Page, Target

LARGEST_PAGE_BYTES = 4 * 1024 * 1024
"""An etcd page has a quarter of a MiB; what is many times larger is not one, and parsing it would hold up the run."""

TLS_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class Client:
    """Gets the page of one target, run after run."""

    def __init__(
        self,
        target: Target,
        options: Mapping[str, Any],
        *,
        accept: str,
        agent: Mapping[str, Any],
        log: logging.LoggerAdapter[Any],
    ) -> None:
        """`options` are those of base's HTTP options that hold for this target, `agent` those of `init_config`."""
        self.target = target
        self.patience = explain.patience(options)
        self._options = options
        self._accept = accept
        self._agent = agent
        self._log = log
        # Made now, too, so that a wrong authentication option is refused before the first run.
        self._http = self._connect()
        self._stamp: certificates.Stamp = ()

    def page(self) -> Page:
        """GET the metrics page; raise `TargetError` where there is none."""
        try:
            return self._get(time.monotonic() + self.patience)
        except TargetError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is translated
            told = explain.translate(error, self.target.page_url, self._options)
            raise told from told.__cause__

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
        for chunk in response.iter_content():
            body += chunk
            if len(body) > LARGEST_PAGE_BYTES:
                raise BadPage(f"the page is larger than {LARGEST_PAGE_BYTES >> 20} MiB; is this etcd?")
            if time.monotonic() > deadline:
                raise self.timed_out()
        if not _framed(response) and not body.endswith(b"\n"):
            raise BadPage("the page breaks off in the middle of a line; what cuts it on the way?")
        return bytes(body)

    def _notice_new_certificates(self) -> None:
        """Start afresh when a file was replaced: base keeps what it loaded first."""
        stamp = certificates.stamp(self._options)
        if stamp != self._stamp:
            certificates.check_readable(self._options)
            self._http, self._stamp = self._connect(), stamp

    def _connect(self) -> RequestsWrapper:
        http = _Wrapper(dict(self._options), dict(self._agent), logger=_Discreet(self._log, {}))
        if http.options["headers"].get("Accept") == "*/*":
            http.options["headers"]["Accept"] = self._accept
        return http


def _framed(response: requests.Response) -> bool:
    """Whether HTTP itself tells where the body ends, so that a part of it cannot pass for the whole."""
    return "Content-Length" in response.headers or "chunked" in response.headers.get("Transfer-Encoding", "")


class _Wrapper(RequestsWrapper):
    """Base's wrapper without its second, unverified call; with two TLS options that base reads put into force."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # After a TLS error base would dial the target once more, unverified, to look for an address from
        # which to load a missing intermediate certificate. A private CA has no such address; a hostile
        # server may name any. Older bases cannot be told.
        if hasattr(self, "aia_chasing_max_depth"):
            self.aia_chasing_max_depth = 0

    def _mount_https_adapter(self, session: requests.Session, tls_config: Mapping[str, Any]) -> None:
        super()._mount_https_adapter(session, tls_config)
        adapter: Any = session.get_adapter("https://")
        if not tls_config["tls_validate_hostname"]:
            # Base tells OpenSSL, but then urllib3 compares the names itself unless it is told, too.
            adapter.poolmanager.connection_pool_kw["assert_hostname"] = False
        allowed = tls_config["tls_protocols_allowed"]
        if tuple(allowed) != tls.DEFAULT_PROTOCOL_VERSIONS:
            versions = [TLS_VERSIONS[name] for name in allowed if name in TLS_VERSIONS]
            adapter.ssl_context.minimum_version, adapter.ssl_context.maximum_version = min(versions), max(versions)


class _Discreet(logging.LoggerAdapter[Any]):
    """Base's wrapper says why it reads a token anew, in the words of an error that may quote the old one."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if str(msg).startswith("Renewing auth token"):
            msg, args = "Renewing auth token (the reason is left out: it may quote the token)", ()
        super().log(level, msg, *args, **kwargs)


def _leave_out_options(record: logging.LogRecord) -> bool:
    """Base logs all TLS options when it makes a context, the password of the key among them.

    The logger is base's, so this holds for every check in the Agent's process.
    """
    if "SSL context with config" in str(record.msg):
        record.msg, record.args = "Creating SSL context (options left out: a password may be among them)", ()
    return True


tls.LOGGER.addFilter(_leave_out_options)
