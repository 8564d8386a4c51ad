"""What the check says of real clusters, healthy and broken, beside what etcdctl says at the same moment."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from datadog_checks.base import AgentCheck
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck
from lab import cluster, faults
from lab.cluster import Cluster, Member
from lab.process import LabError

OK, CRITICAL, UNKNOWN = AgentCheck.OK, AgentCheck.CRITICAL, AgentCheck.UNKNOWN
TRIES = 5
"""A machine that is busy may keep members from hearing of their leader in time."""


def check_of(lab: Cluster, **options: Any) -> EtcdLatencyCheck:
    """A check of this cluster that is told its members' URLs, but not their names."""
    instance = lab.instance(timeout=9) | {"members": [member.client_url for member in lab.members]} | options
    check = EtcdLatencyCheck("etcd_latency", {}, [instance])
    check.run_check_initializations()
    return check


def statuses(aggregator: AggregatorStub, name: str) -> dict[str, int]:
    """The status of a service check by member."""
    return {member_of(stub.tags): stub.status for stub in aggregator.service_checks(f"etcd_latency.{name}")}


def messages(aggregator: AggregatorStub, name: str) -> dict[str, str]:
    return {member_of(stub.tags): stub.message for stub in aggregator.service_checks(f"etcd_latency.{name}")}


def values(aggregator: AggregatorStub, name: str, *tags: str) -> dict[str, float]:
    """The value of a metric by member."""
    return {
        member_of(stub.tags): stub.value
        for stub in aggregator.metrics(f"etcd_latency.{name}")
        if set(tags) <= set(stub.tags)
    }


def member_of(tags: list[str]) -> str:
    return next((tag.removeprefix("etcd_member:") for tag in tags if tag.startswith("etcd_member:")), "")


def healthy_by_etcdctl(lab: Cluster) -> dict[str, bool]:
    """What `etcdctl endpoint health` says of each member; it tells a failure by its exit code only."""
    found = {}
    for member in lab.members:
        found[member.name] = False
        with suppress(LabError):
            asked = lab.etcdctl("endpoint", "health", "--command-timeout=5s", members=[member])
            found[member.name] = asked[0]["health"]
    return found


def status_of(lab: Cluster, member: Member) -> dict[str, Any]:
    """What `etcdctl endpoint status` says of a member."""
    (said,) = lab.etcdctl("endpoint", "status", members=[member])
    status: dict[str, Any] = said["Status"]
    return status


def raisers_of(lab: Cluster) -> set[str]:
    """The members that have raised an alarm by now, as `etcdctl alarm list` says."""
    ids = {entry["ID"]: entry["name"] for entry in lab.etcdctl("member", "list")["members"]}
    return {ids[alarm["memberID"]] for alarm in lab.etcdctl("alarm", "list")["alarms"]}


def undisturbed(lab: Cluster, aggregator: AggregatorStub, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What members said of themselves before and after a check's first run in whose course nobody was elected."""
    for _ in range(TRIES):
        aggregator.reset()
        before = {member.name: status_of(lab, member) for member in lab.members}
        check_of(lab, **options).check({})
        after = {member.name: status_of(lab, member) for member in lab.members}
        if len({status["raftTerm"] for status in (*before.values(), *after.values())}) == 1:
            break
    return before, after


def named(lab: Cluster) -> list[str]:
    return [member.name for member in lab.members]


def version_of(lab: Cluster) -> tuple[int, ...]:
    return tuple(map(int, lab.version.split(".")))


@pytest.fixture(autouse=True)
def _nothing_twice(aggregator: AggregatorStub) -> Iterator[None]:
    """In no scenario is the same name, type and tags submitted twice in the last run."""
    yield
    for name in aggregator.metric_names:
        series = [(stub.type, tuple(sorted(stub.tags))) for stub in aggregator.metrics(name)]
        assert len(series) == len(set(series)), name


def test_a_healthy_cluster(lab: Cluster, aggregator: AggregatorStub) -> None:
    """Names, health, status and member list are etcdctl's; all checks are ok, and members agree."""
    before, after = undisturbed(lab, aggregator)
    assert statuses(aggregator, "endpoint.health") == dict.fromkeys(named(lab), OK)
    assert healthy_by_etcdctl(lab) == dict.fromkeys(named(lab), True)
    for name in ("can_connect", "alarm", "certificate"):
        assert statuses(aggregator, name) == dict.fromkeys(named(lab), OK)
    for member in lab.members:
        status = after[member.name]
        own = f"etcd_member:{member.name}"
        # The files of a young cluster grow by a page now and then.
        size = values(aggregator, "status.db.total_size", own)[member.name]
        assert before[member.name]["dbSize"] <= size <= status["dbSize"]
        for name, value in {
            "status.raft.term": status["raftTerm"],
            "status.is_leader": int(status["leader"] == status["header"]["member_id"]),
            "status.is_learner": 0,
            "status.has_leader": 1,
            "status.errors": 0,
        }.items():
            assert values(aggregator, name, own) == {member.name: value}, name
        assert 0 <= status["raftIndex"] - values(aggregator, "status.raft.index", own)[member.name] < 50
    figures = {
        name: [stub.value for stub in aggregator.metrics(f"etcd_latency.cluster.{name}")]
        for name in ("members", "learners", "versions", "ids", "leaders", "member_lists", "raft_term.spread")
    }
    assert figures == {
        "members": [3],
        "learners": [0],
        "versions": [1],
        "ids": [1],
        "leaders": [1],
        "member_lists": [1],
        "raft_term.spread": [0],
    }
    assert aggregator.events == []


def test_how_long_reads_and_writes_take(lab: Cluster, aggregator: AggregatorStub) -> None:
    """Each member's two reads and the write are timed, in seconds: none takes longer than the run."""
    started = time.monotonic()
    undisturbed(lab, aggregator)
    elapsed = time.monotonic() - started
    for name in ("probe.read.serializable", "probe.read.linearizable", "probe.write"):
        found = values(aggregator, f"{name}.duration")
        assert list(found) == named(lab)
        assert all(0 < seconds < elapsed for seconds in found.values()), found


def test_what_a_version_offers(lab: Cluster, aggregator: AggregatorStub) -> None:
    """/health everywhere, /livez and /readyz where the version has them; what is not offered is no failure."""
    undisturbed(lab, aggregator)
    offered = version_of(lab) >= (3, 5, 11)
    for page, present in (("health", True), ("livez", offered), ("readyz", offered)):
        expected = dict.fromkeys(named(lab), 200) if present else {}
        assert values(aggregator, f"probe.{page}.status_code") == expected
    assert set(values(aggregator, "probe.success").values()) == {1}


def test_peers_are_names(lab: Cluster, aggregator: AggregatorStub) -> None:
    """The ids of etcd's page have become the names of the member list, and nobody else is a peer."""
    check_of(lab).check({})
    pairs = {
        (member_of(stub.tags), tag.removeprefix("peer:"))
        for stub in aggregator.metrics("etcd_latency.network.peer.sent.count")
        for tag in stub.tags
        if tag.startswith("peer:")
    }
    assert {peer for _, peer in pairs} <= set(named(lab))
    assert all(member != peer for member, peer in pairs)
    assert {member for member, _ in pairs} == set(named(lab))


def test_no_leader(lab: Cluster, aggregator: AggregatorStub) -> None:
    """With all peers cut every member is unhealthy for want of a leader, but what it knows by itself is there."""
    check = check_of(lab)
    check.check({})
    with faults.no_leader(lab):
        aggregator.reset()
        started = time.monotonic()
        check.check({})
        assert time.monotonic() - started < 13  # a read and a write, which wait 7 s each, share 9
        assert statuses(aggregator, "endpoint.health") == dict.fromkeys(named(lab), CRITICAL)
        assert all("RAFT NO LEADER" in message for message in messages(aggregator, "endpoint.health").values())
        assert statuses(aggregator, "can_connect") == dict.fromkeys(named(lab), OK)
        assert values(aggregator, "status.has_leader") == dict.fromkeys(named(lab), 0)
        assert values(aggregator, "server.has_leader") == dict.fromkeys(named(lab), 0)
        assert values(aggregator, "probe.health.status_code") == dict.fromkeys(named(lab), 503)
        assert values(aggregator, "probe.read.serializable.duration").keys() == set(named(lab))
        assert values(aggregator, "probe.read.linearizable.duration") == {}
        assert statuses(aggregator, "alarm") == dict.fromkeys(named(lab), OK)
        assert healthy_by_etcdctl(lab) == dict.fromkeys(named(lab), False)
    aggregator.reset()
    check.check({})
    assert statuses(aggregator, "endpoint.health") == dict.fromkeys(named(lab), OK)


def test_no_space(full: Cluster, aggregator: AggregatorStub) -> None:
    """A full database: the alarm is told with who raised it; health is judged as this version's etcdctl does it."""
    check = check_of(full)
    before = raisers_of(full)
    check.check({})
    after = raisers_of(full)  # each member raises it by itself, when it has come so far
    assert before
    assert values(aggregator, "alarm.active", "alarm_type:NOSPACE") == dict.fromkeys(named(full), 1)
    assert values(aggregator, "alarm.active", "alarm_type:CORRUPT") == dict.fromkeys(named(full), 0)
    assert statuses(aggregator, "alarm") == dict.fromkeys(named(full), CRITICAL)
    for message in messages(aggregator, "alarm").values():
        assert before <= set(re.findall(r"ALARM NOSPACE raised by ([\w-]+):", message)) <= after
    judged = {name: status == OK for name, status in statuses(aggregator, "endpoint.health").items()}
    assert judged == healthy_by_etcdctl(full)
    assert values(aggregator, "probe.write.duration").keys() == set(named(full))


def test_a_learner(lab: Cluster, aggregator: AggregatorStub) -> None:
    """A member that joins is found, is called a learner, and is forgotten with its series when it is removed."""
    check = check_of(lab, discover_members=True, member_list_interval=0.1)
    check.check({})
    with faults.learner(lab) as grown:
        aggregator.reset()
        check.check({})
        check.check({})
        new = grown.members[-1].name
        assert values(aggregator, "status.is_learner") == dict.fromkeys(named(lab), 0) | {new: 1}
        assert values(aggregator, "cluster.learners") == {"": 1}
        assert values(aggregator, "cluster.members") == {"": 4}
        assert statuses(aggregator, "can_connect")[new] == OK
        assert statuses(aggregator, "endpoint.health") == dict.fromkeys(named(lab), OK) | {new: UNKNOWN}
        assert "a learner answers no such question" in messages(aggregator, "endpoint.health")[new]
        assert healthy_by_etcdctl(grown) == dict.fromkeys(named(lab), True) | {new: False}
        aggregator.reset()
    aggregator.reset()
    check.check({})
    aggregator.reset()
    check.check({})
    assert sorted(statuses(aggregator, "can_connect")) == named(lab)
    peers = {tag for name in aggregator.metric_names for stub in aggregator.metrics(name) for tag in stub.tags}
    assert f"peer:{new}" not in peers
    assert {tag for tag in peers if tag.startswith("peer:")} == {f"peer:{name}" for name in named(lab)}


def test_a_learner_is_not_asked_what_it_refuses(lab: Cluster, aggregator: AggregatorStub) -> None:
    """Once it said that it learns etcd's refusal comes no more; when it is promoted, it is asked and answers."""
    with faults.learner(lab) as grown:
        check = check_of(grown)
        new = grown.members[-1]
        assert "(rpc not supported for learner)" in ran(check, aggregator)[new.name]
        assert "until it is promoted; etcdctl calls" in ran(check, aggregator)[new.name]
        promote = {"ID": str(int(faults.member_id(grown, new), 16))}
        with lab.session() as session:
            url = f"{faults.leader(lab).client_url}/v3/cluster/member/promote"
            deadline = time.monotonic() + 30
            while not (answer := session.post(url, json=promote, timeout=10)).ok:  # until it is in sync with the leader
                assert time.monotonic() < deadline, answer.text
                time.sleep(0.2)
        assert new.name not in ran(check, aggregator)
        assert ran(check, aggregator) == dict.fromkeys(named(grown), "")
        assert values(aggregator, "probe.read.linearizable.duration").keys() == set(named(grown))


def ran(check: EtcdLatencyCheck, aggregator: AggregatorStub) -> dict[str, str]:
    """What a run says of each member's health; nothing of those that are healthy."""
    aggregator.reset()
    check.check({})
    return messages(aggregator, "endpoint.health")


def test_a_removed_member_stops_being_asked(binary: str, aggregator: AggregatorStub) -> None:
    """Removed for good, it is no failure: neither asked nor told about, and its ghosts are dropped and counted."""
    with cluster.running(binary=binary) as lab:
        seed = lab.members[0].client_url
        check = check_of(lab, members=[seed], discover_members=True, member_list_interval=0.1)
        check.check({})
        assert sorted(statuses(aggregator, "can_connect")) == named(lab)
        gone = lab.members[2].name
        left = faults.remove(lab, lab.members[2])
        check.check({})
        aggregator.reset()
        check.check({})
        assert sorted(statuses(aggregator, "can_connect")) == named(left)
        assert all(count > 0 for count in values(aggregator, "scrape.ghost_series").values())
        assert f"peer:{gone}" not in str(
            [stub.tags for stub in aggregator.metrics("etcd_latency.network.peer.sent.count")]
        )


def test_authentication(lab: Cluster, aggregator: AggregatorStub, caplog: pytest.LogCaptureFixture) -> None:
    """A user without rights is enough to be told healthy; no user is not permitted, which is not unhealthy."""
    caplog.set_level("DEBUG")
    with faults.users(lab) as guarded:
        name, password = faults.MONITOR
        check = check_of(guarded, username=name, password=password)
        check.check({})
        assert statuses(aggregator, "endpoint.health") == dict.fromkeys(named(lab), OK)
        assert values(aggregator, "probe.read.linearizable.duration").keys() == set(named(lab))
        assert values(aggregator, "probe.read.serializable.duration") == {}
        assert values(aggregator, "probe.success", "probe:serializable_read") == dict.fromkeys(named(lab), 0)
        assert values(aggregator, "probe.success", "probe:linearizable_read") == dict.fromkeys(named(lab), 1)
        aggregator.reset()
        check_of(guarded).check({})
        assert statuses(aggregator, "endpoint.health") == dict.fromkeys(named(lab), OK)
        aggregator.reset()
        check_of(guarded, username=name, password="hunter2").check({})
        assert list(statuses(aggregator, "endpoint.health").values()) == [OK] * 3
        assert "etcd does not accept `username` and `password`; correct them" in caplog.text
        aggregator.reset()
        check_of(lab, username=name, password=password).check({})
        assert list(statuses(aggregator, "endpoint.health").values()) == [OK] * 3
        assert "takes no client certificate with a common name (CN)" in caplog.text
    assert password not in caplog.text
    assert "hunter2" not in caplog.text


def test_a_login_takes_a_quorum(lab: Cluster, aggregator: AggregatorStub) -> None:
    """A check that starts while there is none, and so gets no token, still has what etcd tells without."""
    name, password = faults.MONITOR
    with faults.users(lab) as guarded, faults.no_leader(guarded):
        check = check_of(guarded, username=name, password=password)
        check.check({})
        assert set(values(aggregator, "status.has_leader").values()) == {0}
        stubs = aggregator.service_checks("etcd_latency.endpoint.health")
        assert [stub.status for stub in stubs] == [CRITICAL] * 3


def test_the_gateway_is_off(binary: str, aggregator: AggregatorStub, caplog: pytest.LogCaptureFixture) -> None:
    """Without a gateway health is etcd's own /health, and what is not offered is said once, not as a failure."""
    caplog.set_level("INFO")
    with cluster.running(size=1, binary=binary, flags=["--enable-grpc-gateway=false"]) as lab:
        check = check_of(lab)
        check.check({})
        aggregator.reset()
        check.check({})
    said = [record for record in caplog.records if "etcd's gRPC gateway is not at this URL" in record.getMessage()]
    assert [record.levelname for record in said] == ["INFO"]
    assert set(statuses(aggregator, "endpoint.health").values()) == {OK}
    assert set(statuses(aggregator, "alarm").values()) == {UNKNOWN}
    assert set(values(aggregator, "probe.success").values()) == {1}


def test_a_listener_for_metrics_alone(lab: Cluster, aggregator: AggregatorStub) -> None:
    """Its URL as a member's gives page and health pages over plain HTTP, without any certificate."""
    options = {"tls_ca_cert": None, "tls_cert": None, "tls_private_key": None}
    check_of(lab, members=[lab.members[0].metrics_url], **options).check({})
    assert set(statuses(aggregator, "can_connect").values()) == {OK}
    assert set(statuses(aggregator, "endpoint.health").values()) == {OK}
    assert set(values(aggregator, "probe.health.status_code").values()) == {200}


def test_http_has_a_listener_of_its_own(binary: str, aggregator: AggregatorStub) -> None:
    """At the URL for gRPC alone the message says where to look; at the one for HTTP all is well (from 3.5.8 on)."""
    if tuple(map(int, cluster._version(binary).split("."))) < (3, 5, 8):
        with pytest.raises(LabError, match="listen-client-http-urls"), cluster.running(1, binary=binary, http=True):
            pass
        return
    with cluster.running(size=1, binary=binary, http=True) as lab:
        grpc = lab.members[0].urls.grpc
        check_of(lab, members=[grpc]).run()
        assert "--listen-client-http-urls" in next(iter(messages(aggregator, "can_connect").values()))
        assert set(statuses(aggregator, "endpoint.health").values()) == {UNKNOWN}
        aggregator.reset()
        check_of(lab).check({})
        assert set(statuses(aggregator, "endpoint.health").values()) == {OK}
