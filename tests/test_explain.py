"""Library errors to advice; the real TLS errors are in test_real_cluster.py."""

from __future__ import annotations

import socket
import ssl
from http.client import BadStatusLine, IncompleteRead

import pytest
import requests
from urllib3.exceptions import LocationParseError, MaxRetryError, NewConnectionError, ProtocolError

from etcd_latency.errors import Moved, NotOffered, NotPermitted, Refused, TargetError, TimedOut, TlsRefused, Unreachable
from etcd_latency.explain import patience, refuse, translate
from etcd_latency.model import Reply

URL = "https://10.0.0.1:2379/metrics"


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] words of OpenSSL (_ssl.c:1006)")
    error.reason = reason
    return error


def reply(status: int, location: str | None = None) -> Reply:
    return Reply(status, "Words", location, b"", seconds=0.1, warm=True)


def wrapped(error: Exception) -> Exception:
    """As requests and urllib3 hand it on: as an argument, as `reason`, as cause."""
    middle = MaxRetryError(None, URL, error)  # type: ignore[arg-type] # the pool is used for its name only
    outer = requests.ConnectionError(middle)
    outer.__cause__ = middle
    return outer


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), Unreachable, "nothing listens there"),
        (socket.gaierror(-2, "Name or service not known"), Unreachable, "does not resolve"),
        (OSError(113, "No route to host"), Unreachable, "no connection to this host"),
        (TimeoutError("timed out"), TimedOut, "no complete answer within 7 s"),
        (requests.ReadTimeout("read"), TimedOut, "no complete answer within 7 s"),
        (ConnectionResetError(104, "reset"), Unreachable, "if it wants a client certificate, set `tls_cert`"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Unreachable, "the server cut the connection"),
        (IncompleteRead(b"etcd", 100), Unreachable, "broke in the middle of the page"),
        (tls_error("TLSV1_UNRECOGNIZED_NAME"), TlsRefused, "TLS failed"),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), TlsRefused, "tls_ciphers"),
        (ssl.SSLError("No cipher can be selected."), TlsRefused, "tls_ciphers"),
        (tls_error("BAD_DECRYPT"), TlsRefused, "`tls_private_key_password` is wrong"),
        (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), TlsRefused, "wants a client certificate"),
        (tls_error("SSLV3_ALERT_BAD_CERTIFICATE"), TlsRefused, "wants a client certificate"),
        (tls_error("WRONG_VERSION_NUMBER"), TlsRefused, "does not speak TLS"),
        (tls_error("RECORD_LAYER_FAILURE"), TlsRefused, "does not speak TLS"),
        (tls_error("KEY_VALUES_MISMATCH"), TlsRefused, "does not belong to"),
        (tls_error("TLSV1_ALERT_PROTOCOL_VERSION"), TlsRefused, "tls_protocols_allowed"),
        (tls_error("NO_SHARED_CIPHER"), TlsRefused, "tls_ciphers"),
        (tls_error("PEM_LIB"), TlsRefused, "is not a PEM file"),
        (RuntimeError("what?"), Unreachable, "RuntimeError"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda error: error, wrapped], ids=["bare", "wrapped"])
def test_what_happened_is_told_by_the_innermost_error(
    error: Exception, kind: type[TargetError], words: str, wrap: type[Exception]
) -> None:
    """However deep the libraries wrapped it, the operator reads what is the case and what to do."""
    translated = translate(wrap(error), URL, {"timeout": 7})
    assert type(translated) is kind
    assert words in str(translated)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "(Connection refused)"),
        (tls_error("WRONG_VERSION_NUMBER"), "(words of OpenSSL)"),
        (TimeoutError("_ssl.c:989: The handshake operation timed out"), "(The handshake operation timed out)"),
        (OSError("cannot reach http://user:hunter2@proxy:3128"), "(cannot reach http://***@proxy:3128)"),
        (RuntimeError(), "(RuntimeError)"),
    ],
)
def test_the_library_s_own_words_come_last(error: Exception, words: str) -> None:
    """For whoever searches for them: without codes and source lines, and without the password of a proxy."""
    assert str(translate(error, URL, {"timeout": 7})).endswith(words)


def test_a_reset_with_a_client_certificate_is_no_certificate_problem() -> None:
    """Whoever shows a certificate and is cut off meets a restart rather than a refusal."""
    error = translate(
        ProtocolError("aborted", ConnectionResetError(104, "reset")), URL, {"timeout": 7, "tls_cert": "a"}
    )
    assert str(error).startswith("the server cut the connection; is the process restarting?")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.exceptions.ProxyError(ConnectionRefusedError(111, "hunter2")), "correct `proxy`, or set `skip_proxy"),
        (requests.exceptions.InvalidProxyURL("http://u:hunter2/x"), "correct `proxy`, or set `skip_proxy"),
        (LocationParseError("u:hunter2"), "correct `proxy`, or set `skip_proxy"),
        (requests.exceptions.InvalidHeader("Bearer hunter2"), "the token of `auth_token` holds what no header can"),
        (UnicodeEncodeError("latin-1", "hunter2", 0, 1, "ordinal"), "holds letters that cannot be sent"),
        (requests.exceptions.TooManyRedirects("30 hunter2"), "redirects lead in a circle"),
        (requests.exceptions.ContentDecodingError("hunter2"), "the page cannot be decompressed"),
    ],
)
def test_errors_that_may_quote_a_secret_are_not_repeated(error: Exception, words: str) -> None:
    """A proxy's URL, a token and a header stand in the words of these; ours name the option instead."""
    told = str(translate(error, URL, {"timeout": 7}))
    assert words in told
    assert "hunter2" not in told


def test_a_file_that_base_reads_is_named() -> None:
    """A token file that went away is no network problem."""
    error = FileNotFoundError(2, "No such file or directory", "/var/run/token")
    error.__context__ = requests.HTTPError("401")
    told = str(translate(error, URL, {"timeout": 7}))
    assert told == "/var/run/token, which an option names, cannot be read (No such file or directory)"


def test_a_cut_between_two_chunks_is_a_broken_connection() -> None:
    """http.client finds no length where the next chunk should begin, and raises its own error out of that one."""
    error = IncompleteRead(b"")
    error.__context__ = ValueError("invalid literal for int() with base 16: b''")
    assert "broke in the middle of the page" in str(translate(wrapped(error), URL, {"timeout": 7}))


def test_what_does_not_speak_http_is_told_as_that() -> None:
    """Some other protocol answers on the port; it did not just close."""
    assert "does not speak HTTP" in str(translate(BadStatusLine("\x00\x01"), URL, {"timeout": 7}))


def test_a_message_fits_a_screen_and_obeys_nobody() -> None:
    """What a server wrote is cut, and stripped of what a terminal would take for a command."""
    told = str(translate(RuntimeError("\x1b[31m" + "x" * 100_000), URL, {"timeout": 7}))
    assert len(told) < 1000
    assert "\x1b" not in told


def test_plain_http_towards_a_tls_port() -> None:
    """etcd closes such a connection without a word; the likely reason is named."""
    error = translate(ConnectionResetError(104, "reset"), "http://10.0.0.1:2379/metrics", {"timeout": 7})
    assert "write https://" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, Refused, "write https://"),
        (401, NotPermitted, "system:monitoring"),
        (407, Refused, "the proxy wants credentials"),
        (403, NotPermitted, "let this user read /metrics (Kubernetes: bind the ClusterRole system:monitoring)"),
        (404, NotOffered, "there is no /metrics at this URL"),
        (421, Moved, "--host-whitelist"),
        (500, Refused, "log of the server"),
        (503, Refused, "log of the server"),
        (599, Refused, "log of the server"),
    ],
)
def test_http_statuses_come_with_advice(status: int, kind: type[TargetError], words: str) -> None:
    """Each status that a member or something in front of it answers says what to change."""
    error = refuse(reply(status), "/metrics")
    assert type(error) is kind
    assert str(error).startswith(f"HTTP {status}")
    assert words in str(error)


def test_a_redirect_names_where_to() -> None:
    """A redirect is not followed; its target is told, for it may be the right URL."""
    error = refuse(reply(302, "https://root:hunter2@login.example/"), "/metrics")
    assert type(error) is Moved
    assert "moved to https://***@login.example/:" in str(error)


def test_a_port_for_grpc_alone_is_told_as_that() -> None:
    """The first bytes of HTTP/2, as etcd 3.5.16 with --listen-client-http-urls sends them to an HTTP/1.1 client."""
    error = translate(BadStatusLine("\x00\x00\x06\x04\x00\x00\x00"), URL, {"timeout": 7})
    assert type(error) is Moved
    assert "--listen-client-http-urls" in str(error)


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"timeout": 10}, 10),
        ({"timeout": 10, "connect_timeout": 2, "read_timeout": 5}, 5),
        ({"timeout": 10, "read_timeout": 30}, 30),
        ({"timeout": 10, "connect_timeout": 2}, 10),
    ],
)
def test_patience_is_the_longest_time_out(options: dict[str, float], seconds: float) -> None:
    """How long a target may take follows from the time-outs that are in force for it."""
    assert patience(options) == seconds


def test_a_new_connection_error_is_no_exception_trap() -> None:
    """urllib3's error holds its connection as an argument, which is not an exception to descend into."""
    inner = NewConnectionError(None, "Failed to establish a new connection")  # type: ignore[arg-type] # name only
    inner.__context__ = ConnectionRefusedError(111, "Connection refused")
    assert "nothing listens there" in str(translate(inner, URL, {"timeout": 7}))
