"""The diagnosis as an operator gets it: recorded pages, served to the check one after the other."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, get_args

import pytest

from etcd_latency import standalone
from etcd_latency.derive.diagnosis import Cause
from etcd_latency.model import Level
from etcd_latency.scoreboard import Board
from tests.conftest import FIXTURES, recorded
from tests.gateway_server import NO_SUCH_PAGE
from tests.servers import PLAIN
from tests.test_derive_causes import CAUSES, PAIRS

MEMBERS = ("m1", "m2", "m3")
HANGS_SECONDS = 6.0
"""For so long a hung member holds a question, which nobody waits for."""
HEALTHY = "faults-3.5.1/healthy-idle-cluster"
COUNTED_GAUGES = ("etcd_server_proposals_committed_total", "etcd_server_proposals_applied_total")
"""What etcd declares as a gauge, and counts all the same."""

Pages = Mapping[str, bytes | None]
"""By member; None for one that cannot be asked."""


class Member:
    """A server on loopback, and what it answers now: its page, what else is there, or nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.page = b""
        self.hangs = False
        self.replies: dict[str, tuple[int, bytes]] = {}
        """By path what is there beside the page; for all else the answer is 404."""
        member = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer()

            def _answer(self) -> None:
                if member.hangs:
                    time.sleep(HANGS_SECONDS)
                found = {**member.replies, "/metrics": (200, member.page)}
                missing = NO_SUCH_PAGE[0], NO_SUCH_PAGE[1].encode()
                status, body = found.get(self.path.partition("?")[0], missing)
                self.send_response(status)
                self.send_header("Content-Type", PLAIN)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")  # so that who is gone is gone at once
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Keep quiet about who did not wait."""

        self._server: ThreadingHTTPServer | None = Server(("127.0.0.1", 0), Answer)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def leave(self) -> None:
        """Refuse connections from now on."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._server = None


class Told(NamedTuple):
    """What a run told about the cluster, with members by the names that the test has for them."""

    severities: Mapping[tuple[str, str], float]
    """By cause and member; the whole cluster is an empty name."""
    events: Sequence[Mapping[str, Any]]
    quorum: tuple[int, str]
    board: Board | None
    run: standalone.Run

    @property
    def found(self) -> dict[tuple[str, str], float]:
        """What is wrong."""
        return {what: severity for what, severity in self.severities.items() if severity}

    @property
    def news(self) -> list[tuple[str, str]]:
        """What the events are about, and how bad each is."""
        return [(event["aggregation_key"].partition(":diagnosis:")[2], event["alert_type"]) for event in self.events]

    def value(self, metric: str, *tags: str) -> list[float]:
        """The values of a metric of series with these tags."""
        name = f"etcd_latency.{metric}"
        return [one.value for one in self.run.metrics if one.name == name and set(tags) <= set(one.tags)]


class Stage:
    """A check, and the members that it asks, whose pages change from run to run."""

    def __init__(self, stack: ExitStack, names: Sequence[str] = MEMBERS, **options: Any) -> None:
        """Members are configured by their URLs alone, unless they are `named`."""
        self.members = {name: Member(name) for name in names}
        for member in self.members.values():
            stack.callback(member.leave)
        is_named = options.pop("named", False)
        written = [{"url": one.url, "name": one.name} if is_named else one.url for one in self.members.values()]
        instance = {"cluster": "prod", "members": written, "skip_proxy": True, "probes": False} | options
        (self.check,) = standalone.prepare({}, [instance])

    def run(self, pages: Pages, *, hangs: bool = False) -> Told:
        """One run with these pages; who has none hangs, or is gone for good."""
        for name, page in pages.items():
            member = self.members[name]
            member.page, member.hangs = page or b"", page is None and hangs
            if page is None and not hangs:
                member.leave()
        run = standalone.run([self.check])
        (quorum,) = (one for one in run.service_checks if one.name == "etcd_latency.quorum")
        severities = {
            (tags["cause"], self.called(tags.get("etcd_member", ""))): metric.value
            for metric in run.metrics
            if metric.name == "etcd_latency.diagnosis.severity"
            for tags in (dict(tag.split(":", 1) for tag in metric.tags),)
        }
        return Told(severities, run.events, (quorum.status, quorum.message), self.check.board(), run)

    def play(self, *rounds: Pages, hangs: bool = False) -> list[Told]:
        """One run after the other."""
        return [self.run(pages, hangs=hangs) for pages in rounds]

    def called(self, name: str) -> str:
        """What the test calls the member that the check calls so."""
        return next((one.name for one in self.members.values() if one.address == name), name)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is to end with the test."""
    with ExitStack() as stack:
        yield stack


# ---- pages


def pair(folder: str) -> tuple[dict[str, bytes], dict[str, bytes | None]]:
    """The pages before a fault, and with it; those of who could not be asked any more are None."""
    before, after = ({name: _page(FIXTURES / folder / f"{when}-{name}.prom.gz") for name in MEMBERS} for when in WHEN)
    return {name: page for name, page in before.items() if page is not None}, after


WHEN = ("before", "after")


def _page(path: Path) -> bytes | None:
    return gzip.decompress(path.read_bytes()) if path.exists() else None


def counted(page: bytes) -> dict[str, float]:
    """What a page counts, by what stands before each value."""
    return {head: value for head, value, counts in _lines(page) if counts}


def gains(before: bytes, after: bytes) -> dict[str, float]:
    """What was counted between two pages."""
    first = counted(before)
    return {head: value - first.get(head, 0.0) for head, value in counted(after).items()}


def rewritten(page: bytes, counters: Mapping[str, float], gauges: Mapping[str, float] | None = None) -> bytes:
    """A page with other values."""
    values = {**counters, **(gauges or {})}
    lines = (f"{head} {values.get(head, value)!r}" if head else text for head, value, _, text in _all_lines(page))
    return "\n".join((*lines, "")).encode()


def plus(page: bytes, gained: Mapping[str, float]) -> bytes:
    """The page when that much more was counted."""
    return rewritten(page, {head: value + gained.get(head, 0.0) for head, value in counted(page).items()})


def later(before: Pages, after: Pages) -> dict[str, bytes | None]:
    """The pages after an interval more, in which the same was counted as between these two."""
    return {
        name: plus(page, gains(first, page)) if page and (first := before[name]) else page
        for name, page in after.items()
    }


def quiet(pages: Pages, like: Pages, times: int = 1) -> dict[str, bytes | None]:
    """The pages after some healthy intervals more; gauges are as on the pages of `like`."""
    before, after = pair(HEALTHY)
    healthy = {name: gains(before[name], page) for name, page in after.items() if page}
    found: dict[str, bytes | None] = {}
    for name, page in pages.items():
        gained, first = {head: times * value for head, value in healthy[name].items()}, like[name]
        grown = plus(page, gained) if page else page
        found[name] = rewritten(grown, {}, _gauges(first)) if grown and first else grown
    return found


def _gauges(page: bytes) -> dict[str, float]:
    return {head: value for head, value, counts in _lines(page) if not counts}


def _lines(page: bytes) -> Iterator[tuple[str, float, bool]]:
    return ((head, value, counts) for head, value, counts, _ in _all_lines(page) if head)


def _all_lines(page: bytes) -> Iterator[tuple[str, float, bool, str]]:
    """What stands before the value, the value, whether that counts something; and comments as they are."""
    kind = ""
    for text in page.decode().splitlines():
        head, _, value = text.rpartition(" ")
        if text.startswith("#"):
            kind = value if text.startswith("# TYPE") else kind
            yield "", 0.0, False, text
        else:
            yield head, float(value), kind in ("counter", "histogram") or head.startswith(COUNTED_GAUGES), text


# ---- cause and member


def expected(folder: str) -> tuple[str, str]:
    """What is wrong in a recorded pair, by the name of its folder."""
    name = Path(folder).name
    cause = next(cause for start, cause in CAUSES.items() if name.startswith(start))
    member = name.rpartition("-")[2]
    return cause, "" if member == "cluster" else member


def worst(told: Told) -> list[tuple[str, str]]:
    """What has the highest severity in the series; nothing is ("none", "")."""
    highest = max(told.found.values(), default=0.0)
    return [what for what, severity in told.found.items() if severity == highest] or [("none", "")]


@pytest.mark.parametrize("folder", PAIRS)
def test_recorded_pairs(stack: ExitStack, folder: str) -> None:
    """By URLs and pages alone the second run has cause and member, in its series as on the board."""
    before, after = pair(folder)
    first, second = Stage(stack).play(before, after)
    cause, member = expected(folder)
    stands = {("space", ""): 2.0} if "standing" in folder else {}  # then it is on the first page already
    assert (first.severities, first.events, first.board) == (stands, (), None)
    assert worst(second) == [(cause, member)]
    assert second.events == ()
    assert second.board
    found = second.board.diagnosis
    assert (found.cause, _named(found.member, second.board, member)) == (cause, member)
    assert {cause for cause, member in second.severities if not member} == set(get_args(Cause))


def _named(name: str, board: Board, member: str) -> str:
    """The member's name in the test, where this is the board's name for it."""
    names = dict(zip((row.name for row in board.rows), MEMBERS, strict=True))
    return names[name] if member else name


FLAT = "faults-3.5.16/"


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("fsync-baseline", "fsync-delay100ms-follower-m1", ("disk_wal", "m1")),
        ("fsync-baseline", "fsync-delay100ms-leader-m2", ("disk_wal", "m2")),
        ("net-baseline", "net-delay50ms-all", ("network", "")),
        ("net-baseline", "nospace", ("space", "")),
        ("net-baseline", "fsync-baseline", ("none", "")),
    ],
)
def test_pages_of_3_5_16(stack: ExitStack, before: str, after: str, found: tuple[str, str]) -> None:
    """Whole pages, too, one pair of which is of two clusters, as after a restart."""
    rounds = ({name: recorded(f"{FLAT}{stem}-{name}") for name in MEMBERS} for stem in (before, after))
    board = Stage(stack, named=True).play(*rounds)[1].board
    assert board
    assert (board.diagnosis.cause, board.diagnosis.member) == found


@pytest.mark.parametrize(
    ("folder", "level", "message"),
    [
        (HEALTHY, Level.OK, ""),
        ("faults-3.4.23/fsync20-leader-m1", Level.OK, ""),
        ("faults-3.5.1/cut-follower-m2", Level.WARNING, "2 of 3 voting members take part; not taking part: m2"),
        ("faults-3.5.30/kill9-follower-m3", Level.WARNING, "2 of 3 voting members take part; not taking part: m3"),
        ("faults-3.5.1/cutall-cluster", Level.CRITICAL, "0 of 3 voting members take part; not taking part: m1, m2, m3"),
    ],
)
def test_probes_that_are_not_there_accuse_nobody(stack: ExitStack, folder: str, level: Level, message: str) -> None:
    """With 404 for all but the page the verdict is that of the pages, and so is the quorum's, named or not."""
    before, after = pair(folder)
    first, second = Stage(stack, probes=True, named=True).play(before, after)
    assert first.quorum == (Level.OK, "")
    assert worst(second) == [expected(folder)]
    assert second.quorum[0] == level
    assert second.quorum[1].endswith(message)
    reached = sum(page is not None for page in after.values())
    assert second.value("cluster.members.reachable") == [reached]


def test_a_hung_member(stack: ExitStack) -> None:
    """Connections that stand and give nothing are critical, and the evidence says so by the user's name for it."""
    before, after = pair("faults-3.5.1/sigstop-follower-m1")
    stage = Stage(stack, named=True, timeout=2)
    _, second = stage.play(before, after, hangs=True)
    assert second.found == {("hung_member", "m1"): 2}
    assert second.board
    assert second.board.diagnosis.findings[0].evidence[0].startswith("m1 does not answer: no complete answer within")
    assert second.board.diagnosis.findings[0].evidence[1].startswith("to m2 and m3 it looks connected")
    assert second.quorum[0] == Level.WARNING


@pytest.mark.parametrize("named", [False, True])
def test_names_are_those_of_the_configuration(stack: ExitStack, *, named: bool) -> None:
    """In tags, evidence and titles a member has one name, and ids are nowhere."""
    before, after = pair("faults-3.5.1/delay50-follower-m1")
    stage = Stage(stack, named=named)
    _, second, third = stage.play(before, after, later(before, after))
    names = {name: name if named else one.address for name, one in stage.members.items()}
    assert second.value("diagnosis.severity", f"etcd_member:{names['m1']}", "cause:network", "etcd_cluster:prod") == [1]
    assert second.board
    (found,) = second.board.diagnosis.findings
    assert found.member == names["m1"]
    text = "\n".join(found.evidence)
    assert f"the round trip between {names['m1']} and {names['m2']} takes" in text
    assert third.news == [(f"network:{names['m1']}", "warning")]
    (event,) = third.events
    assert names["m1"] in event["msg_title"]
    assert {f"etcd_member:{names['m1']}", "cause:network", "etcd_cluster:prod"} <= set(event["tags"])
    assert f"the round trip between {names['m1']} and {names['m2']} takes" in event["msg_text"]


# ---- from run to run


SLOW_LEADER = "faults-3.4.23/fsync20-leader-m1"


def test_a_page_that_is_served_twice_tells_nothing(stack: ExitStack) -> None:
    """Where nothing was counted there is no severity, not even 0, and no event follows."""
    before, after = pair(SLOW_LEADER)
    told = Stage(stack).play(before, after, after, after)
    assert [one.found for one in told] == [{}, {("disk_wal", "m1"): 2}, {}, {}]
    assert [bool(one.severities) for one in told] == [False, True, False, False]
    assert [one.events for one in told] == [()] * 4
    board = told[-1].board
    assert board
    assert board.diagnosis.cause == "unknown"
    assert board.diagnosis.thin == "nothing was counted between the two pages of any member"


@pytest.mark.parametrize("folder", ["faults-3.5.1/cut-follower-m2", "faults-3.5.1/quota-standing-cluster"])
def test_what_a_page_alone_shows_is_no_event(stack: ExitStack, folder: str) -> None:
    """It has its severity on each page, but an event takes two intervals in which something was counted."""
    before, after = pair(folder)
    told = Stage(stack).play(before, after, after, after, later(before, after))
    assert [one.found.get(expected(folder)) for one in told[1:]] == [told[1].found[expected(folder)]] * 4
    assert [len(one.events) for one in told] == [0, 0, 0, 0, 1]


def test_events_come_after_two_intervals_and_once(stack: ExitStack) -> None:
    """One when it has come to stay, one when it has gone; what is worse than a warning is an error."""
    before, after = pair(SLOW_LEADER)
    started = quiet(before, before)
    bad = quiet(after, after)
    worse = later(before, bad)
    worst_ = later(bad, worse)
    end = [quiet(worst_, before, times) for times in (1, 2, 3, 4)]
    stage = Stage(stack, named=True)
    told = stage.play(before, started, bad, worse, worst_, *end)
    slow = {("disk_wal", "m1"): 2.0}
    assert [one.found for one in told] == [{}, {}, slow, slow, slow, {}, {}, {}, {}]
    began, ended = [("disk_wal:m1", "error")], [("disk_wal:m1", "success")]
    assert [one.news for one in told] == [[], [], [], began, [], [], ended, [], []]
    assert [one.severities.get(("disk_wal", "m1")) for one in told] == [None, None, 2, 2, 2, 0, 0, 0, 0]


def test_what_an_event_says(stack: ExitStack) -> None:
    """The evidence and what to do; when it is over, what is left; both on one thread of the stream."""
    before, after = pair(SLOW_LEADER)
    more = later(before, after)
    end = [quiet(more, before, times) for times in (1, 2)]
    told = Stage(stack, named=True).play(before, after, more, *end)
    began, ended = told[2].events[0], told[4].events[0]
    assert began["msg_title"].startswith("etcd prod: ")
    assert "m1" in began["msg_title"]
    assert ended["msg_title"] == f"{began['msg_title']} (over)"
    assert "WAL fsync took" in began["msg_text"]
    assert "What to do:\n- See who else writes to its disk" in began["msg_text"]
    assert ended["msg_text"] == "Nothing else is wrong."
    assert began["aggregation_key"] == ended["aggregation_key"] == "etcd_latency:prod:diagnosis:disk_wal:m1"
    assert sorted(began["tags"]) == sorted(ended["tags"])


def test_one_interval_is_no_event(stack: ExitStack) -> None:
    """Trouble that comes and goes between two runs leaves its severity, and nothing else."""
    before, after = pair(SLOW_LEADER)
    told = Stage(stack, named=True).play(before, after, *(quiet(after, before, times) for times in (1, 2, 3)))
    assert [one.severities.get(("disk_wal", "m1")) for one in told] == [None, 2, 0, 0, 0]
    assert [one.events for one in told] == [()] * 5


def test_a_member_that_is_gone_and_comes_back(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hung member is told of once, its severity goes to 0 when it answers, and that it is over is told once."""
    before, after = pair("faults-3.5.1/sigstop-follower-m1")
    more = later(before, after)
    back = {**after, "m1": before["m1"]}
    stage = Stage(stack, named=True, timeout=2)
    # A question whose time is over must have ended before the next run asks it again.
    monkeypatch.setattr("etcd_latency.survey.GRACE_SECONDS", 10)
    told = [stage.run(before), stage.run(after, hangs=True), stage.run(more, hangs=True)]
    told += stage.play(*(quiet({**more, "m1": back["m1"]}, before, times) for times in (1, 2, 3)))
    assert [one.severities.get(("hung_member", "m1")) for one in told] == [None, 2, 2, 0, 0, 0]
    began, ended = [("hung_member:m1", "error")], [("hung_member:m1", "success")]
    assert [one.news for one in told] == [[], [], began, [], ended, []]
    assert told[-1].quorum == (Level.OK, "")


@pytest.mark.parametrize("folder", [HEALTHY, SLOW_LEADER])
def test_a_member_that_restarted(stack: ExitStack, folder: str) -> None:
    """Its counters begin anew: what it counted since is the interval, with the verdict that this deserves."""
    before, after = pair(folder)
    page, first = after["m1"], before["m1"]
    assert page
    start = {head: value + 100 for head, value in _gauges(page).items() if head.startswith("process_start_time")}
    assert start
    after["m1"] = rewritten(page, gains(first, page), start)
    _, second = Stage(stack).play(before, after)
    assert worst(second) == [expected(folder)]
    assert second.board
    assert second.board.diagnosis.thin == ""
