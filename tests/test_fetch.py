"""Many targets at once, each with its own way to fail, under one deadline."""

from __future__ import annotations

import logging
import os
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from etcd_latency.answers import Answers
from etcd_latency.client import Client
from etcd_latency.errors import BadPage, Moved, NotOffered, TargetError, TimedOut, Unreachable
from etcd_latency.fetch import GRACE_SECONDS, Fetcher, Lane
from etcd_latency.gateway import Gateway, Login
from etcd_latency.model import Failure, Page, Target
from etcd_latency.probes import HEALTH, LIVEZ, PAGE, Probe, Server
from lab.pki import Pki
from tests.conftest import Serve
from tests.servers import broken_off, drip, page, silence, unframed

LOG = logging.LoggerAdapter(logging.getLogger(__name__), {})


def client(url: str, **options: Any) -> Client:
    target = Target(name=url, url=url, page_url=f"{url}/metrics", tags=())
    settings = {"timeout": 5, "skip_proxy": True, "persist_connections": True, "allow_redirects": False}
    return Client(target, settings | options, accept="text/plain", agent={}, log=LOG)


def lane(one: Client, *probes: Probe[Any], keeps: bool = False) -> Lane:
    return Lane(Server(one.target, one, Gateway(one, Login(None))), probes or (PAGE,), keeps=keeps)


def run(fetch: Fetcher, *lanes: Lane, seconds: float = 5) -> Answers:
    """What one run gives that asks these lanes all of their questions."""
    answers = fetch.begin()
    wanted = {each: each.probes for each in lanes}
    fetch.start(wanted)
    fetch.wait(wanted, time.monotonic() + seconds)
    return answers


def fetched(one: Client) -> Page | Failure:
    answer = run(Fetcher(), lane(one)).of(one.target, PAGE)
    assert answer is not None
    return answer


def error_of(answer: Page | Failure | None) -> TargetError:
    assert isinstance(answer, Failure)
    return answer.error


def test_a_page_arrives_as_it_was_sent(serve: Serve) -> None:
    """Body and content type are the server's."""
    one = client(serve(page(b"etcd_x 1\n", content_type="text/plain; version=0.0.4; escaping=underscores")))
    assert fetched(one) == Page(b"etcd_x 1\n", "text/plain; version=0.0.4; escaping=underscores")


@pytest.mark.parametrize(
    ("handler", "kind", "words"),
    [
        (
            page(b"no", status=404),
            NotOffered,
            "HTTP 404 Not Found: there is no /metrics at this URL; set `metrics_url`",
        ),
        (page(b"", status=302, Location="http://127.0.0.1:1/"), Moved, "moved to http://127.0.0.1:1/"),
        (broken_off(b"etcd_x 1\n"), Unreachable, "broke in the middle of the page"),
        (unframed(b"etcd_x 12\netcd_x 1"), BadPage, "breaks off in the middle of a line"),
        (silence(3), TimedOut, "no complete answer within 0.3 s"),
        (drip(b"etcd_x 1\n" * 10, 0.05), TimedOut, "no complete answer within 0.3 s"),
    ],
    ids=["404", "redirect", "broken-off", "cut", "silent", "dripping"],
)
def test_ways_to_fail(handler: Any, kind: type[TargetError], words: str, serve: Serve) -> None:
    """Each way to give no page has its own error, which says what to do."""
    one = client(serve(handler), timeout=0.3)
    error = error_of(fetched(one))
    assert type(error) is kind
    assert words in str(error)


def test_a_drip_does_not_hold_its_thread(serve: Serve) -> None:
    """A page whose every byte comes in time, and whose whole does not, is given up at the time-out."""
    started = time.monotonic()
    with pytest.raises(TimedOut):
        client(serve(drip(b"etcd_x 1\n" * 10, 0.05)), timeout=0.3).page()
    assert time.monotonic() - started < 1


def test_a_page_may_not_fill_the_memory(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends without end is left when its page is larger than any of etcd."""
    monkeypatch.setattr("etcd_latency.client.LARGEST_PAGE_BYTES", 1 << 20)
    one = client(serve(page(b"x" * (3 << 20))))
    error = error_of(fetched(one))
    assert type(error) is BadPage
    assert str(error) == "the answer is larger than 1 MiB; is this etcd?"


def test_all_are_asked_at_once_and_all_are_answered_for(serve: Serve) -> None:
    """Slow ones cost the time of the slowest, not the sum; each has an answer."""
    clients = [client(serve(silence(3)), timeout=1) for _ in range(5)] + [client(serve(page(b"etcd_x 1\n")))]
    started = time.monotonic()
    answers = run(Fetcher(), *map(lane, clients), seconds=1 + GRACE_SECONDS)
    assert time.monotonic() - started < 1 + GRACE_SECONDS + 1
    assert [type(answers.of(one.target, PAGE)) for one in clients] == [Failure] * 5 + [Page]


def test_who_never_ends_is_left_behind_and_not_asked_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that outlives its run blocks neither that run nor the next, is never doubled, and counts for none."""
    asked = []
    stuck = client(serve(page(b"")), timeout=0.2)
    monkeypatch.setattr(stuck, "page", lambda: (asked.append(1), time.sleep(1), Page(b"late", ""))[2])
    fetch, one = Fetcher(), lane(stuck)
    first, second = (error_of(run(fetch, one, seconds=0.3).of(stuck.target, PAGE)) for _ in range(2))
    assert "no complete answer within 0.2 s" in str(first)
    assert "still no answer to the request of an earlier run" in str(second)
    assert len(asked) == 1
    time.sleep(1)
    monkeypatch.undo()
    assert run(fetch, one).value(stuck.target, PAGE) == Page(b"", "text/plain; version=0.0.4; charset=utf-8")


def test_what_keeps_may_come_in_the_next_run(serve: Serve) -> None:
    """A page that takes longer than a run is no failure in it, is not asked for again, and counts in the next."""
    asked = []

    def slow(request: Any) -> None:
        asked.append(1)
        time.sleep(0.6)
        page(b"etcd_x 1\n")(request)

    one = client(serve(slow))
    fetch, kept = Fetcher(), lane(one, keeps=True)
    assert run(fetch, kept, seconds=0.2).of(one.target, PAGE) is None
    assert run(fetch, kept, seconds=0.1).of(one.target, PAGE) is None
    assert run(fetch, kept).value(one.target, PAGE) == Page(b"etcd_x 1\n", "text/plain; version=0.0.4; charset=utf-8")
    assert len(asked) == 1


def test_the_questions_of_a_lane_share_its_time(serve: Serve) -> None:
    """After a time-out the rest of a lane is not asked: it would wait as long for the same answer."""
    paths = []

    def hung(request: Any) -> None:
        paths.append(request.path)
        time.sleep(3)

    one = client(serve(hung), timeout=0.3)
    started = time.monotonic()
    answers = run(Fetcher(), lane(one, PAGE, LIVEZ, HEALTH))
    assert time.monotonic() - started < 0.6
    assert paths == ["/metrics"]
    assert {str(answers.error(one.target, probe)) for probe in (PAGE, LIVEZ, HEALTH)} == {
        str(answers.error(one.target, PAGE))
    }


def test_a_refusal_does_not_end_a_lane(serve: Serve) -> None:
    """A page that is not there says nothing about the health page beside it."""

    def answer(request: Any) -> None:
        page(b'{"health":"true"}' if request.path == "/health" else b"no", 200 if request.path == "/health" else 404)(
            request
        )

    one = client(serve(answer))
    answers = run(Fetcher(), lane(one, PAGE, LIVEZ, HEALTH))
    assert isinstance(answers.error(one.target, PAGE), NotOffered)
    assert isinstance(answers.error(one.target, LIVEZ), NotOffered)
    health = answers.value(one.target, HEALTH)
    assert health is not None
    assert health.passed


def test_a_page_without_a_length_may_be_whole(serve: Serve) -> None:
    """HTTP/1.0 does not tell where a body ends; one that ends with a line does."""
    one = client(serve(unframed(b"etcd_x 12\n")))
    assert fetched(one) == Page(b"etcd_x 12\n", "")


def test_a_token_is_told_nowhere(serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A token file with a second line makes a header that requests refuses, quoting it; we do not."""
    caplog.set_level(logging.DEBUG)
    token = tmp_path / "token"
    token.write_text("hunter2\nhunter2")
    writer = {"type": "header", "name": "Authorization", "value": "Bearer <TOKEN>"}
    one = client(serve(page(b"")), auth_token={"reader": {"type": "file", "path": str(token)}, "writer": writer})
    error = error_of(fetched(one))
    assert "the token of `auth_token` holds what no header can" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error)) + caplog.text


def test_connections_are_kept(serve: Serve) -> None:
    """Two runs use one connection, for a handshake costs etcd more than a page."""
    ports = []

    def answer(request: Any) -> None:
        ports.append(request.client_address[1])
        page(b"etcd_x 1\n")(request)

    one, fetch = lane(client(serve(answer))), Fetcher()
    run(fetch, one)
    run(fetch, one)
    assert len(ports) == 2
    assert len(set(ports)) == 1


@pytest.mark.parametrize(
    ("options", "accept"),
    [
        ({}, "text/plain"),
        ({"headers": {"Accept": "text/x"}}, "text/x"),
        ({"extra_headers": {"Accept": "text/y"}}, "text/y"),
    ],
)
def test_the_format_that_is_asked_for(options: dict[str, Any], accept: str, serve: Serve) -> None:
    """The check's Accept header goes out, unless a user sets one."""
    seen = []

    def answer(request: Any) -> None:
        seen.append(request.headers["Accept"])
        page(b"etcd_x 1\n")(request)

    fetched(client(serve(answer), **options))
    assert seen == [accept]


@pytest.mark.parametrize("option", ["tls_ca_cert", "tls_cert", "tls_private_key"])
def test_a_missing_file_is_named(option: str, tmp_path: Path) -> None:
    """Base passes over a missing file and fails later with something else; here the file is named."""
    pair = Pki(tmp_path).issue("client")
    options = {"tls_ca_cert": str(tmp_path / "ca.crt"), "tls_cert": str(pair.cert), "tls_private_key": str(pair.key)}
    one = client("https://127.0.0.1:1", **(options | {option: "/nowhere/x.pem"}))
    error = error_of(fetched(one))
    assert str(error) == f"`{option}`: there is no file /nowhere/x.pem; correct the path, or create the file"


@pytest.mark.parametrize("method", ["read_bytes", "stat"])
def test_a_file_that_may_not_be_read_is_named(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kubeadm's keys are root's: whether file or folder is closed, the operator learns which user lacks what."""
    pair = Pki(tmp_path).issue("client")

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    for closed in {method, "read_bytes"}:
        monkeypatch.setattr(Path, closed, refuse)
    one = client("https://127.0.0.1:1", tls_cert=str(pair.cert), tls_private_key=str(pair.key))
    one._stamp = ((-1, -1),)
    assert str(error_of(fetched(one))).startswith(
        f"`tls_cert`: {pair.cert} cannot be read by the Agent's user, uid {os.geteuid()} (Permission denied)"
    )


def test_a_folder_of_certificates_is_no_missing_file(tmp_path: Path) -> None:
    """`tls_ca_cert` may be a directory, as `openssl rehash` prepares it."""
    one = client("https://127.0.0.1:1", tls_ca_cert=str(tmp_path))
    assert "nothing listens there" in str(error_of(fetched(one)))


def test_an_encrypted_key_without_password_is_named(tmp_path: Path) -> None:
    """OpenSSL would ask for the password on the terminal, if there is one, and hang."""
    key = tmp_path / "client.key"
    key.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    one = client("https://127.0.0.1:1", tls_cert=str(key), tls_private_key=str(key))
    assert "is encrypted; set `tls_private_key_password`" in str(error_of(fetched(one)))


def test_the_password_of_a_key_is_not_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Base logs all of its TLS options when it connects, the password among them; that record is cut."""
    pair = Pki(tmp_path).issue("client")
    caplog.set_level(logging.DEBUG)
    one = client(
        "https://127.0.0.1:1",
        tls_cert=str(pair.cert),
        tls_private_key=str(pair.key),
        tls_private_key_password="hunter2",
    )
    fetched(one)
    assert "Creating SSL context" in caplog.text
    assert "hunter2" not in caplog.text
