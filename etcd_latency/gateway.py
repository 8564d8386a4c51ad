"""etcd's gRPC gateway: its methods as JSON over HTTP, its errors as ours, its tokens kept in one place.

Wire facts, read in etcd's sources and seen on 3.4.23, 3.5.1 and 3.5.16: paths begin with /v3 (3.3: /v3beta),
64-bit integers are texts, zero values are left out, an error is `{"code": N, "message": ...}` with a gRPC
code, and a refusal outside of gRPC is plain text.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from etcd_latency import explain
from etcd_latency.client import Client
from etcd_latency.errors import BadPage, Denied, Down, NotOffered, NotPermitted, Refused, TargetError, Unhealthy
from etcd_latency.model import Credentials, Reply, Said
from etcd_latency.wire import json_object

PREFIXES = ("v3", "v3beta")

COMMON_NAME = "CommonName of client"
"""How the gateway begins its refusal of a client certificate with a common name (etcd: embed/serve.go)."""

NO_GATEWAY = (
    "etcd's gRPC gateway is not at this URL: it is off (--enable-grpc-gateway=false), "
    "or this is a listener for metrics alone (--listen-metrics-urls)"
)

BAD_COMMON_NAME = (
    "etcd's authentication is on, and its gateway takes no client certificate with a common name (CN); "
    "use one without, together with `username` and `password`"
)

NO_USER = "user name is empty"
"""etcd's message to who shows no token, since authentication is on."""

STALE = (NO_USER, "revision of auth store is old")
"""Messages of etcd that another token helps against, beside the code for it (clientv3: shouldRefreshToken)."""

LEARNER = "a learner answers no such question until it is promoted"

NO_RIGHTS = "this etcd user may not ask it; grant it the role, or do without"


REFUSED_SECONDS, FAILED_SECONDS = 60.0, 10.0
"""How long a login is not tried again that was refused, or that etcd could not do, but may soon."""


UNKNOWN, DEADLINE, NOT_FOUND, PERMISSION_DENIED = 2, 4, 5, 7
EXHAUSTED, FAILED_PRECONDITION, UNIMPLEMENTED, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED = 8, 9, 12, 14, 15, 16
"""Codes of gRPC (grpc/codes)."""

BY_WORDS: tuple[tuple[str, type[TargetError], str], ...] = (
    (
        NO_USER,
        NotPermitted,
        "etcd's authentication is on; set `username` and `password` of an etcd user",
    ),
    (
        "invalid user ID or password|user name not found",
        NotPermitted,
        "etcd does not accept `username` and `password`; correct them",
    ),
    (
        "not supported for learner",
        NotOffered,
        LEARNER,
    ),
    (
        "bad certificate|certificate required|incompatible key usage",
        NotOffered,
        (
            "etcd's gateway cannot reach etcd itself: the server certificate (--cert-file) "
            "lacks the extended key usage clientAuth"
        ),
    ),
)
"""Messages that mean something else than their code; the first pattern found counts."""

BY_CODE: dict[int, tuple[type[TargetError], str]] = {
    UNAUTHENTICATED: (NotPermitted, "etcd does not accept the token; is the clock of a member wrong?"),
    NOT_FOUND: (NotOffered, "this version of etcd does not know the method"),
    UNIMPLEMENTED: (NotOffered, "this version of etcd does not know the method"),
    **dict.fromkeys(
        (UNKNOWN, DEADLINE, EXHAUSTED, UNAVAILABLE, DATA_LOSS),
        (Unhealthy, "etcd took the question and could not do it"),
    ),
}


class Login:
    """The token of one etcd member, shared by all who ask it; without credentials there is none."""

    def __init__(self, credentials: Credentials | None, keep_secret: Callable[[str], None] = lambda _: None) -> None:
        """`keep_secret` is told of every token."""
        self._credentials = credentials
        self._keep_secret = keep_secret
        self._lock = threading.Lock()
        self._token: str | None = None
        self._is_settled = credentials is None
        self._not_before = 0.0
        self.problem: TargetError | None = None
        """Why the last login failed."""

    def token(self, client: Client) -> str | None:
        """The token, fetched where there is none yet; None where etcd wants none, or gives none now."""
        with self._lock:
            if not self._is_settled and self._credentials and time.monotonic() >= self._not_before:
                self._log_in(client, self._credentials)
            return self._token

    def renewed(self, client: Client, refused: str | None) -> str | None:
        """Another token than the refused one, or None where there is none; another thread may have it already."""
        with self._lock:
            if self._credentials and self._token == refused:
                self._is_settled = False
        return self.token(client)

    def _log_in(self, client: Client, credentials: Credentials) -> None:
        """A login that failed is not repeated with every question: it takes a quorum, and a costly comparison."""
        try:
            with client.in_half_the_time():
                self._token, self._is_settled = _authenticate(client, credentials)
        except TargetError as error:
            self.problem = NotPermitted(str(error)) if isinstance(error, Denied) else error
            self._not_before = time.monotonic() + (
                REFUSED_SECONDS if isinstance(error, NotPermitted) else FAILED_SECONDS
            )
        else:
            self.problem = None
            if self._token:
                self._keep_secret(self._token)


class Gateway:
    """Asks one member's gateway through one client."""

    def __init__(self, client: Client, login: Login) -> None:
        self._client = client
        self._login = login

    def call(self, path: str, fields: Mapping[str, Any]) -> Said:
        """POST to a method such as `kv/range`; raises a `TargetError` for what is no answer."""
        token = self._login.token(self._client)
        problem = self._login.problem
        if problem and not isinstance(problem, Down):
            raise type(problem)(str(problem))
        reply = _post(self._client, path, fields, token)
        if _wants_a_token(reply):
            another = self._login.renewed(self._client, token)
            if another != token:
                reply = _post(self._client, path, fields, another)
            problem = self._login.problem
        if problem and _wants_a_token(reply):
            # A login takes a quorum, and some questions want no token: so it was asked without. That this one
            # does is no reason to ask no other.
            raise Refused(f"the login of `username` failed: {problem}")
        return Said(_read(reply, path), reply.seconds, reply.warm)


def _authenticate(client: Client, credentials: Credentials) -> tuple[str | None, bool]:
    """A new token, and whether that is settled: where authentication is off there is none until it is wanted.

    A learner takes no login, but may be promoted: it is asked without a token for once.
    """
    reply = _post(client, "auth/authenticate", {"name": credentials.username, "password": credentials.password}, None)
    code, message = _message(reply)
    if code == FAILED_PRECONDITION:
        return None, "not enabled" in message
    token = _read(reply, "auth/authenticate").get("token")
    if not isinstance(token, str):
        raise BadPage("etcd's answer to `username` and `password` holds no token")
    return token, True


def _wants_a_token(reply: Reply) -> bool:
    """Whether it refuses for want of a token, or of a newer one."""
    code, message = _message(reply)
    return code == UNAUTHENTICATED or any(words in message for words in STALE)


def _post(client: Client, path: str, fields: Mapping[str, Any], token: str | None) -> Reply:
    headers = {"Authorization": token} if token else None
    for prefix in PREFIXES:
        reply = client.post(f"{client.target.url}/{prefix}/{path}", fields, headers)
        if reply.status != HTTPStatus.NOT_FOUND:
            break
    return reply


def _read(reply: Reply, path: str) -> dict[str, Any]:
    if reply.status != HTTPStatus.OK:
        raise _error(reply, path)
    fields = json_object(reply.body)
    if fields is None:
        raise BadPage(f"the answer to /v3/{path} is not a JSON object; is this an etcd member?")
    return fields


def _error(reply: Reply, path: str) -> TargetError:
    if reply.body.startswith(COMMON_NAME.encode()):
        return NotPermitted(BAD_COMMON_NAME)
    code, message = _message(reply)
    if code is None:
        return NotOffered(NO_GATEWAY) if reply.status == HTTPStatus.NOT_FOUND else explain.refuse(reply, f"/v3/{path}")
    if code == PERMISSION_DENIED:
        return Denied(f"{NO_RIGHTS} ({message})", reply.seconds, warm=reply.warm)
    for pattern, kind, advice in BY_WORDS:
        if re.search(pattern, message):
            return kind(f"{advice} ({message})")
    kind, advice = BY_CODE.get(code, (Refused, f"etcd refuses /v3/{path}"))
    return kind(f"{message}: {advice}" if kind is Unhealthy else f"{advice} ({message})")


def _message(reply: Reply) -> tuple[int | None, str]:
    """The gRPC code and the message of an error, without the `etcdserver: ` that etcd puts before it."""
    fields = json_object(reply.body) or {}
    code = fields.get("code")
    if not isinstance(code, int):
        return None, ""
    return code, str(fields.get("message", "")).removeprefix("etcdserver: ")
