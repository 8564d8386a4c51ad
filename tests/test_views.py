"""What each kind of answer says about a member."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_latency import views
from etcd_latency.answers import Answers
from etcd_latency.derive.pages import Interval, Reading
from etcd_latency.errors import (
    BadPage,
    Denied,
    Moved,
    NotOffered,
    NotPermitted,
    Refused,
    TargetError,
    TimedOut,
    TlsRefused,
    Unhealthy,
    Unreachable,
)
from etcd_latency.model import Alarm, AlarmList, Failure, HttpHealth, Page, Read, Status, Target
from etcd_latency.probes import (
    ALARM_LIST,
    CERTIFICATE,
    HEALTH,
    LINEARIZABLE_READ,
    LIVEZ,
    PAGE,
    SERIALIZABLE_READ,
    STATUS,
    Probe,
)
from etcd_latency.views import Seen
from tests.test_derive_health import failed, status
from tests.test_derive_pages import gauge, page

TARGET = Target("m1", "http://10.0.0.1:2379", "http://10.0.0.1:2379/metrics", ("etcd_member:m1",))
CAME = Page(b"", "", seconds=0.004)
READ = Read(0.002, permitted=True)

Given = Mapping[Probe[Any], Any]
"""What was answered, by question; an error is a failure."""

ERRORS: Mapping[str, TargetError] = {
    "unreachable": Unreachable("nothing listens there"),
    "timed out": TimedOut("no complete answer"),
    "certificates": TlsRefused("signed by no CA"),
    "unhealthy": Unhealthy("request timed out"),
    "not offered": NotOffered("no gateway"),
    "not permitted": NotPermitted("no rights"),
    "denied": Denied("no rights", 0.003, warm=True),
    "moved": Moved("only gRPC"),
    "refused": Refused("HTTP 501"),
    "bad page": BadPage("no JSON"),
}
"""One of each kind."""


def answers(given: Given) -> Answers:
    found = Answers()
    for probe, answer in given.items():
        found.put(TARGET, probe, Failure(answer) if isinstance(answer, TargetError) else answer)
    return found


def seen(reading: Reading | None = None, interval: Interval | None = None) -> Seen:
    return Seen(TARGET, reading, interval)


def told(**gauges: float) -> Reading:
    """A page on which these families of `etcd_server_` stand."""
    return page(gauge(**{f"etcd_server_{name}": value for name, value in gauges.items()}))


# ---- the quorum


@pytest.mark.parametrize(
    ("kind", "reached"),
    [
        ("unreachable", False),
        ("timed out", False),
        ("certificates", None),
        ("unhealthy", True),
        ("not offered", True),
        ("not permitted", True),
        ("denied", True),
        ("moved", True),
        ("refused", True),
        ("bad page", True),
    ],
)
def test_who_is_reachable(kind: str, *, reached: bool | None) -> None:
    """Who says no is there; who says nothing is not; whom our certificates do not let in may be."""
    given = {PAGE: ERRORS[kind]}
    assert views.voter(seen(), given, answers(given)).reachable is reached


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ({}, None),
        ({PAGE: CAME}, True),
        ({PAGE: CAME, LINEARIZABLE_READ: ERRORS["timed out"]}, True),
        ({PAGE: ERRORS["unreachable"], LINEARIZABLE_READ: ERRORS["not offered"]}, True),
        ({PAGE: ERRORS["unreachable"], LINEARIZABLE_READ: ERRORS["timed out"]}, False),
        ({PAGE: ERRORS["unreachable"], LINEARIZABLE_READ: ERRORS["certificates"]}, None),
        ({PAGE: ERRORS["unreachable"], CERTIFICATE: ()}, False),
        ({CERTIFICATE: ()}, None),
    ],
)
def test_one_answer_is_enough(given: Given, *, reached: bool | None) -> None:
    """A certificate is none: over plain HTTP nobody is asked for it."""
    assert views.voter(seen(), given, answers(given)).reachable is reached


def test_what_was_not_asked_in_this_run_says_nothing() -> None:
    """A question without an answer counts neither for a member nor against it."""
    given = {PAGE: ERRORS["unreachable"]}
    assert views.voter(seen(), [PAGE, STATUS, LINEARIZABLE_READ], answers(given)).reachable is False
    assert views.voter(seen(), [STATUS], answers(given)).reachable is None


@pytest.mark.parametrize(
    ("answer", "reads"),
    [
        (None, None),
        (READ, True),
        (Read(0.002, permitted=False), True),
        (ERRORS["unreachable"], None),
        (ERRORS["timed out"], False),
        (ERRORS["certificates"], None),
        (ERRORS["unhealthy"], False),
        (ERRORS["not offered"], None),
        (ERRORS["not permitted"], None),
        (ERRORS["denied"], None),
        (ERRORS["moved"], None),
        (ERRORS["refused"], None),
        (ERRORS["bad page"], None),
    ],
    ids=str,
)
def test_who_reads_through_the_quorum(answer: object, *, reads: bool | None) -> None:
    """Only who took the question and could not, or let it hang, does not; who cannot be asked is unknown."""
    given = {} if answer is None else {LINEARIZABLE_READ: answer}
    assert views.voter(seen(), given, answers(given)).reads is reads


@pytest.mark.parametrize(
    ("reading", "given", "has_leader"),
    [
        (None, {}, None),
        (told(is_leader=1), {}, None),
        (told(has_leader=1), {}, True),
        (told(has_leader=0), {}, False),
        (None, {STATUS: status(leader=0)}, False),
        (told(has_leader=0), {STATUS: status(leader=2)}, True),
        (told(has_leader=1), {STATUS: ERRORS["not offered"]}, True),
    ],
)
def test_who_has_a_leader(reading: Reading | None, given: Given, *, has_leader: bool | None) -> None:
    """By its status where it gave one, else by its page."""
    assert views.voter(seen(reading), given, answers(given)).has_leader is has_leader


@pytest.mark.parametrize(
    ("given", "healthy"),
    [
        ({PAGE: CAME}, True),
        ({PAGE: CAME, LINEARIZABLE_READ: ERRORS["not offered"]}, True),
        ({PAGE: CAME, LINEARIZABLE_READ: ERRORS["unreachable"]}, True),
        ({PAGE: CAME, LINEARIZABLE_READ: ERRORS["certificates"]}, True),
        ({PAGE: CAME, LINEARIZABLE_READ: ERRORS["timed out"]}, False),
    ],
)
def test_a_page_speaks_for_who_cannot_be_asked_more(given: Given, *, healthy: bool) -> None:
    """It takes part by its own page, unless a read through the quorum did not come back."""
    assert views.voter(seen(told(has_leader=1)), given, answers(given)).healthy is healthy


# ---- roles and names


@pytest.mark.parametrize(
    ("reading", "given", "leads"),
    [
        (None, {}, None),
        (told(has_leader=1), {}, None),
        (told(is_leader=1), {}, True),
        (told(is_leader=0), {}, False),
        (told(is_leader=0), {STATUS: status(leader=1)}, False),
        (None, {STATUS: status(leader=1)}, True),
        (None, {STATUS: status(leader=2)}, False),
        (None, {STATUS: ERRORS["timed out"]}, None),
    ],
)
def test_who_leads(reading: Reading | None, given: Given, *, leads: bool | None) -> None:
    """By its page, as everything else on the board is; by its status where there is no page."""
    assert views.leads(seen(reading), answers(given)) is leads
    assert views.leaders([seen(reading)], answers(given)) == (["m1"] if leads else [])


@pytest.mark.parametrize(
    ("reading", "known", "learns"),
    [
        (None, None, False),
        (told(is_learner=1), None, True),
        (told(is_learner=0), None, False),
        (told(has_leader=1), None, False),
        (told(is_learner=1), status(), False),
        (None, replace(status(), is_learner=True), True),
    ],
)
def test_who_learns(reading: Reading | None, known: Status | None, *, learns: bool) -> None:
    """By its status, else by its page; who says nothing has a vote."""
    assert views.is_learner(reading, known) is learns


def test_names_by_ids() -> None:
    """Each page says its own member's id; one that does not, or is missing, adds nothing."""
    other = Target("m2", "http://10.0.0.2:2379", "http://10.0.0.2:2379/metrics", ())
    own = page('# TYPE etcd_server_id gauge\netcd_server_id{server_id="8e9e05c52164694d"} 1\n')
    nameless = page('# TYPE etcd_server_id gauge\netcd_server_id{server_id=""} 1\n')
    assert views.names([seen(own), Seen(other, None, None)]) == {"8e9e05c52164694d": "m1"}
    assert views.names([seen(told(has_leader=1)), Seen(other, nameless, None)]) == {}


# ---- what it offers


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("unreachable", {}),
        ("timed out", {}),
        ("certificates", {}),
        ("unhealthy", {}),
        ("not offered", {"status": False}),
        ("not permitted", {"status": True}),
        ("denied", {"status": True}),
        ("moved", {"status": False}),
        ("refused", {"status": True}),
        ("bad page", {"status": True}),
    ],
)
def test_what_is_offered(kind: str, expected: Mapping[str, bool]) -> None:
    """What is not there, or elsewhere, is not offered; who did not answer has not said."""
    given = {STATUS: ERRORS[kind]}
    assert views.offered(seen(), [*given, LIVEZ], answers(given)) == expected


def test_an_answer_is_an_offer() -> None:
    """Also one that is empty, or says that the member is not well."""
    given = {STATUS: status(), HEALTH: failed("RAFT NO LEADER"), CERTIFICATE: ()}
    assert views.offered(seen(), given, answers(given)) == {"status": True, "health": True, "certificate": True}


# ---- for the diagnosis


@pytest.mark.parametrize(
    ("kind", "hangs"),
    [
        ("unreachable", False),
        ("timed out", True),
        ("certificates", None),
        ("unhealthy", None),
        ("not offered", None),
        ("not permitted", None),
        ("denied", None),
        ("moved", None),
        ("refused", None),
        ("bad page", None),
    ],
)
def test_a_member_without_a_page(kind: str, *, hangs: bool | None) -> None:
    """It is missing when nothing answers, hung or not; when something does, nothing can be said of it (None)."""
    view = views.of_member(seen(), answers({PAGE: ERRORS[kind]}), Answers())
    assert (None if view is None else view.timed_out) is hangs
    if view:
        assert (view.name, view.reading, view.interval, view.page_seconds) == ("m1", None, None, None)
        assert view.failure == str(ERRORS[kind])


def test_a_page_that_has_not_come_yet() -> None:
    """Is no sign of anything."""
    assert views.of_member(seen(), Answers(), Answers()) is None


def test_a_member_with_its_page_alone() -> None:
    """What was not asked, or not offered, is unknown and not zero."""
    now = told(has_leader=1)
    interval = Interval(told(has_leader=1), now)
    given = {PAGE: CAME, STATUS: ERRORS["not offered"], LINEARIZABLE_READ: ERRORS["not offered"]}
    view = views.of_member(seen(now, interval), answers(given), Answers())
    assert view
    assert (view.reading, view.interval, view.page_seconds, view.failure) == (now, interval, 0.004, "")
    assert (view.status, view.alarms, view.read_seconds, view.quorum_read_seconds) == (None, None, None, None)
    assert (view.write_seconds, view.health, view.timed_out) == (None, "", False)


def test_a_member_that_answers_all() -> None:
    """Each time is that of its own question, and alarms are those of the status and of the list."""
    given = {
        PAGE: CAME,
        STATUS: replace(status(), alarms=(Alarm("NOSPACE", 1),)),
        SERIALIZABLE_READ: Read(0.001, permitted=True),
        LINEARIZABLE_READ: Read(0.002, permitted=True),
        ALARM_LIST: AlarmList((Alarm("CORRUPT", 2),), 0.003),
        HEALTH: failed("ALARM NOSPACE"),
    }
    view = views.of_member(seen(told(has_leader=1)), answers(given), Answers())
    assert view
    assert (view.read_seconds, view.quorum_read_seconds, view.write_seconds) == (0.001, 0.002, 0.003)
    assert view.alarms == {"NOSPACE", "CORRUPT"}
    assert view.health == "ALARM NOSPACE"
    assert view.status is given[STATUS]


def test_a_healthy_member_has_no_words() -> None:
    """And no alarms, which is not the same as not knowing of any."""
    given = {PAGE: CAME, STATUS: status(), HEALTH: HttpHealth(200, passed=True, reason="", seconds=0.001)}
    view = views.of_member(seen(told(has_leader=1)), answers(given), Answers())
    assert view
    assert (view.health, view.alarms) == ("", frozenset())


def test_alarms_of_an_earlier_list() -> None:
    """They count while the member may not be asked for its status, and no longer."""
    latest = answers({ALARM_LIST: AlarmList((Alarm("NOSPACE", 1),), 0.003)})
    barred = views.of_member(seen(told(has_leader=1)), answers({STATUS: ERRORS["not permitted"]}), latest)
    silent = views.of_member(seen(told(has_leader=1)), answers({STATUS: ERRORS["timed out"]}), latest)
    assert barred
    assert silent
    assert (barred.alarms, silent.alarms) == ({"NOSPACE"}, None)
