"""Base's `RequestsWrapper`, with what it does beside the request put right."""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from datadog_checks.base.utils import tls
from datadog_checks.base.utils.http import RequestsWrapper
from requests.utils import get_netrc_auth

MOST_PREPARED = 16
"""How many addresses of one target are asked for over and over."""

TLS_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class Wrapper(RequestsWrapper):
    """Base's wrapper without its second calls; with two TLS options that base reads put into force."""

    keep_secret: Callable[[str], None]
    token_header: str | None
    """Where base puts the token of `auth_token`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # After a TLS error base would dial the target once more, unverified, to look for an address from
        # which to load a missing intermediate certificate. A private CA has no such address; a hostile
        # server may name any. Older bases cannot be told.
        if hasattr(self, "aia_chasing_max_depth"):
            self.aia_chasing_max_depth = 0

    def handle_auth_token(self, **request: Any) -> None:
        """Read the token anew only when it was refused; base would, and ask twice, after any error at all."""
        error = sys.exception()
        stale = isinstance(error, requests.HTTPError)
        if "error" in request and error is not None and not stale:
            raise error
        super().handle_auth_token(**request)
        header = self.options["headers"].get(self.token_header)
        if header:
            self.keep_secret(header.split()[-1])

    def _create_session(self) -> requests.Session:
        session: requests.Session = super()._create_session()
        session.hooks["response"].append(_blame_the_token_for_401_only)
        once: Any = _once_for_each_origin(session.merge_environment_settings)
        session.merge_environment_settings = once  # type: ignore[method-assign]
        known: Any = _prepared_once(session)
        session.prepare_request = known  # type: ignore[method-assign]
        return session

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


def _once_for_each_origin(merge: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """requests looks for proxies through all of the environment before each request, an eighth of a scrape.

    What it finds depends on scheme, host and port only; everything else that it is given here is always the same.
    """
    known: dict[tuple[str, ...], Any] = {}

    def merged(url: str, *settings: Any) -> dict[str, Any]:
        origin = urlsplit(url)[:2]
        if origin not in known:
            known[origin] = merge(url, *settings)
        return dict(known[origin])

    return merged


def _prepared_once(session: requests.Session) -> Callable[[requests.Request], requests.PreparedRequest]:
    """requests puts the same GET together anew before each page, a tenth of a scrape.

    What is sent depends on nothing but the address, the headers and the user in `~/.netrc`, which may be another one
    now, unless there is a cookie, or a user in the options: some kinds of authentication sign each request.
    """
    known: dict[tuple[Any, ...], requests.PreparedRequest] = {}
    prepare = session.prepare_request

    def prepared(request: requests.Request) -> requests.PreparedRequest:
        more = (request.data, request.json, request.files, request.params, request.cookies, request.auth, session.auth)
        if request.method != "GET" or any(more) or session.cookies:
            return prepare(request)
        user = get_netrc_auth(request.url) if session.trust_env else None
        key = request.url, user, *request.headers.items()
        if key not in known:
            if len(known) == MOST_PREPARED:
                known.clear()  # the headers may hold a token, which is another one now and then
            known[key] = prepare(request)
        return known[key]

    return prepared


def _blame_the_token_for_401_only(response: requests.Response, *_: Any, **__: Any) -> None:
    """Base takes every error status for a stale token and asks again; the 500 of a health page is an answer."""
    if response.status_code != requests.codes.unauthorized:
        response.raise_for_status = lambda: None  # type: ignore[method-assign]


class Discreet(logging.LoggerAdapter[Any]):
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
