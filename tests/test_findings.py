"""From the answers of a run to gauges, service checks and events, with their exact tags and words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etcd_latency import findings
from etcd_latency.answers import Answers
from etcd_latency.derive.agreement import Agreement, News
from etcd_latency.errors import Denied, NotOffered, NotPermitted, TimedOut, Unhealthy, Unreachable
from etcd_latency.model import (
    Alarm,
    AlarmList,
    Certificate,
    Event,
    Failure,
    Finding,
    Gauge,
    HttpHealth,
    Judgement,
    Level,
    ListedMember,
    Page,
    Read,
    Status,
    Target,
)
from etcd_latency.probes import (
    ALARM_LIST,
    APISERVER_LIVEZ,
    APISERVER_READYZ,
    CERTIFICATE,
    HEALTH,
    LINEARIZABLE_READ,
    LIVEZ,
    PAGE,
    READYZ,
    SERIALIZABLE_READ,
    STATUS,
    Probe,
)
from etcd_latency.targets import Roster
from tests.test_derive_health import FULL, named, status

URL = "https://10.0.0.1:2379"
TAGS = ("etcd_cluster:prod", "etcd_member:m1", f"endpoint:{URL}")
M1 = Target("m1", URL, f"{URL}/metrics", TAGS)
API_TAGS = ("etcd_cluster:prod", "apiserver:10.0.0.9:6443")
API = Target("10.0.0.9:6443", "https://10.0.0.9:6443", "https://10.0.0.9:6443/metrics", API_TAGS, "apiserver")
WHO = f"m1 ({URL}): "
READ = Read(0.002, permitted=True)
NOSPACE = Alarm("NOSPACE", 1)
FULL_STATUS = replace(status(), errors=("memberID:1 alarm:NOSPACE ",), alarms=(NOSPACE,))
NO_RIGHTS = Failure(Denied("no rights", 0.1, warm=True))


def answers(given: dict[Probe[Any], Any], target: Target = M1) -> Answers:
    made = Answers()
    for probe, answer in given.items():
        made.put(target, probe, answer)
    return made


def told(given: dict[Probe[Any], Any], latest: dict[Probe[Any], Any] | None = None) -> list[Finding]:
    return list(findings.member(M1, answers(given), answers(latest or {}), named))


def gauges(found: Iterable[Finding]) -> dict[str, float]:
    """The values, by name and by the tags that are not the target's."""
    return {
        " ".join((one.name, *(tag for tag in one.tags if tag not in TAGS))): one.value
        for one in found
        if isinstance(one, Gauge)
    }


def judgements(found: Iterable[Finding]) -> dict[str, tuple[Level, str]]:
    return {one.name: (one.level, one.message) for one in found if isinstance(one, Judgement)}


@pytest.mark.parametrize(
    ("answer", "level", "message"),
    [
        (Page(b"", "text/plain"), Level.OK, ""),
        (Failure(Unreachable("nothing listens there")), Level.CRITICAL, f"{WHO}nothing listens there"),
        (Failure(NotOffered("no /metrics")), Level.CRITICAL, f"{WHO}no /metrics"),
        (Failure(NotPermitted("no rights")), Level.CRITICAL, f"{WHO}no rights"),
    ],
)
def test_whether_there_is_a_page(answer: Page | Failure, level: Level, message: str) -> None:
    """`can_connect` is about the page, with all of its target's tags."""
    assert list(findings.page(M1, answer)) == [Judgement("can_connect", level, TAGS, message)]


def test_which_questions_were_answered() -> None:
    """1 or 0 for each that was asked; none for the page, for what has not arrived, and for what is not offered."""
    given = answers(
        {
            PAGE: Page(b"", ""),
            STATUS: status(),
            LINEARIZABLE_READ: Read(0.1, permitted=False),
            SERIALIZABLE_READ: Failure(TimedOut("x")),
            ALARM_LIST: NO_RIGHTS,
            LIVEZ: Failure(NotOffered("x")),
            HEALTH: HttpHealth(503, passed=False, reason="x", seconds=0.1),
            CERTIFICATE: (),
        }
    )
    order = (PAGE, STATUS, LINEARIZABLE_READ, SERIALIZABLE_READ, ALARM_LIST, LIVEZ, HEALTH, CERTIFICATE, READYZ)
    assert list(findings.probes(M1, order, given)) == [
        Gauge("probe.success", value, (*TAGS, f"probe:{name}"))
        for name, value in [
            ("status", 1),
            ("linearizable_read", 1),
            ("serializable_read", 0),
            ("alarm_list", 0),
            ("health", 1),
            ("certificate", 1),
        ]
    ]


def test_all_is_well_with_a_member() -> None:
    """Every gauge and service check of a member that answers everything, with the tags of its target alone."""
    said = Status(
        cluster_id=9,
        member_id=1,
        version="3.6.0",
        db_size=5000,
        db_size_in_use=4000,
        db_size_quota=9000,
        leader=1,
        raft_term=2,
        raft_index=70,
        raft_applied_index=69,
        is_learner=False,
        errors=(),
        alarms=(),
    )
    passed = HttpHealth(200, passed=True, reason="", seconds=0.25)
    found = told(
        {
            LINEARIZABLE_READ: Read(0.5, permitted=True),
            SERIALIZABLE_READ: Read(0.125, permitted=True),
            ALARM_LIST: AlarmList((), 0.75),
            STATUS: said,
            HEALTH: passed,
            LIVEZ: passed,
            READYZ: passed,
        }
    )
    assert gauges(found) == {
        "probe.read.linearizable.duration": 0.5,
        "probe.read.serializable.duration": 0.125,
        "probe.write.duration": 0.75,
        "probe.health.duration": 0.25,
        "probe.health.status_code": 200,
        "probe.livez.duration": 0.25,
        "probe.livez.status_code": 200,
        "probe.readyz.duration": 0.25,
        "probe.readyz.status_code": 200,
        "status.db.total_size": 5000,
        "status.db.in_use_size": 4000,
        "status.db.quota": 9000,
        "status.has_leader": 1,
        "status.is_leader": 1,
        "status.is_learner": 0,
        "status.raft.term": 2,
        "status.raft.index": 70,
        "status.raft.applied_index": 69,
        "status.errors": 0,
        "alarm.active alarm_type:CORRUPT": 0,
        "alarm.active alarm_type:NOSPACE": 0,
    }
    assert judgements(found) == {"alarm": (Level.OK, ""), "endpoint.health": (Level.OK, "")}
    assert all(one.tags[:3] == TAGS for one in found if not isinstance(one, Event))


def test_a_follower_without_leader_and_without_quota() -> None:
    """What a version does not say is no gauge; a learner that knows no leader is not one itself."""
    found = gauges(told({STATUS: replace(status(leader=0), is_learner=True, errors=("etcdserver: no leader",))}))
    assert "status.db.quota" not in found
    assert {name: found[f"status.{name}"] for name in ("has_leader", "is_leader", "is_learner", "errors")} == {
        "has_leader": 0,
        "is_leader": 0,
        "is_learner": 1,
        "errors": 1,
    }
    assert gauges(told({STATUS: status(leader=2)}))["status.is_leader"] == 0


def test_what_failed_has_no_gauge() -> None:
    """No time of a read that was not answered, no size of a member that did not say it."""
    timed_out = Failure(TimedOut("no answer"))
    found = told(dict.fromkeys((LINEARIZABLE_READ, SERIALIZABLE_READ, ALARM_LIST, STATUS, HEALTH), timed_out))
    assert gauges(found) == {}
    assert judgements(found) == {
        "alarm": (Level.UNKNOWN, f"{WHO}no answer"),
        "endpoint.health": (Level.CRITICAL, f"{WHO}no answer"),
    }


def test_nothing_was_asked() -> None:
    """Whether an alarm is active is unknown then, and of health nothing is said."""
    assert told({}) == [Judgement("alarm", Level.UNKNOWN, TAGS, f"{WHO}not asked yet")]


@pytest.mark.parametrize(
    ("given", "health"),
    [
        ({LINEARIZABLE_READ: Read(0.1, permitted=False)}, (Level.OK, "")),
        ({LINEARIZABLE_READ: READ, STATUS: FULL_STATUS}, (Level.CRITICAL, f"{WHO}{FULL}")),
        ({LINEARIZABLE_READ: READ, STATUS: replace(FULL_STATUS, version="3.4.23")}, (Level.OK, "")),
        (
            {LINEARIZABLE_READ: Failure(Unhealthy("request timed out")), STATUS: status(leader=0)},
            (Level.CRITICAL, f"{WHO}RAFT NO LEADER; request timed out"),
        ),
        ({LINEARIZABLE_READ: Failure(NotOffered("no gateway"))}, (Level.UNKNOWN, f"{WHO}no gateway")),
        (
            {
                LINEARIZABLE_READ: Failure(NotOffered("no gateway")),
                HEALTH: HttpHealth(200, passed=True, reason="", seconds=0.1),
            },
            (Level.OK, ""),
        ),
        (
            {
                LINEARIZABLE_READ: Failure(NotOffered("no gateway")),
                HEALTH: HttpHealth(503, passed=False, reason="ALARM NOSPACE", seconds=0.1),
            },
            (Level.CRITICAL, f"{WHO}ALARM NOSPACE"),
        ),
    ],
)
def test_health_of_a_member(given: dict[Probe[Any], Any], health: tuple[Level, str]) -> None:
    """A denied read is healthy, an alarm is not from 3.5 on, and a member that cannot be asked is judged by /health."""
    assert judgements(told(given))["endpoint.health"] == health


LEARNER = replace(status(), is_learner=True)
LEARNS = "a learner answers no such question until it is promoted"


@pytest.mark.parametrize(
    ("given", "latest", "health"),
    [
        ({STATUS: LEARNER}, LEARNER, (Level.UNKNOWN, f"{WHO}{LEARNS}; etcdctl calls every learner unhealthy")),
        (
            {STATUS: Failure(Unreachable("nothing listens there")), HEALTH: Failure(Unreachable("nothing listens"))},
            LEARNER,
            (Level.CRITICAL, f"{WHO}nothing listens there"),
        ),
        ({STATUS: status()}, status(), None),
    ],
    ids=["learns", "is-down", "was-promoted"],
)
def test_health_of_a_learner(given: dict[Probe[Any], Any], latest: Status, health: tuple[Level, str] | None) -> None:
    """It is not asked for a read; when it is promoted, that is known after the questions of a run were asked."""
    found = told(given, {STATUS: latest})
    assert judgements(found).get("endpoint.health") == health
    assert "probe.read.linearizable.duration" not in gauges(found)


@pytest.mark.parametrize(
    ("given", "latest", "active", "alarm"),
    [
        ({STATUS: status()}, {}, 0, (Level.OK, "")),
        ({STATUS: FULL_STATUS}, {}, 1, (Level.CRITICAL, f"{WHO}{FULL}")),
        (
            {STATUS: status(), ALARM_LIST: AlarmList((NOSPACE,), 0.1)},
            {},
            1,
            (Level.CRITICAL, f"{WHO}{FULL}"),
        ),
        ({STATUS: status()}, {ALARM_LIST: AlarmList((NOSPACE,), 0.1)}, 0, (Level.OK, "")),
        ({STATUS: NO_RIGHTS}, {ALARM_LIST: AlarmList((NOSPACE,), 0.1)}, 1, (Level.CRITICAL, f"{WHO}{FULL}")),
        ({STATUS: NO_RIGHTS}, {ALARM_LIST: AlarmList((), 0.1)}, 0, (Level.OK, "")),
        ({STATUS: NO_RIGHTS}, {}, None, (Level.UNKNOWN, f"{WHO}no rights")),
        ({STATUS: NO_RIGHTS}, {ALARM_LIST: NO_RIGHTS}, None, (Level.UNKNOWN, f"{WHO}no rights")),
        (
            {STATUS: Failure(Unreachable("nothing listens there"))},
            {ALARM_LIST: AlarmList((NOSPACE,), 0.1)},
            None,
            (Level.UNKNOWN, f"{WHO}nothing listens there"),
        ),
    ],
    ids=["none", "status", "list", "older-list", "denied", "denied-none", "denied-all", "denied-both", "down"],
)
def test_alarms_of_a_member(
    given: dict[Probe[Any], Any],
    latest: dict[Probe[Any], Any],
    active: int | None,
    alarm: tuple[Level, str],
) -> None:
    """By status and list of this run; one of before counts where status is not permitted, and not of who is down."""
    found = told(given, latest)
    assert gauges(found).get("alarm.active alarm_type:NOSPACE") == active
    assert gauges(found).get("alarm.active alarm_type:CORRUPT") == (None if active is None else 0)
    assert judgements(found)["alarm"] == alarm


def test_an_alarm_of_a_kind_that_is_new() -> None:
    """It has a series of its own beside the two that are always there."""
    found = gauges(told({STATUS: replace(status(), alarms=(Alarm("NEWS", 2),))}))
    assert {name.removeprefix("alarm.active alarm_type:"): found[name] for name in found if "alarm" in name} == {
        "CORRUPT": 0,
        "NEWS": 1,
        "NOSPACE": 0,
    }


def test_etcd_as_an_api_server_sees_it() -> None:
    """Time, status and level of each page; what was not asked is not told, a denied one is unknown."""
    given = {
        APISERVER_LIVEZ: HttpHealth(500, passed=False, reason="etcd failed", seconds=0.25),
        APISERVER_READYZ: Failure(NotPermitted("HTTP 403 Forbidden")),
    }
    who = f"{API.name} ({API.url}): "
    assert list(findings.endpoint(API, answers(given, API))) == [
        Gauge("apiserver.livez.duration", 0.25, API_TAGS),
        Gauge("apiserver.livez.status_code", 500, API_TAGS),
        Judgement("apiserver.livez", Level.CRITICAL, API_TAGS, f"{who}etcd failed"),
        Judgement("apiserver.readyz", Level.UNKNOWN, API_TAGS, f"{who}HTTP 403 Forbidden"),
    ]
    assert list(findings.endpoint(API, Answers())) == []


def test_the_answers_of_members_and_of_api_servers_do_not_mix() -> None:
    """Their questions are called the same, and are others."""
    passed = HttpHealth(200, passed=True, reason="", seconds=0.25)
    assert gauges(told({APISERVER_LIVEZ: passed})) == {}
    assert list(findings.endpoint(API, answers({LIVEZ: passed}, API))) == []


def test_days_that_are_left_to_certificates() -> None:
    """A gauge for each kind, and one service check for the worst; over plain HTTP neither."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    found = (
        Certificate("server", "the server's certificate", now - timedelta(days=2)),
        Certificate("client", "the client certificate /c.crt", now + timedelta(days=10)),
        Certificate("ca", "the CA in /ca.crt", now + timedelta(days=1000)),
    )
    message = (
        f"{WHO}the server's certificate expired 2.0 days ago, on 2026-02-27 12:00 UTC; renew it; "
        "the client certificate /c.crt expires in 10.0 days, on 2026-03-11 12:00 UTC; renew it"
    )
    latest = answers({CERTIFICATE: found})
    assert list(findings.certificates(M1, latest, now.timestamp(), (30, 7))) == [
        Gauge("certificate.days_left", -2, (*TAGS, "kind:server")),
        Gauge("certificate.days_left", 10, (*TAGS, "kind:client")),
        Gauge("certificate.days_left", 1000, (*TAGS, "kind:ca")),
        Judgement("certificate", Level.CRITICAL, TAGS, message),
    ]
    ((*_, judged),) = [list(findings.certificates(M1, answers({CERTIFICATE: found[1:]}), now.timestamp(), (30, 7)))]
    assert isinstance(judged, Judgement)
    assert judged.level == Level.WARNING
    for nothing in ({}, {CERTIFICATE: ()}, {CERTIFICATE: Failure(Unreachable("x"))}):
        assert list(findings.certificates(M1, answers(nothing), now.timestamp(), (30, 7))) == []


def test_figures_of_the_cluster() -> None:
    """With the tags of the cluster, and of nobody; members and learners are counted where there is a list."""
    members = tuple(ListedMember(number, "", (), is_learner=number == 3) for number in (1, 2, 3))
    tags = ("etcd_cluster:prod",)
    compared = Agreement({"cluster.versions": 2}, (), frozenset())
    assert list(findings.cluster(tags, compared, Roster(members))) == [
        Gauge("cluster.versions", 2, tags),
        Gauge("cluster.members", 3, tags),
        Gauge("cluster.learners", 1, tags),
    ]
    assert list(findings.cluster(tags, compared, None)) == [Gauge("cluster.versions", 2, tags)]


def test_small_gauges() -> None:
    """Ghosts of a member's page, and how old the page of an API server is."""
    assert list(findings.ghosts(M1, 7)) == [Gauge("scrape.ghost_series", 7, TAGS)]
    assert list(findings.page_age(API, 12.5)) == [Gauge("apiserver.page.age", 12.5, API_TAGS)]


@pytest.mark.parametrize(
    ("kind", "alert", "title"),
    [
        ("version", "warning", "members run different versions of etcd"),
        ("cluster_id", "error", "members belong to different clusters"),
        ("term", "warning", "members are in different raft terms"),
        ("leader", "error", "members follow two leaders in one term"),
        ("member_list", "warning", "members disagree on who is a member"),
    ],
)
def test_events(kind: str, alert: str, title: str) -> None:
    """Begin and end share a key, so that Datadog shows them together; the end is a success."""
    tags = ("etcd_cluster:prod",)
    began = findings.news("prod", tags, News(kind, "a: 1; b: 2"))
    assert (began.title, began.alert_type, began.tags) == (f"etcd prod: {title}", alert, tags)
    assert began.text.startswith("a: 1; b: 2\n\n")
    assert len(began.text) > len("a: 1; b: 2\n\n")
    assert findings.news("prod", tags, News(kind, None)) == Event(
        f"etcd prod: {title} no longer", "Members agree again.", "success", f"prod:{kind}", tags
    )
    assert began.aggregation_key == f"prod:{kind}"
