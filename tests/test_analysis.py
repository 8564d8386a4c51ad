"""What the check derives from a run and the one before it, of members that come, go and change their names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from statistics import fmean

import pytest

from etcd_latency.model import Level
from tests.test_diagnosis import (
    HEALTHY,
    MEMBERS,
    SLOW_LEADER,
    Member,
    Pages,
    Stage,
    Told,
    gains,
    later,
    pair,
    quiet,
    rewritten,
)

LIST = "/v3/cluster/member/list"
SLOW_LINKS = "faults-3.5.1/delay50-follower-m1"
"""Writes and round trips were observed in it."""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is to end with the test."""
    with ExitStack() as stack:
        yield stack


def list_members(stage: Stage, *names: str, learners: tuple[str, ...] = ()) -> None:
    """From the next run on each member has this list of members."""
    ids = {name: str(number) for number, name in enumerate(stage.members, 1)}
    listed = [
        {"ID": ids[name], "name": name, "clientURLs": [stage.members[name].url], "isLearner": name in learners}
        for name in names
    ]
    for name, member in stage.members.items():
        header = {"cluster_id": "7", "member_id": ids[name]}
        member.replies[LIST] = 200, json.dumps({"header": header, "members": listed}).encode()


def keep_list_back(stage: Stage) -> None:
    """Until the members have a list: they cannot give it now, which is asked again in every run."""
    for member in stage.members.values():
        member.replies[LIST] = 503, b"{}"


def names_in(told: Told) -> set[str]:
    """All that are called members in the severities."""
    return {member for _, member in told.severities if member}


# ---- members that come, go, and change their names


def test_a_renamed_member_is_who_it_was(stack: ExitStack) -> None:
    """When discovery learns the names, the interval and the verdict go on: one event, by the new name, and no end."""
    before, after = pair(SLOW_LEADER)
    stage = Stage(stack, probes=True, discover_members=True, member_list_interval=1000)
    keep_list_back(stage)
    first, second = stage.play(before, after)
    address = stage.members["m1"].address
    assert second.value("diagnosis.severity", f"etcd_member:{address}", "cause:disk_wal") == [2]
    list_members(stage, *MEMBERS)
    more = later(before, after)
    third = stage.run(more)
    assert third.value("diagnosis.severity", "etcd_member:m1", "cause:disk_wal") == [2]
    assert third.value("diagnosis.severity", f"etcd_member:{address}") == []
    assert [one.news for one in (first, second, third)] == [[], [], [("disk_wal:m1", "error")]]
    ends = [stage.run(quiet(more, before, times)) for times in (1, 2, 3)]
    assert [one.news for one in ends] == [[], [("disk_wal:m1", "success")], []]
    assert [one.severities["disk_wal", "m1"] for one in ends] == [0, 0, 0]


@pytest.mark.parametrize("intervals", [0, 2])
def test_a_told_verdict_survives_the_new_name(stack: ExitStack, intervals: int) -> None:
    """What was told by the old name is neither told again nor said to be over, and ends by the new one."""
    before, after = pair(SLOW_LEADER)
    more = later(before, after)
    stage = Stage(stack, probes=True, discover_members=True)
    keep_list_back(stage)
    told = stage.play(before, after, more)
    assert [alert for _, alert in told[-1].news] == ["error"]
    list_members(stage, *MEMBERS)
    for _ in range(intervals):
        after, more = more, later(after, more)
        assert stage.run(more).news == []
    ends = [stage.run(quiet(more, before, times)) for times in (1, 2)]
    assert [one.news for one in ends] == [[], [("disk_wal:m1", "success")]]
    assert "etcd_member:m1" in ends[1].events[0]["tags"]


def test_a_member_that_leaves(stack: ExitStack) -> None:
    """Its severity ends, what it had is over, by its name, and nobody waits for its vote."""
    before, after = pair("faults-3.4.23/cpu3-follower-m2")
    stage = Stage(stack, probes=True, discover_members=True, member_list_interval=0.001)
    list_members(stage, *MEMBERS)
    more = later(before, after)
    told = stage.play(before, after, more)
    assert told[-1].news == [("cpu:m2", "warning")]
    assert names_in(told[-1]) == {"m2"}
    list_members(stage, "m1", "m3")
    ends = [stage.run(quiet(more, before, times)) for times in (1, 2, 3)]
    assert [one.value("server.is_leader", "etcd_member:m2") for one in ends] == [[], [], []]
    left = [one.value("diagnosis.severity", "etcd_member:m2") for one in ends]
    assert left[0] in ([], [0])  # a last 0 does no harm
    assert left[1:] == [[], []]
    assert [one.news for one in ends] == [[], [("cpu:m2", "success")], []]
    (event,) = ends[1].events
    assert {"etcd_member:m2", "cause:cpu", "etcd_cluster:prod"} <= set(event["tags"])
    assert ends[-1].value("cluster.members.voting") == [2]
    assert list(rtt_by_row(ends[-1])) == ["m1", "m3"]


def test_round_trips_of_a_member_that_left_count_no_more(stack: ExitStack) -> None:
    """Nor do those that were remembered by an old name: a row is the mean over who is there."""
    before, after = pair(SLOW_LINKS)
    stage = Stage(stack, probes=True, discover_members=True, member_list_interval=0.001)
    keep_list_back(stage)
    _, second = stage.play(before, after)
    from_all = rtt_by_row(second)
    list_members(stage, *MEMBERS)
    more = {name: page_ and rewritten(page_, {}) for name, page_ in after.items()}  # nothing new is measured
    assert rtt_by_row(stage.run(more)) == {stage.called(name): rtt for name, rtt in from_all.items()}
    list_members(stage, "m2", "m3")
    stage.run(more)
    left = rtt_by_row(stage.run(more))
    assert set(left) == {"m2", "m3"}
    assert left["m2"] is not None
    assert left["m2"] < 0.03 < (from_all[stage.members["m2"].address] or 0.0)


def rtt_by_row(told: Told) -> Mapping[str, float | None]:
    """The mean round trip to each member on the board."""
    assert told.board
    return {row.name: row.rtt for row in told.board.rows}


def test_a_learner_that_is_down_has_no_vote(stack: ExitStack) -> None:
    """It said so before: three voters and a dead learner are three voters of which all take part."""
    before, after = pair(HEALTHY)
    stage = Stage(stack, names=(*MEMBERS, "m4"))
    learner = before["m1"] + b"# TYPE etcd_server_is_learner gauge\netcd_server_is_learner 1\n"
    told = stage.play({**before, "m4": learner}, {**after, "m4": None})
    assert_three_vote(told)


def test_a_learner_that_never_answered_has_no_vote(stack: ExitStack) -> None:
    """The list says what it is."""
    before, after = pair(HEALTHY)
    stage = Stage(stack, names=(*MEMBERS, "m4"), probes=True)
    list_members(stage, *MEMBERS, "m4", learners=("m4",))
    assert_three_vote(stage.play({**before, "m4": None}, {**after, "m4": None}))


def assert_three_vote(told: Sequence[Told]) -> None:
    assert [one.value("cluster.members.voting") for one in told] == [[3], [3]]
    assert [one.value("cluster.fault_tolerance") for one in told] == [[1], [1]]
    assert [one.quorum for one in told] == [(Level.OK, "")] * 2


def test_a_dead_member_is_not_reachable_from_the_first_run_on(stack: ExitStack) -> None:
    """That its certificate is not looked at, over plain HTTP, is no answer of it."""
    before, _ = pair(HEALTHY)
    told = Stage(stack, probes=True).run({**before, "m3": None})
    assert told.value("cluster.members.reachable") == [2]
    assert told.value("cluster.members.healthy") == [2]
    assert told.quorum[0] == Level.WARNING


def test_what_cannot_be_asked_is_missing(stack: ExitStack) -> None:
    """Each signal of each member is 0 or 1, and what nobody gives is told on the board in one sentence."""
    before, after = pair(HEALTHY)
    _, told = Stage(stack, probes=True, named=True).play(before, after)
    assert told.value("capability.missing", "signal:gateway", "etcd_member:m1") == [1]
    missing = {
        signal: told.value("capability.missing", f"signal:{signal}")
        for signal in ("gateway", "health", "livez", "grpc_latency", "process", "apply_latency", "range_latency")
    }
    assert missing == {
        "gateway": [1, 1, 1],
        "health": [1, 1, 1],
        "livez": [1, 1, 1],
        "grpc_latency": [1, 1, 1],
        "process": [0, 0, 0],
        "apply_latency": [0, 0, 0],
        "range_latency": [1, 1, 1],
    }
    assert told.board
    (note,) = (note for note in told.board.notes if "gateway" in note)
    assert "no questions to the member" in note


def test_a_row_on_the_board_has_the_round_trips_to_its_member(stack: ExitStack) -> None:
    """As the others measured them: who is far away stands out in its own row."""
    before, after = pair(SLOW_LINKS)
    ids = {name: re.findall(rb'etcd_server_id{server_id="(\w+)"}', page_)[0].decode() for name, page_ in before.items()}
    measured = {name: gains(before[name], page_) for name, page_ in after.items() if page_}
    to = {
        name: fmean(_mean(gained, f'{{To="{number}"}}') for other, gained in measured.items() if other != name)
        for name, number in ids.items()
    }
    _, told = Stage(stack, named=True).play(before, after)
    assert rtt_by_row(told) == pytest.approx(to)
    assert to["m1"] > 1.5 * max(to["m2"], to["m3"])


def _mean(gained: Mapping[str, float], labels: str) -> float:
    family = "etcd_network_peer_round_trip_time_seconds"
    return gained[f"{family}_sum{labels}"] / gained[f"{family}_count{labels}"]


# ---- what each member answers


def handled(calls: int) -> bytes:
    """The page of a member that has answered so many."""
    labels = 'grpc_code="OK",grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"'
    leads = "# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n"
    return f"{leads}# TYPE grpc_server_handled_total counter\ngrpc_server_handled_total{{{labels}}} {calls}\n".encode()


@pytest.mark.parametrize(("gained", "shares"), [((30, 60, 10), [0.3, 0.6, 0.1]), ((20, 20, 10), [])])
def test_shares_of_the_calls(stack: ExitStack, gained: tuple[int, int, int], shares: list[float]) -> None:
    """Each member's part of what all answered since the run before; of 50 calls or fewer there are no parts."""
    stage = Stage(stack, named=True)
    first = {name: handled(1000) for name in MEMBERS}
    second = {name: handled(1000 + gain) for name, gain in zip(MEMBERS, gained, strict=True)}
    assert stage.run(first).value("grpc.server.handled.share") == []
    told = stage.run(second)
    assert [told.value("grpc.server.handled.share", f"etcd_member:{name}") for name in MEMBERS] == (
        [[share] for share in shares] or [[], [], []]
    )
    beside = [told.value("grpc.server.handled.beside_others", f"etcd_member:{name}") for name in MEMBERS]
    assert beside == ([[3.0], [6.0], [1 / 3]] if shares else [[], [], []])


# ---- what an API server waits for


APISERVER = """\
# TYPE etcd_request_duration_seconds histogram
etcd_request_duration_seconds_bucket{{operation="update",type="pods",le="60"}} {writes}
etcd_request_duration_seconds_bucket{{operation="update",type="pods",le="+Inf"}} {writes}
etcd_request_duration_seconds_sum{{operation="update",type="pods"}} {write_seconds}
etcd_request_duration_seconds_count{{operation="update",type="pods"}} {writes}
etcd_request_duration_seconds_bucket{{operation="get",type="pods",le="60"}} {reads}
etcd_request_duration_seconds_bucket{{operation="get",type="pods",le="+Inf"}} {reads}
etcd_request_duration_seconds_sum{{operation="get",type="pods"}} {read_seconds}
etcd_request_duration_seconds_count{{operation="get",type="pods"}} {reads}
"""


def calls(writes: int, write_seconds: float, reads: int = 0, read_seconds: float = 0.0) -> bytes:
    """An API server's page."""
    values = {"writes": writes, "write_seconds": write_seconds, "reads": reads, "read_seconds": read_seconds}
    return APISERVER.format(**values).encode()


def play_with_api_server(stack: ExitStack, *rounds: tuple[Pages, bytes]) -> list[Told]:
    """Runs with the pages of the members and of an API server."""
    server = Member("apiserver")
    stack.callback(server.leave)
    stage = Stage(stack, apiserver={"endpoints": [server.url]})
    told = []
    for members, calls_ in rounds:
        server.page = calls_
        told.append(stage.run(members))
    return told


def test_what_an_api_server_waits_outside_of_etcd(stack: ExitStack) -> None:
    """Of 50 ms for a write, what is not the quorum's and applying; a read has no second side without probes."""
    before, after = pair(SLOW_LINKS)
    first, second = play_with_api_server(stack, (before, calls(100, 1.0, 10, 1.0)), (after, calls(300, 11.0, 500, 2.0)))
    assert first.value("apiserver.etcd_request.outside_etcd") == []
    (commit,) = second.value("cluster.commit_latency.estimate")
    gained = [gains(before[name], page_) for name, page_ in after.items() if page_]
    seconds, applied = (
        sum(one[f'etcd_server_apply_duration_seconds_{part}{{op="Put",success="true",version="v3"}}'] for one in gained)
        for part in ("sum", "count")
    )
    tags = ("kind:write", "source:store_and_quorum", "etcd_cluster:prod")
    (inside,) = second.value("apiserver.etcd_request.inside_etcd", *tags)
    assert inside == pytest.approx(commit + seconds / applied)
    assert second.value("apiserver.etcd_request.outside_etcd", *tags) == [pytest.approx(0.05 - inside)]
    assert 0 < inside < 0.05
    assert second.value("apiserver.etcd_request.outside_etcd", "kind:read") == []


def test_a_page_of_an_api_server_counts_once(stack: ExitStack) -> None:
    """Nothing is told of an interval in which it made no calls, or after its counters began anew."""
    before, after = pair(SLOW_LINKS)
    more = later(before, after)
    most = later(after, more)
    waits = (calls(100, 1.0), calls(300, 11.0), calls(300, 11.0), calls(20, 0.1))
    told = play_with_api_server(stack, *zip((before, after, more, most), waits, strict=True))
    assert [len(one.value("apiserver.etcd_request.outside_etcd")) for one in told] == [0, 1, 0, 0]
