"""Requests that are prepared once: what reaches a server is what requests would have sent anew each time."""

from __future__ import annotations

import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from etcd_latency import wrapper
from etcd_latency.client import Client
from etcd_latency.errors import TargetError
from tests.conftest import Serve
from tests.servers import page
from tests.test_fetch import client

BODY = b"# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n"

Sent = list[tuple[str, dict[str, str]]]
"""Paths and headers."""


class Server:
    """Takes down what it is asked; answers with what was set last."""

    def __init__(self) -> None:
        self.asked: Sent = []
        self.token = ""
        self.digest = False
        self.headers: dict[str, str] = {}
        self.moved = ""

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in request.headers.items() if name != "Host"}
        user = headers.get("authorization", "")
        # The client's nonce is another one each time, and with it the response.
        self.asked.append((request.path, headers | {"authorization": re.sub(r'(nonce|response)="\w*"', "", user)}))
        if self.digest and not user.startswith("Digest"):
            challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="abc", qop="auth"'}
            return page(b"", 401, **challenge)(request)
        if self.token and user != f"Bearer {self.token}":
            return page(b"", 401)(request)
        if self.moved and request.path == "/metrics":
            return page(b"", 302, Location=self.moved, **self.headers)(request)
        return page(BODY, **self.headers)(request)


Step = Callable[[Server, Path], Any] | str
"""Something that changes, or a path that is asked for."""


def set_(**values: Any) -> Step:
    return lambda server, _: server.__dict__.update(values)


def write(name: str, text: str) -> Step:
    return lambda _, folder: (folder / name).write_text(text)


def remove(name: str) -> Step:
    return lambda _, folder: (folder / name).unlink()


PAGE = "/metrics"
USER = {"username": "u", "password": "p"}
TOKEN = {"token": "token"}
"""Put in for a token that is read from the file of that name."""

SCENARIOS: dict[str, tuple[dict[str, Any], list[Step]]] = {
    "plain": ({}, [PAGE, PAGE, "/health", "/health", PAGE]),
    "more addresses than are known": ({}, [f"/{number}" for number in range(4)] * 2),
    "headers": ({"headers": {"X-A": "1"}}, [PAGE, PAGE]),
    "extra headers": ({"extra_headers": {"X-A": "1", "Accept-Encoding": "gzip"}}, [PAGE, PAGE]),
    "a new connection each time": ({"persist_connections": False}, [PAGE, PAGE]),
    "basic": (USER, [PAGE, PAGE]),
    "digest": ({**USER, "auth_type": "digest"}, [set_(digest=True), PAGE, PAGE]),
    "a token that is renewed": (
        TOKEN,
        [write("token", "a"), set_(token="a"), PAGE, PAGE, write("token", "b"), set_(token="b"), PAGE, PAGE, "/x"],
    ),
    "cookies": ({}, [set_(headers={"Set-Cookie": "a=1"}), PAGE, PAGE, set_(headers={"Set-Cookie": "a=2"}), PAGE, PAGE]),
    "a cookie that is taken back": (
        {},
        [set_(headers={"Set-Cookie": "a=1"}), PAGE, set_(headers={"Set-Cookie": "a=1; Max-Age=0"}), PAGE, PAGE, PAGE],
    ),
    "redirects": ({"allow_redirects": True}, [set_(moved="/other"), PAGE, PAGE, set_(moved=""), PAGE]),
    "redirects with cookies": (
        {"allow_redirects": True},
        [set_(moved="/other", headers={"Set-Cookie": "a=1"}), PAGE, PAGE, set_(moved="", headers={}), PAGE],
    ),
    "netrc": (
        {},
        [
            *(PAGE, write("netrc", "machine 127.0.0.1 login a password b\n"), PAGE, PAGE),
            *(write("netrc", "machine 127.0.0.1 login c password d\n"), PAGE, remove("netrc"), PAGE),
        ],
    ),
}


def sent(serve: Serve, folder: Path, options: dict[str, Any], steps: list[Step]) -> Sent:
    """What reaches a server."""
    server = Server()
    url = serve(server)
    if options is TOKEN:
        writer = {"type": "header", "name": "Authorization", "value": "Bearer <TOKEN>"}
        reader = {"type": "file", "path": str(folder / "token")}
        options = {"auth_token": {"reader": reader, "writer": writer}}
    one = client(url, **options)
    for step in steps:
        if isinstance(step, str):
            asked(one, url, step)
        else:
            step(server, folder)
    return server.asked


def asked(one: Client, url: str, path: str) -> None:
    try:
        if path == PAGE:
            one.page()
        else:
            one.get(url + path)
    except TargetError:
        """It was asked all the same."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_sent(name: str, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address by address and header by header, whoever asks, and whatever changes between two questions."""
    options, steps = SCENARIOS[name]
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(wrapper, "MOST_PREPARED", 3)
    found = sent(serve, tmp_path, options, steps)
    monkeypatch.setattr(wrapper, "_prepared_once", lambda session: session.prepare_request)
    assert found == sent(serve, tmp_path, options, steps)
    assert len(found) >= sum(isinstance(step, str) for step in steps)


def test_the_same_page_is_prepared_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two addresses asked for three times are two requests to put together."""
    url = serve(Server())
    prepared: list[str] = []
    prepare = requests.Session.prepare_request

    def counted(session: requests.Session, request: requests.Request) -> requests.PreparedRequest:
        if request.url.startswith(url):  # the lab's load goes on meanwhile
            prepared.append(request.url)
        return prepare(session, request)

    monkeypatch.setattr(requests.Session, "prepare_request", counted)
    one = client(url)
    for path in (PAGE, "/health") * 3:
        asked(one, url, path)
    assert prepared == [f"{url}/metrics", f"{url}/health"]
