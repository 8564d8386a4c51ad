"""Who is asked in a run, and who waits for whom."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from datadog_checks.base import AgentCheck
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck
from etcd_latency.probes import MEMBER_LIST
from lab.pki import Pki
from tests.conftest import Serve, recorded
from tests.gateway_server import Fake, Script, scripted
from tests.servers import page, silence
from tests.test_fetch import await_the_end_of_questions

LIST, STATUS, RANGE = "/v3/cluster/member/list", "/v3/maintenance/status", "/v3/kv/range"
METRICS = recorded("etcd-3.5.16/m1-leader-load").decode()

MakeFake = Callable[[Script], Fake]


@pytest.fixture
def fake() -> Iterator[MakeFake]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(scripted(script))


def member(fake: MakeFake, number: int, script: dict[str, Any] | None = None) -> Fake:
    """A member that has a page and a status."""
    header = {"cluster_id": "1", "member_id": str(number)}
    status = json.dumps({"header": header, "version": "3.5.16", "leader": "1", "raftTerm": "2"})
    return fake({"/metrics": (200, METRICS), STATUS: (200, status), **(script or {})})


def listing(number: int, *urls: str) -> tuple[int, str]:
    """The member list of one member: m1, m2, ... at these URLs."""
    members = [{"ID": str(n), "name": f"m{n}", "clientURLs": [url]} for n, url in enumerate(urls, 1)]
    return 200, json.dumps({"header": {"cluster_id": "1", "member_id": str(number)}, "members": members})


def check_of(*members: str, **options: Any) -> EtcdLatencyCheck:
    instance = {"cluster": "prod", "members": list(members), "skip_proxy": True, "timeout": 10} | options
    check = EtcdLatencyCheck("etcd_latency", {}, [instance])
    check.run_check_initializations()
    return check


def connected(aggregator: AggregatorStub) -> dict[str, int]:
    """The status of can_connect by server."""
    return {
        next(tag.split(":", 1)[1] for tag in stub.tags if tag.startswith(("etcd_member:", "apiserver:"))): stub.status
        for stub in aggregator.service_checks("etcd_latency.can_connect")
    }


def test_a_hung_seed_does_not_delay_who_is_found(fake: MakeFake, serve: Serve, aggregator: AggregatorStub) -> None:
    """Found through the seed that answers, a slow member has its time, while the other seed hangs."""
    slow = serve(lambda request: (time.sleep(0.8), page(METRICS.encode())(request))[1])
    hung = serve(silence(20))
    good = member(fake, 1, {LIST: listing(1, "http://127.0.0.1:1", slow)})
    started = time.monotonic()
    check_of(hung, good.url, discover_members=True, timeout=4).check({})
    assert time.monotonic() - started < 15  # and not the 20 seconds for which the seed hangs
    assert connected(aggregator)["m2"] == AgentCheck.OK


def test_a_voter_that_comes_back_as_a_learner(fake: MakeFake, aggregator: AggregatorStub) -> None:
    """Once it said so it is asked nothing that it would refuse, until it is promoted; what it said before is over."""
    header = {"cluster_id": "1", "member_id": "2"}
    voter = {"header": header, "version": "3.5.30", "leader": "1", "raftTerm": "2"}
    learner = voter | {"isLearner": True}
    old, new = listing(2, "http://10.0.0.1:2379"), listing(1, "http://10.0.0.1:2379", "http://10.0.0.2:2379")
    said = [(200, json.dumps(one)) for one in (voter, learner, learner, voter)]
    one = member(fake, 1, {LIST: [old, new]})
    other = member(fake, 2, {STATUS: said, LIST: [old, new], RANGE: (200, json.dumps({"header": header}))})
    check = check_of(one.url, other.url)
    reads, lists = [], []
    for run in range(5):
        if run == 2:
            check._survey.ask_again(MEMBER_LIST)
        aggregator.reset()
        other.asked.clear()
        check.check({})
        reads.append(any(not asked.fields["serializable"] for asked in other.asked_for(RANGE)))
        lists.append((len(other.asked_for(LIST)), aggregator.metrics("etcd_latency.cluster.member_lists")[0].value))
    assert reads == [True, True, False, False, True]
    assert lists == [(1, 1), (0, 1), (0, 1), (0, 1), (1, 1)]


def test_a_slow_page_of_an_api_server_counts_later(
    fake: MakeFake, serve: Serve, aggregator: AggregatorStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The members are submitted, the run ends, and the page comes with the next one, with its age."""
    monkeypatch.setattr("etcd_latency.survey.LINGER_SECONDS", 0.2)
    big = recorded("kube-1.20.2/apiserver-fresh")
    go_on = threading.Semaphore(0)

    def answer(request: Any) -> None:
        if request.path == "/metrics":
            go_on.acquire(timeout=25)
            page(big)(request)
        else:
            page(b"ok")(request)

    url = serve(answer)
    check = check_of(member(fake, 1).url, apiserver={"endpoints": [url]})
    started = time.monotonic()
    check.check({})
    assert time.monotonic() - started < 10
    assert list(connected(aggregator).values()) == [AgentCheck.OK]
    aggregator.assert_metric("etcd_latency.server.is_leader", count=1)
    assert aggregator.metrics("etcd_latency.apiserver.page.age") == []
    sent = time.monotonic()
    go_on.release()
    await_the_end_of_questions(url)
    time.sleep(0.2)
    aggregator.reset()
    check.check({})
    assert len(connected(aggregator)) == 2
    (age,) = aggregator.metrics("etcd_latency.apiserver.page.age")
    assert 0.2 <= age.value < time.monotonic() - sent
    assert aggregator.metrics("etcd_latency.apiserver.etcd_request.duration.count")
    go_on.release()


def test_a_page_that_never_ends_is_told(fake: MakeFake, serve: Serve, aggregator: AggregatorStub) -> None:
    """An API server that sends without end, or not at all, is a failure once its time is over."""
    servers = serve(silence(6))
    block = {"endpoints": [servers], "metrics_timeout": 0.3, "timeout": 0.3}
    check = check_of(member(fake, 1).url, apiserver=block)
    for _ in range(3):
        aggregator.reset()
        check.check({})
        time.sleep(0.4)
    assert sorted(connected(aggregator).values()) == [AgentCheck.OK, AgentCheck.CRITICAL]


def test_a_thread_that_cannot_start_is_no_dead_lane(
    fake: MakeFake, aggregator: AggregatorStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container without room for a thread the run says so, and the next one asks again."""
    check = check_of(member(fake, 1).url)

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("etcd_latency.workers.threading.Thread.start", refuse)
        with pytest.raises(Exception, match="the Agent may not start a thread"):
            check.check({})
    aggregator.reset()
    check.check({})
    assert list(connected(aggregator).values()) == [AgentCheck.OK]


def test_a_token_that_a_server_echoes_is_not_told(
    fake: MakeFake, aggregator: AggregatorStub, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Whatever comes back in an answer, the log and the service checks leave the token out."""
    caplog.set_level("DEBUG")
    pki = Pki(tmp_path)
    token = tmp_path / "token"
    token.write_text("hunter2")
    writer = {"type": "header", "name": "Authorization", "value": "Bearer <TOKEN>"}
    echo = (500, "you said Bearer hunter2")
    with scripted({"/livez/etcd": echo, "/readyz/etcd": echo, "/metrics": echo}, pki.issue("server")) as server:
        block = {
            "endpoints": [server.url],
            "tls_ca_cert": str(pki.ca),
            "auth_token": {"reader": {"type": "file", "path": str(token)}, "writer": writer},
        }
        check_of(member(fake, 1).url, apiserver=block).check({})
    assert {asked.token for asked in server.asked} == {"Bearer hunter2"}
    (stub,) = aggregator.service_checks("etcd_latency.apiserver.livez")
    assert stub.message.endswith("you said Bearer ********")
    assert "hunter2" not in caplog.text


def test_the_version_is_told_to_the_agent(fake: MakeFake, datadog_agent: Any) -> None:
    """The oldest that runs is the version of the cluster in the Agent's metadata."""
    newer = json.dumps({"header": {"cluster_id": "1", "member_id": "2"}, "version": "3.10.2"})
    check = check_of(member(fake, 1).url, member(fake, 2, {STATUS: (200, newer)}).url)
    check.check_id = "test:1"
    check.check({})
    parts = {"scheme": "semver", "major": "3", "minor": "5", "patch": "16", "raw": "3.5.16"}
    datadog_agent.assert_metadata("test:1", {f"version.{part}": value for part, value in parts.items()})


def test_a_page_with_a_series_twice_is_submitted_once(fake: MakeFake, aggregator: AggregatorStub) -> None:
    """Two values under one name and the same tags would reach the Agent as one that jumps; the last counts."""
    twice = "# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 0\netcd_server_has_leader 1\n"
    check_of(fake({"/metrics": (200, twice)}).url, probes=False).check({})
    aggregator.assert_metric("etcd_latency.server.has_leader", value=1, count=1)
