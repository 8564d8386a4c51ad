"""Errors of requests, urllib3, ssl and the socket layer, translated once into ours, with advice.

The libraries wrap each other's errors three or four deep; what happened is told by the innermost. Each
table below maps what identifies it to our words: what is the case, and what to do about it. The
library's own words follow in parentheses, for whoever searches for them.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead
from typing import Any

import requests
import urllib3

from etcd_latency.certificates import expired_on
from etcd_latency.errors import (
    BadPage,
    Moved,
    NotOffered,
    NotPermitted,
    Refused,
    TargetError,
    TimedOut,
    TlsRefused,
    Unreachable,
)
from etcd_latency.model import Reply

SERVER_CERTIFICATE = {
    9: "the server's certificate is not valid yet; compare the clocks of both hosts",
    10: "the server's certificate has expired; renew it (kubeadm: kubeadm certs renew all)",
    62: "the server's certificate is for another host name; use a name that is in it, or reissue it with this one",
    64: "the server's certificate is for another IP address; use an address that is in it, or reissue it with this one",
    **dict.fromkeys(
        (18, 19, 20, 21),
        "the server's certificate was signed by no CA that the check trusts; set `tls_ca_cert` to the CA of this "
        "server (kubeadm: etcd's is /etc/kubernetes/pki/etcd/ca.crt, Kubernetes' own /etc/kubernetes/pki/ca.crt)",
    ),
}
"""By OpenSSL's X509_V_ERR code (openssl/x509_vfy.h)."""

CLIENT_CERTIFICATE_ALERTS = re.compile(
    "ALERT_(BAD_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|ACCESS_DENIED|UNSUPPORTED_CERTIFICATE)"
)
"""TLS alerts (RFC 8446 section 6.2, as OpenSSL names them) with which a server turns a client away."""

HANDSHAKE = (
    (
        "WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST",
        "the server does not speak TLS on this port; write http:// instead of https://",
    ),
    ("KEY_VALUES_MISMATCH", "`tls_private_key` does not belong to `tls_cert`; configure a pair"),
    (
        "HANDSHAKE_FAILURE|PROTOCOL|VERSION|CIPHER|[Cc]ipher",
        "client and server find no TLS version or cipher in common; see `tls_protocols_allowed` and `tls_ciphers`",
    ),
    (
        "PEM|ASN1|START_LINE|DECRYPT|CERTIFICATE_OR_CRL|X509",
        "`tls_ca_cert`, `tls_cert` or `tls_private_key` is not a PEM file, or `tls_private_key_password` is wrong",
    ),
    ("", "TLS failed; look into the log of the server, too"),
)
"""Any other reason of OpenSSL, or its words where it names none; the first pattern found in them counts."""

BROKEN_OFF = (ConnectionError, HTTPException, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""The connection stood, and ended before the answer did."""

BY_OUTERMOST: tuple[tuple[tuple[type[Exception], ...], type[TargetError], str], ...] = (
    (
        (requests.exceptions.InvalidHeader,),
        Refused,
        "`headers`, `extra_headers` or the token of `auth_token` holds what no header can, such as a line break",
    ),
    (
        (
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidURL,
            requests.exceptions.ProxyError,
            urllib3.exceptions.LocationParseError,
            urllib3.exceptions.ProxySchemeUnknown,
        ),
        Unreachable,
        "the proxy on the way does not serve; correct `proxy`, or set `skip_proxy: true`",
    ),
    ((requests.exceptions.TooManyRedirects,), Refused, "redirects lead in a circle; configure the final URL"),
    (
        (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError),
        BadPage,
        "the page cannot be decompressed; what changes it on the way?",
    ),
    ((UnicodeError,), Refused, "`username`, `password`, `headers` or `auth_token` holds letters that cannot be sent"),
)
"""Errors that tell by themselves what is wrong, and whose own words may hold a secret: these are not repeated."""

STATUS: dict[int, tuple[type[TargetError], str]] = {
    HTTPStatus.BAD_REQUEST: (Refused, "if the server speaks TLS on this port, write https://"),
    HTTPStatus.UNAUTHORIZED: (
        NotPermitted,
        (
            "set credentials, or correct them: `auth_token`, or `username` and `password` with `auth_type` "
            "(Kubernetes: the token of a service account to which the ClusterRole system:monitoring is bound)"
        ),
    ),
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: (
        Refused,
        "the proxy wants credentials; write them into the URL in `proxy`",
    ),
    HTTPStatus.FORBIDDEN: (
        NotPermitted,
        "let this user read {path} (Kubernetes: bind the ClusterRole system:monitoring)",
    ),
    HTTPStatus.NOT_FOUND: (NotOffered, "there is no {path} at this URL"),
    HTTPStatus.MISDIRECTED_REQUEST: (Moved, "use a host name that etcd's --host-whitelist lets in"),
}
"""What a status means, and what to do about it."""

GRPC_ONLY = re.compile("\\x00\\x00.\\x04", re.DOTALL)
"""How a server that speaks HTTP/2 alone begins its answer: with a SETTINGS frame (RFC 9113 section 4.1: three
bytes of length, then the type, 4)."""


def translate(error: Exception, url: str, options: Mapping[str, Any]) -> TargetError:
    """What went wrong between us and `url`, for the operator who configured `options`.

    The library's error is its `__cause__`, unless that may hold a secret: then no traceback may show it either.
    """
    for kinds, ours, text in BY_OUTERMOST:
        if isinstance(error, kinds):
            return ours(text)
    told = _translate(error, url, options)
    told.__cause__ = error
    return told


def _translate(error: Exception, url: str, options: Mapping[str, Any]) -> TargetError:
    if isinstance(error, OSError) and error.filename:
        return TlsRefused(f"{error.filename}, which an option names, cannot be read ({error.strerror})")
    root = _innermost(error)
    translated = _tls(root, options) or _network(root, url, options)
    return type(translated)(f"{translated} ({_own_words(root)})")


def refuse(reply: Reply, path: str) -> TargetError:
    """The error for an answer that is not 200 to a question for this path."""
    if reply.location is not None and HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        where = re.split("[?#]", _without_credentials(reply.location))[0]
        return Moved(
            f"HTTP {reply.status}, moved to {where}: redirects are not followed; "
            "configure that URL, or set `allow_redirects`"
        )
    kind, advice = STATUS.get(reply.status, (Refused, "look into the log of the server"))
    return kind(f"HTTP {reply.status} {reply.phrase[:60]}".rstrip() + f": {advice.format(path=path)}")


def _own_words(root: BaseException) -> str:
    """What the library says, without its codes and source lines."""
    words = (isinstance(root, OSError) and root.strerror) or str(root) or type(root).__name__
    return re.sub(r"^\[.*?\] |\(?_ssl\.c:\d+[):] ?", "", _without_credentials(words)).strip()


def _without_credentials(text: str) -> str:
    """URLs in a text without user and password."""
    return re.sub(r"//[^/@\s]*@", "//***@", text)


def _innermost(error: BaseException) -> BaseException:
    seen = {id(error)}
    while True:
        inside = (getattr(error, "reason", None), error.__cause__, error.__context__, *error.args)
        deeper = next((one for one in inside if isinstance(one, BaseException) and id(one) not in seen), None)
        if deeper is None or isinstance(error, IncompleteRead):  # which http.client raises out of a ValueError
            return error
        seen.add(id(deeper))
        error = deeper


def _tls(root: BaseException, options: Mapping[str, Any]) -> TlsRefused | None:
    if isinstance(root, ssl.SSLCertVerificationError):
        return TlsRefused(SERVER_CERTIFICATE.get(root.verify_code, "the server's certificate could not be verified"))
    if not isinstance(root, ssl.SSLError) or isinstance(root, BROKEN_OFF):
        return None
    reason = getattr(root, "reason", None) or str(root)
    if CLIENT_CERTIFICATE_ALERTS.search(reason):
        return TlsRefused(_client_certificate(options))
    return TlsRefused(next(text for pattern, text in HANDSHAKE if re.search(pattern, reason)))


def _client_certificate(options: Mapping[str, Any]) -> str:
    path = options.get("tls_cert")
    if not path:
        return (
            "the server wants a client certificate; set `tls_cert` and `tls_private_key` "
            "(kubeadm: /etc/kubernetes/pki/etcd/healthcheck-client.crt and .key)"
        )
    end = expired_on(path)
    if end is not None:
        return f"the client certificate {path} expired on {end:%Y-%m-%d}; renew it"
    return f"the server does not accept the client certificate {path}; its CA must be in etcd's --trusted-ca-file"


def _network(root: BaseException, url: str, options: Mapping[str, Any]) -> TargetError:
    if isinstance(root, ConnectionRefusedError):
        return Unreachable("nothing listens there; is the process running, on this address and port?")
    if isinstance(root, socket.gaierror):
        return Unreachable("the host name does not resolve; correct it, or the DNS of this host")
    if isinstance(root, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return timed_out(patience(options))
    if isinstance(root, BROKEN_OFF):
        return _cut_off(root, url, options)
    if isinstance(root, OSError):
        return Unreachable("no connection to this host and port; is the network between them up?")
    return Unreachable(f"the request failed with {type(root).__name__}")


def timed_out(seconds: float) -> TimedOut:
    """The error for a target from which nothing, or not all, came in this time."""
    return TimedOut(
        f"no complete answer within {round(seconds, 1):g} s; "
        "is the process hung, its host down or overloaded, or a firewall in between?"
    )


def patience(options: Mapping[str, Any]) -> float:
    """How long a target may take in all, in seconds: the longest of its time-outs."""
    whole = float(options["timeout"])
    return max(float(options.get("connect_timeout", whole)), float(options.get("read_timeout", whole)))


def _cut_off(root: BaseException, url: str, options: Mapping[str, Any]) -> TargetError:
    if isinstance(root, IncompleteRead):
        return Unreachable("the connection broke in the middle of the page; is the process restarting?")
    if GRPC_ONLY.match(str(root)):
        return Moved(
            "only gRPC is spoken at this URL: etcd runs with --listen-client-http-urls; "
            "configure what it has there as `url`"
        )
    if not isinstance(root, OSError):
        return Unreachable("what answers there does not speak HTTP; is this the port of etcd's clients?")
    if url.startswith("http:"):
        return Unreachable("the server closed the connection without an answer; if it speaks TLS, write https://")
    if not options.get("tls_cert"):
        # With TLS 1.3 a client learns that it needed a certificate only when it reads: as an alert,
        # or, when the server closed first, as a reset.
        return Unreachable(
            "the server cut the connection; if it wants a client certificate, set `tls_cert` and `tls_private_key`; "
            "else, is the process restarting?"
        )
    return Unreachable("the server cut the connection; is the process restarting?")
