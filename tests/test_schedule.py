"""Who is asked what in which run: lanes, intervals, failures, and who is no target any more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etcd_latency.answers import Answers
from etcd_latency.errors import (
    NotOffered,
    NotPermitted,
    Refused,
    TargetError,
    TimedOut,
    TlsRefused,
    Unhealthy,
    Unreachable,
)
from etcd_latency.fetch import Fetcher, Lane
from etcd_latency.model import AlarmList, Failure, Target
from etcd_latency.probes import (
    ALARM_LIST,
    APISERVER_LIVEZ,
    APISERVER_READYZ,
    CERTIFICATE,
    HEALTH,
    LINEARIZABLE_READ,
    LIVEZ,
    MEMBER_LIST,
    PAGE,
    READYZ,
    SERIALIZABLE_READ,
    STATUS,
    Probe,
)
from etcd_latency.schedule import Schedule, Wanted
from lab.pki import Pki
from tests.gateway_server import scripted
from tests.test_config import decided
from tests.test_fetch import LOG

URLS = [f"https://10.0.0.{number}:2379" for number in (1, 2)]
API, MANAGER = "https://10.0.0.9:6443", "https://10.0.0.9:10257"

QUORUM = (LINEARIZABLE_READ, ALARM_LIST)
ALONE = (SERIALIZABLE_READ, STATUS, MEMBER_LIST)
PLAIN = (PAGE, LIVEZ, HEALTH, READYZ)
SHOWN = (CERTIFICATE,)
OF_A_MEMBER = [QUORUM, ALONE, PLAIN, SHOWN]


def schedule(**options: Any) -> tuple[Schedule, tuple[Target, ...]]:
    config = decided(options.pop("members", URLS[0]), **options)
    return Schedule(config, {}, LOG), (*config.members, *config.endpoints)


def wanted_of(schedule: Schedule, targets: Sequence[Target], now: float) -> Wanted:
    """What these targets are to be asked at this moment."""
    schedule.keep(targets)
    return schedule.due(now)


def questions(wanted: Wanted) -> list[tuple[Probe[Any], ...]]:
    return [tuple(probes) for probes in wanted.values()]


def lane_of(wanted: Wanted, probe: Probe[Any]) -> Lane:
    (found,) = [lane for lane, probes in wanted.items() if probe in probes]
    return found


def settled(asked: Schedule, wanted: Wanted, now: float, failed: dict[Probe[Any], TargetError] | None = None) -> None:
    """Settle a run in which everything was answered but for what failed."""
    answers = Answers()
    for lane, probes in wanted.items():
        for probe in probes:
            error = (failed or {}).get(probe)
            answers.put(lane.server.target, probe, Failure(error) if error else object())
    asked.settle(wanted, answers, now)


def test_what_a_member_is_asked() -> None:
    """In lanes of their own: what waits for a quorum, what the member knows itself, plain HTTP, and the certificate."""
    asked, targets = schedule()
    wanted = wanted_of(asked, targets, 0.0)
    assert questions(wanted) == OF_A_MEMBER
    assert [(lane.keeps, lane.timed) for lane in wanted] == [
        (False, True),
        (False, True),
        (False, False),
        (False, False),
    ]
    assert {lane.server.target for lane in wanted} == set(targets)


def test_connections_are_of_a_lane_and_last() -> None:
    """Each lane has a client of its own, and keeps it from run to run."""
    asked, targets = schedule()
    first, second = wanted_of(asked, targets, 0.0), wanted_of(asked, targets, 15.0)
    assert list(first) == list(second)
    assert len({id(lane.server.http) for lane in first}) == 4


def test_without_probes_there_is_only_the_page() -> None:
    """`probes: false` leaves a member's page, and what API servers are asked."""
    asked, targets = schedule(probes=False, apiserver={"endpoints": [API]})
    assert questions(wanted_of(asked, targets, 0.0)) == [
        (PAGE,),
        (APISERVER_LIVEZ,),
        (APISERVER_READYZ,),
        (PAGE,),
        SHOWN,
    ]


@pytest.mark.parametrize(
    ("block", "lanes"),
    [
        ("apiserver", [((APISERVER_LIVEZ,), False), ((APISERVER_READYZ,), False), ((PAGE,), True), (SHOWN, False)]),
        ("controller_manager", [((PAGE,), True), ((CERTIFICATE,), False)]),
    ],
)
def test_what_kubernetes_is_asked(block: str, lanes: list[tuple[tuple[Probe[Any], ...], bool]]) -> None:
    """A page that may take longer than a run is kept, and has its own time-out; without `metrics` it is not asked."""
    url = API if block == "apiserver" else MANAGER
    asked, (_, target) = schedule(**{block: {"endpoints": [url], "metrics_timeout": 44, "read_timeout": 3}})
    wanted = wanted_of(asked, [target], 0.0)
    assert [(tuple(probes), lane.keeps) for lane, probes in wanted.items()] == lanes
    assert {probe for lane in wanted if lane.timed for probe in lane.probes} <= {APISERVER_LIVEZ, APISERVER_READYZ}
    assert {probe for lane in wanted if not lane.timed for probe in lane.probes} == {PAGE, CERTIFICATE}
    assert lane_of(wanted, PAGE).server.http.patience == 44
    assert "read_timeout" not in lane_of(wanted, PAGE).server.http.options
    assert lane_of(wanted, CERTIFICATE).server.http.patience == 10
    asked, (_, target) = schedule(**{block: {"endpoints": [url], "metrics": False}})
    assert questions(wanted_of(asked, [target], 0.0)) == [probes for probes, keeps in lanes if not keeps]


def test_how_often() -> None:
    """Alarms and the list every minute, certificates every five, all else in every run."""
    asked, targets = schedule()
    settled(asked, wanted_of(asked, targets, 1000.0), 1002.0)
    always = [(LINEARIZABLE_READ,), (SERIALIZABLE_READ, STATUS), PLAIN]
    assert questions(wanted_of(asked, targets, 1015.0)) == always
    assert questions(wanted_of(asked, targets, 1061.9)) == always
    assert questions(wanted_of(asked, targets, 1062.0)) == [QUORUM, ALONE, PLAIN]
    assert questions(wanted_of(asked, targets, 1302.0)) == OF_A_MEMBER


def test_what_learners_are_asked() -> None:
    """Nothing that they would refuse; whoever has a vote beside them is asked everything."""
    config = decided(*URLS)
    asked = Schedule(config, {}, LOG)
    asked.keep(config.members)
    learner, _ = config.members
    wanted = asked.due(0.0, {learner.key})
    mine = {lane: probes for lane, probes in wanted.items() if lane.server.target == learner}
    assert questions(mine) == [(SERIALIZABLE_READ, STATUS), PLAIN, SHOWN]
    assert questions({lane: probes for lane, probes in wanted.items() if lane not in mine}) == OF_A_MEMBER


def test_intervals_are_the_user_s() -> None:
    """Each question has its own; what is not settled is due at once."""
    asked, targets = schedule(alarm_list_interval=20, member_list_interval=40)
    settled(asked, wanted_of(asked, targets, 0.0), 0.0)
    assert questions(wanted_of(asked, targets, 20.0))[:2] == [QUORUM, (SERIALIZABLE_READ, STATUS)]
    assert questions(wanted_of(asked, targets, 40.0))[:2] == [QUORUM, ALONE]


def test_zero_is_never() -> None:
    """`alarm_list_interval: 0` spares the cluster the entry in its log."""
    asked, targets = schedule(alarm_list_interval=0)
    for now in (0.0, 1e6):
        wanted = wanted_of(asked, targets, now)
        assert questions(wanted) == [(LINEARIZABLE_READ,), ALONE, PLAIN, SHOWN]
        settled(asked, wanted, now)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TimedOut("x"), True),
        (Unreachable("x"), True),
        (TlsRefused("x"), True),
        (Refused("x"), True),
        (Unhealthy("x"), True),
        (NotOffered("x"), False),
        (NotPermitted("x"), False),
    ],
)
def test_what_failed_is_asked_again(error: TargetError, again: bool) -> None:  # noqa: FBT001
    """In the next run; but not what will fail in the same way, nor the alarms, whose question is a write."""
    asked, targets = schedule()
    settled(asked, wanted_of(asked, targets, 0.0), 0.0, {MEMBER_LIST: error, CERTIFICATE: error, ALARM_LIST: error})
    due = {probe for probes in questions(wanted_of(asked, targets, 15.0)) for probe in probes}
    assert (MEMBER_LIST in due, CERTIFICATE in due, ALARM_LIST in due) == (again, again, False)


def test_what_was_not_asked_after_all_is_due() -> None:
    """After a time-out the rest of a lane has the same failure, without a question; so it was no burden yet."""
    asked, targets = schedule()
    wanted = wanted_of(asked, targets, 0.0)
    answers, hung = Answers(), Failure(TimedOut("x"))
    for probe in QUORUM:
        answers.put(targets[0], probe, hung)
    asked.settle(wanted, answers, 0.0)
    assert questions(wanted_of(asked, targets, 15.0))[0] == QUORUM


def test_what_has_not_arrived_is_due() -> None:
    """No answer settles nothing."""
    asked, targets = schedule()
    wanted = wanted_of(asked, targets, 0.0)
    asked.settle(wanted, Answers(), 0.0)
    assert questions(wanted_of(asked, targets, 15.0)) == OF_A_MEMBER


def test_each_target_has_its_own_intervals() -> None:
    """One that answered is not asked; one that failed is."""
    config = decided(*URLS)
    asked = Schedule(config, {}, LOG)
    wanted = wanted_of(asked, config.members, 0.0)
    answers = Answers()
    answers.put(config.members[0], ALARM_LIST, AlarmList((), 0.1))
    asked.settle(wanted, answers, 0.0)
    due = wanted_of(asked, config.members, 15.0)
    assert [lane.server.target.url for lane, probes in due.items() if ALARM_LIST in probes] == [URLS[1]]


def test_who_is_no_target_any_more_is_forgotten() -> None:
    """A member that comes back has new connections, and is asked everything."""
    config = decided(*URLS)
    asked = Schedule(config, {}, LOG)
    first = wanted_of(asked, config.members, 0.0)
    settled(asked, first, 0.0)
    assert {lane.server.target.url for lane in wanted_of(asked, config.members[:1], 1.0)} == {URLS[0]}
    back = wanted_of(asked, config.members, 2.0)
    assert [tuple(probes) for lane, probes in back.items() if lane.server.target.url == URLS[1]] == OF_A_MEMBER
    assert {lane for lane in first if lane in back} == {lane for lane in back if lane.server.target.url == URLS[0]}


def test_another_name_is_no_other_target() -> None:
    """Lanes and intervals stay when a member is found to have a name."""
    config = decided(URLS[0])
    asked = Schedule(config, {}, LOG)
    first = wanted_of(asked, config.members, 0.0)
    settled(asked, first, 0.0)
    again = wanted_of(asked, [config.member(URLS[0], f"{URLS[0]}/metrics", "m1")], 15.0)
    assert list(again) == [lane for lane in first if CERTIFICATE not in lane.probes]
    assert questions(again)[0] == (LINEARIZABLE_READ,)


def test_a_lane_goes_where_its_options_belong() -> None:
    """The page's lane has the options for the page's URL: over plain HTTP without the token."""
    token = {"reader": {"type": "file", "path": "/t"}, "writer": {"type": "header", "name": "X"}}
    member = {"url": URLS[0], "metrics_url": "http://10.0.0.1:2381"}
    asked, targets = schedule(members=member, auth_token=token)
    wanted = wanted_of(asked, targets, 0.0)
    assert ["auth_token" in lane.server.http.options for lane in wanted] == [True, True, False, True]


def test_the_end_of_an_expired_certificate_is_learnt_in_a_run(tmp_path: Path) -> None:
    """Its page is refused, and everything else with it; the certificate is looked at all the same."""
    pki = Pki(tmp_path)
    with scripted({}, pki.issue("server", expires_in=-timedelta(days=2))) as one:
        block = {"endpoints": [one.url], "metrics": False}
        asked, targets = schedule(members=one.url, apiserver=block, tls_ca_cert=str(pki.ca), skip_proxy=True, timeout=5)
        fetch = Fetcher()
        answers, wanted = fetch.begin(), wanted_of(asked, targets, 0.0)
        fetch.start(wanted)
        fetch.wait(wanted, time.monotonic() + 5)
    for target in targets:
        found = answers.value(target, CERTIFICATE)
        assert found is not None, f"{target}: {answers.error(target, CERTIFICATE)}"
        assert [certificate.kind for certificate in found] == ["server", "ca"]
