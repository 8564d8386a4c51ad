"""Many targets at once, each with its own way to fail, under one deadline."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from datadog_checks.base.stubs.aggregator import AggregatorStub
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import start_http_server
from requests.utils import get_environ_proxies

from etcd_latency.answers import Answers
from etcd_latency.client import TURN_SECONDS, Client, Turns, Whole
from etcd_latency.errors import BadPage, Moved, NotOffered, TargetError, TimedOut, Unreachable
from etcd_latency.fetch import GRACE_SECONDS, MOST_AT_ONCE, ROOM_SECONDS, Fetcher, Lane
from etcd_latency.gateway import Gateway, Login
from etcd_latency.model import Failure, Page, PageRequest, Target
from etcd_latency.probes import HEALTH, LIVEZ, PAGE, Probe, Server
from lab.pki import Pki
from tests.conftest import MakeCheck, Serve, recorded
from tests.servers import Handler, broken_off, drip, page, silence, unframed
from tests.test_scrape import submitted

LEADER = recorded("etcd-3.5.16/m1-leader-load")
LOG = logging.LoggerAdapter(logging.getLogger(__name__), {})


REQUEST = PageRequest("text/plain", "identity")


def client(url: str, page: PageRequest = REQUEST, **options: Any) -> Client:
    target = Target(name=url, url=url, page_url=f"{url}/metrics", tags=())
    settings = {"timeout": 5, "skip_proxy": True, "persist_connections": True, "allow_redirects": False}
    return Client(target, settings | options, page=page, agent={}, log=LOG)


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


def await_the_end_of_questions(url: str) -> None:
    """Return when nobody asks at this URL any more."""
    deadline = time.monotonic() + 20
    while any(url.removeprefix("http://") in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)


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
        (silence(3), TimedOut, "no complete answer within 1 s"),
        (drip(b"etcd_x 1\n" * 10, 0.05), TimedOut, "no complete answer within 1 s"),
    ],
    ids=["404", "redirect", "broken-off", "cut", "silent", "dripping"],
)
def test_ways_to_fail(handler: Any, kind: type[TargetError], words: str, serve: Serve) -> None:
    """Each way to give no page has its own error, which says what to do."""
    one = client(serve(handler), timeout=1 if kind is TimedOut else 5)
    error = error_of(fetched(one))
    assert type(error) is kind
    assert words in str(error)


def test_a_drip_does_not_hold_its_thread(serve: Serve) -> None:
    """A page whose every byte comes in time, and whose whole does not, is given up at the time-out."""
    started = time.monotonic()
    with pytest.raises(TimedOut):
        client(serve(drip(b"etcd_x 1\n" * 50, 0.05)), timeout=0.3).page()
    assert time.monotonic() - started < 15  # and not the 22 seconds of the whole


def test_a_page_may_not_fill_the_memory(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends without end is left when its page is larger than any of etcd."""
    monkeypatch.setattr("etcd_latency.client.LARGEST_PAGE_BYTES", 1 << 20)
    one = client(serve(page(b"x" * (3 << 20))))
    error = error_of(fetched(one))
    assert type(error) is BadPage
    assert str(error) == "the answer is larger than 1 MiB; is this etcd?"


def test_all_are_asked_at_once_and_all_are_answered_for(serve: Serve) -> None:
    """Slow ones cost the time of the slowest, not the sum; each has an answer."""
    clients = [client(serve(silence(20)), timeout=2) for _ in range(5)] + [client(serve(page(b"etcd_x 1\n")))]
    started = time.monotonic()
    answers = run(Fetcher(), *map(lane, clients), seconds=2 + GRACE_SECONDS)
    assert time.monotonic() - started < 8
    assert [type(answers.of(one.target, PAGE)) for one in clients] == [Failure] * 5 + [Page]


def test_who_never_ends_is_left_behind_and_not_asked_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that outlives its run blocks neither that run nor the next, is never doubled, and counts for none."""
    asked, go_on = [], threading.Event()
    stuck = client(serve(page(b"")), timeout=2)
    monkeypatch.setattr(stuck, "page", lambda: (asked.append(1), go_on.wait(20), Page(b"late", ""))[2])
    fetch, one = Fetcher(), lane(stuck)
    first, second = (error_of(run(fetch, one, seconds=0.3).of(stuck.target, PAGE)) for _ in range(2))
    assert "no complete answer within 2 s" in str(first)
    assert "still no answer to the request of an earlier run" in str(second)
    assert len(asked) == 1
    go_on.set()
    await_the_end_of_questions(stuck.target.url)
    monkeypatch.undo()
    assert run(fetch, one).value(stuck.target, PAGE) == Page(b"", "text/plain; version=0.0.4; charset=utf-8")


def test_what_keeps_may_come_in_the_next_run(serve: Serve) -> None:
    """A page that takes longer than a run is no failure in it, is not asked for again, and counts in the next."""
    asked, go_on = [], threading.Event()

    def slow(request: Any) -> None:
        asked.append(1)
        go_on.wait(20)
        page(b"etcd_x 1\n")(request)

    one = client(serve(slow))
    fetch, kept = Fetcher(), lane(one, keeps=True)
    assert run(fetch, kept, seconds=0.2).of(one.target, PAGE) is None
    assert run(fetch, kept, seconds=0.1).of(one.target, PAGE) is None
    go_on.set()
    assert run(fetch, kept).value(one.target, PAGE) == Page(b"etcd_x 1\n", "text/plain; version=0.0.4; charset=utf-8")
    assert len(asked) == 1


def test_the_questions_of_a_lane_share_its_time(serve: Serve) -> None:
    """After a time-out the rest of a lane is not asked: it would wait as long for the same answer."""
    paths = []

    def hung(request: Any) -> None:
        paths.append(request.path)
        time.sleep(20)

    one = client(serve(hung), timeout=1)
    answers = run(Fetcher(), lane(one, PAGE, LIVEZ, HEALTH))
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


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, None),
        ({"headers": {"Accept-Encoding": "br"}}, "br"),
        ({"extra_headers": {"Accept-Encoding": "deflate"}}, "deflate"),
        ({"headers": {"X-Team": "storage"}}, "identity"),  # http.client's own, where nobody says anything
        ({"extra_headers": {"X-Team": "storage"}}, None),
    ],
    ids=["default", "headers", "extra_headers", "other headers", "other extra_headers"],
)
def test_the_encoding_that_is_asked_for(options: dict[str, Any], sent: str | None, encoding: str, serve: Serve) -> None:
    """The encoding of the target goes out, with pages and with what else is asked, unless a user's header wins."""
    seen = []

    def answer(request: Any) -> None:
        seen.append(request.headers.get_all("Accept-Encoding"))
        page(b"etcd_x 1\n")(request)

    one = client(serve(answer), PageRequest("text/plain", encoding), **options)
    one.page()
    one.get(one.target.url)
    assert seen == [[sent or encoding]] * 2


def test_what_is_sent_to_each_kind_of_server(serve: Serve, make_check: MakeCheck) -> None:
    """A check asks members for their pages as they are, and servers of Kubernetes for compressed ones."""
    seen: dict[tuple[str, str], set[str]] = {}

    def at(kind: str) -> str:
        def answer(request: Any) -> None:
            seen.setdefault((kind, request.path), set()).add(request.headers["Accept-Encoding"])
            page(LEADER)(request)

        return serve(answer)

    blocks = {kind: {"endpoints": [at(kind)]} for kind in ("apiserver", "controller_manager")}
    make_check(at("member"), **blocks).check({})
    assert {where: each for where, each in seen.items() if where[1] == "/metrics"} == {
        ("member", "/metrics"): {"identity"},
        ("apiserver", "/metrics"): {"gzip"},
        ("controller_manager", "/metrics"): {"gzip"},
    }
    assert set().union(*(each for (kind, _), each in seen.items() if kind == "apiserver")) == {"gzip"}


def test_only_pages_are_filtered(serve: Serve) -> None:
    """The families follow the URL of the page, each as a `name[]`, and no other URL."""
    seen = []

    def answer(request: Any) -> None:
        seen.append(request.path)
        page(b"etcd_x 1\n")(request)

    one = client(serve(answer), PageRequest("text/plain", "identity", ("etcd_a", "etcd_b_total")))
    one.page()
    one.get(f"{one.target.url}/health")
    assert seen == ["/metrics?name%5B%5D=etcd_a&name%5B%5D=etcd_b_total", "/health"]


def filtering(text: bytes, given: list[bytes]) -> Handler:
    """Serve a recorded page as client_golang 1.24 does: of the families, those whose names are in `name[]`."""
    families = {block.split()[2].decode(): block for block in re.split(rb"(?m)^(?=# HELP )", text) if block}

    def answer(request: Any) -> None:
        names = [value for name, value in parse_qsl(urlsplit(request.path).query) if name == "name[]"]
        given.append(b"".join(block for name, block in families.items() if not names or name in names))
        page(given[-1])(request)

    return answer


def names_in(text: bytes) -> set[str]:
    """The families of a page, by their names on it."""
    return set(re.findall("^# TYPE ([^ ]+)", text.decode(), re.MULTILINE))


def from_pages(aggregator: AggregatorStub) -> Counter[Any]:
    """What was submitted of pages, without the tags by which two servers differ, and without how long they took."""
    timed = {f"etcd_latency.apiserver.{name}" for name in ("livez.duration", "readyz.duration", "page.age")}
    return Counter(
        (name, kind, value, tuple(tag for tag in tags if not tag.startswith(("endpoint:", "apiserver:"))))
        for name, kind, value, tags in submitted(aggregator).elements()
        if name not in timed
    )


@pytest.mark.parametrize(
    ("options", "also"),
    [
        ({}, set()),
        ({"go_metrics": True}, {"go_goroutines", "go_gc_duration_seconds"}),
        ({"collect_histogram_buckets": True}, set()),
        (
            {"extra_metrics": ["promhttp_metric_handler_requests", {"etcd_debugging_store_expires": "expires"}]},
            {"promhttp_metric_handler_requests_total", "etcd_debugging_store_expires_total"},
        ),
        ({"share_labels": {"go_info": {"labels": ["version"]}}}, {"go_info"}),
        ({"use_process_start_time": True}, {"process_start_time_seconds"}),
    ],
    ids=["default", "go", "buckets", "extra", "shared labels", "process start"],
)
def test_a_filtered_page_of_a_member_gives_the_same(
    options: dict[str, Any], also: set[str], serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """A server that honours `name[]` sends less, and what is submitted is the same, to the last value and tag."""
    given: list[bytes] = []
    told: list[Counter[Any]] = []
    for filtered in (False, True):
        aggregator.reset()
        url = serve(filtering(LEADER, given))
        check = make_check({"url": url, "name": "m1"}, filter_families=filtered, **options)
        check.check({})
        check.check({})
        told.append(from_pages(aggregator))
    assert told[0] == told[1]
    assert len(told[0]) > 300
    assert given[1] == LEADER
    assert names_in(given[3]) < names_in(LEADER)
    assert also <= names_in(given[3])


def test_a_filtered_page_of_an_api_server_gives_the_same(
    serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """The mark by which a page of an API server is known is among what is asked for; most of the page is not."""
    text = recorded("kube-1.20.2/apiserver-fresh")
    given: list[bytes] = []
    told: list[Counter[Any]] = []
    for filtered in (False, True):
        aggregator.reset()
        block = {"endpoints": [serve(filtering(text, given))], "filter_families": filtered}
        make_check({"url": serve(page(LEADER)), "name": "m1"}, apiserver=block).check({})
        told.append(from_pages(aggregator))
    assert told[0] == told[1]
    assert "etcd_latency.apiserver.etcd_request.duration.count" in {name for name, *_ in told[1]}
    assert len(min(given, key=len)) < len(text) / 2


def test_a_real_server_understands_the_question() -> None:
    """prometheus_client's own server gives what is asked for by `name[]`, and nothing else."""
    metrics = CollectorRegistry()
    for name in ("etcd_a", "etcd_b", "etcd_c"):
        Gauge(name, "A gauge.", registry=metrics).set(1)
    server, thread = start_http_server(0, "127.0.0.1", metrics)
    try:
        one = client(
            f"http://127.0.0.1:{server.server_port}", PageRequest("text/plain", "identity", ("etcd_a", "etcd_c", "x"))
        )
        assert names_in(one.page().body) == {"etcd_a", "etcd_c"}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def taking(url: str, turns: Turns, **more: Any) -> Client:
    """A client that takes its pages in when it is its turn."""
    target = Target(name=url, url=url, page_url=f"{url}/metrics", tags=())
    return Client(target, {"timeout": 5, "skip_proxy": True}, page=REQUEST, agent={}, log=LOG, turns=turns, **more)


def hanging_in_the_middle(body: bytes, go_on: threading.Event, began: threading.Event) -> Handler:
    """Send half of the body, and the rest when told so."""

    def answer(request: Any) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2])
        began.set()
        go_on.wait(20)
        request.wfile.write(body[len(body) // 2 :])

    return answer


def await_true(holds: Callable[[], bool]) -> None:
    """Return when it does."""
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_pages_are_taken_in_one_after_the_other(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """From making its sink to having digested its page, a thread is alone."""
    monkeypatch.setattr("etcd_latency.client.TURN_SECONDS", 20)
    turns, url, events = Turns(), serve(page(b"etcd_x 1\n")), []

    def sink() -> Whole:
        events.append(("begins", threading.current_thread().name))
        time.sleep(0.02)
        return Whole()

    def digest(whole: Page) -> Page:
        time.sleep(0.02)
        events.append(("ends", threading.current_thread().name))
        return whole

    clients = [taking(url, turns, sink=sink, digest=digest) for _ in range(4)]
    threads = [threading.Thread(target=one.page, name=f"client {n}") for n, one in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [what for what, _ in events] == ["begins", "ends"] * 4
    assert [name for _, name in events[::2]] == [name for _, name in events[1::2]]
    assert {name for _, name in events} == {"client 0", "client 1", "client 2", "client 3"}


def test_who_hangs_in_its_turn_does_not_hold_up_the_others(serve: Serve) -> None:
    """Another's page is here a moment later, while the first still hangs; that one is whole when it goes on."""
    go_on, began, turns, got = threading.Event(), threading.Event(), Turns(), []
    first = taking(serve(hanging_in_the_middle(b"etcd_x 1\n" * 10, go_on, began)), turns)
    second = taking(serve(page(b"etcd_y 2\n")), turns)
    thread = threading.Thread(target=lambda: got.append(first.page().body))
    thread.start()
    assert began.wait(10)
    await_true(turns._lock.locked)
    started = time.monotonic()
    assert second.page().body == b"etcd_y 2\n"
    assert TURN_SECONDS <= time.monotonic() - started < 15  # and not the 20 seconds for which the first hangs
    assert got == []
    assert turns._lock.locked()  # it is still the turn of the first
    go_on.set()
    thread.join(20)
    assert got == [b"etcd_x 1\n" * 10]
    assert not turns._lock.locked()


@pytest.mark.parametrize("handler", [broken_off(b"etcd_x 1\n"), unframed(b"etcd_x 1\netcd_x"), page(b"x", status=503)])
def test_a_bad_page_ends_its_turn(handler: Handler, serve: Serve) -> None:
    """Who fails lets the next one begin at once, and not only when that has waited long enough."""
    turns = Turns()
    with pytest.raises(TargetError):
        taking(serve(handler), turns).page()
    assert not turns._lock.locked()


def test_the_page_is_what_was_made_of_it(serve: Serve) -> None:
    """A client gives on what its `digest` gives, which is shown the page as it came."""
    shown = []

    def digest(whole: Page) -> Page:
        shown.append((whole.body, whole.size))
        return Page(b"", whole.content_type, whole.size, whole.taken, numbers=[1.0])

    got = taking(serve(page(b"etcd_x 1\n")), Turns(), digest=digest).page()
    assert shown == [(b"etcd_x 1\n", 9)]
    assert (got.body, got.size, got.numbers) == (b"", 9, [1.0])


def test_the_members_of_a_check_share_their_turns(serve: Serve, make_check: MakeCheck) -> None:
    """There is one row in which the pages of a cluster stand."""
    check = make_check(serve(page(LEADER)), serve(page(LEADER)))
    check.check({})
    lanes = [lane for its in check._survey._schedule._lanes.values() for lane in its]
    assert len(lanes) == 2
    assert len({id(lane.server.http._turns) for lane in lanes}) == 1


def test_lanes_that_hang_leave_room_for_a_healthy_one(serve: Serve) -> None:
    """Behind twenty that hang, one that answers is asked, and answers, long before their time is over."""
    hung = [lane(client(serve(silence(20)), timeout=10)) for _ in range(20)]
    healthy = lane(client(serve(page(b"etcd_x 1\n"))))
    fetch = Fetcher()
    answers = fetch.begin()
    started = time.monotonic()
    fetch.start({each: each.probes for each in (*hung, healthy)})
    assert 13 * ROOM_SECONDS <= time.monotonic() - started < 8  # and not the ten seconds of one that hangs
    fetch.wait({healthy: healthy.probes}, started + 10)
    assert answers.value(healthy.server.target, PAGE) == Page(b"etcd_x 1\n", "text/plain; version=0.0.4; charset=utf-8")
    assert [answers.of(each.server.target, PAGE) for each in hung] == [None] * 20


def test_what_hangs_of_an_earlier_run_takes_no_room(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who was asked in this run is waited for."""
    fetch, hung = Fetcher(), [lane(client(serve(silence(20)), timeout=5)) for _ in range(MOST_AT_ONCE)]
    run(fetch, *hung, seconds=0.05)
    monkeypatch.setattr("etcd_latency.fetch.ROOM_SECONDS", 20)
    others = [lane(client(serve(silence(20)), timeout=5)) for _ in range(MOST_AT_ONCE)]
    fetch.begin()
    started = time.monotonic()
    fetch.start({each: each.probes for each in (*hung, *others)})
    assert time.monotonic() - started < 15


def test_few_are_asked_at_once_when_all_are_quick(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there is room for, who wait for each other here, and the next one only when one of them is done."""
    monkeypatch.setattr("etcd_latency.fetch.ROOM_SECONDS", 20)
    together = threading.Barrier(MOST_AT_ONCE, timeout=20)
    lock, now, most = threading.Lock(), 0, []

    def answer(request: Any) -> None:
        nonlocal now
        with lock:
            now += 1
            most.append(now)
        together.wait()
        with lock:
            now -= 1
        page(b"etcd_x 1\n")(request)

    url = serve(answer)
    targets = [client(f"{url}/{n}", timeout=20) for n in range(4 * MOST_AT_ONCE)]
    answers = run(Fetcher(), *map(lane, targets), seconds=20)
    assert [type(answers.of(one.target, PAGE)) for one in targets] == [Page] * len(targets)
    assert len(most) == len(targets)
    assert max(most) == MOST_AT_ONCE


def test_proxies_are_looked_up_once_for_each_origin(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read for a host and port that is new, and NO_PROXY holds for the one it names."""
    looked_up, at_proxy, at_target = [], [], []

    def look_up(url: str, **options: Any) -> dict[str, str]:
        looked_up.append(url)
        return get_environ_proxies(url, **options)

    def answer(seen: list[str]) -> Handler:
        return lambda request: (seen.append(request.path), page(b"etcd_x 1\n")(request))[1]

    for name in ("http_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", serve(answer(at_proxy)))
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr("requests.sessions.get_environ_proxies", look_up)
    direct = serve(answer(at_target)).replace("127.0.0.1", "localhost")
    one = client("http://10.0.0.1:2379", skip_proxy=False)
    for url in (one.target.url, direct, one.target.url, direct):
        one.get(f"{url}/a")
        one.get(f"{url}/b?c=d")
    assert looked_up == ["http://10.0.0.1:2379/a", f"{direct}/a"]
    assert at_proxy == ["http://10.0.0.1:2379/a", "http://10.0.0.1:2379/b?c=d"] * 2
    assert at_target == ["/a", "/b?c=d"] * 2


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
