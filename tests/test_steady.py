"""Pages with the lines of the one before: what passes for one, and that it makes no difference to what is submitted."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter

import pytest
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency.errors import TargetError, TimedOut
from etcd_latency.model import Failure, Page
from etcd_latency.scrape import MemberScraper
from etcd_latency.scrape.lines import Column, Heads, Irregular, Values
from etcd_latency.scrape.steady import Part, Steady
from tests.conftest import MakeCheck, recorded
from tests.test_scrape import URL, Submitted, page, submitted
from tests.test_scrape_member import LOAD, PEERS, RECEIVED, TWO, by_peer

TEXT = """\
# HELP etcd_server_has_leader Whether or not a leader exists.
# TYPE etcd_server_has_leader gauge
etcd_server_has_leader 1
# HELP go_goroutines Number of goroutines.
# TYPE go_goroutines gauge
go_goroutines 80
# HELP etcd_server_heartbeat_send_failures_total The total number.
# TYPE etcd_server_heartbeat_send_failures_total counter
etcd_server_heartbeat_send_failures_total 2
# HELP etcd_network_peer_sent_bytes_total The total number of bytes sent to peers.
# TYPE etcd_network_peer_sent_bytes_total counter
etcd_network_peer_sent_bytes_total{To="3e3ed9b7dd83e6d9"} 50
etcd_network_peer_sent_bytes_total{To="6e94ca746cb88b7a"} 60
"""

PARTS = [
    Part([b"# TYPE a gauge"], [b"a 1"], Heads([b"a "])),
    Part([b"# TYPE b gauge"], [b'b{x="1 2"} 2', b'b{x="3"} 3'], None),
    Part([b"# TYPE c counter"], [b'c{y="1"} 4', b'c{y="2"} 5'], Heads([b'c{y="1"} ', b'c{y="2"} '])),
]

PARTS_TEXT = b"".join(b"%b\n" % line for part in PARTS for line in part.fixed + part.varying)


@pytest.fixture
def scraper(make_check: MakeCheck) -> MemberScraper:
    """One that has never seen a page."""
    (only,) = make_check({"url": URL, "name": "m1"}).scrapers.values()
    assert isinstance(only, MemberScraper)
    return only


def outcome(scraper: MemberScraper, answer: Page, aggregator: AggregatorStub) -> Counter[Submitted] | str:
    """What is submitted of a page, or why it is not."""
    aggregator.reset()
    try:
        scraper.submit(answer)
    except TargetError as error:
        return str(error)
    return submitted(aggregator)


def anew(make_check: MakeCheck, answer: Page, aggregator: AggregatorStub) -> Counter[Submitted] | str:
    """The same by a scraper for which this page is the first."""
    (fresh,) = make_check({"url": URL, "name": "m1"}).scrapers.values()
    assert isinstance(fresh, MemberScraper)
    return outcome(fresh, answer, aggregator)


def settled(scraper: MemberScraper, text: str | bytes = TEXT) -> MemberScraper:
    """The same after it has seen these lines twice."""
    scraper.submit(page(text))
    scraper.submit(page(text))
    return scraper


def numbers_of(scraper: MemberScraper, text: str | bytes) -> list[float] | None:
    """The numbers for which a page would leave its body."""
    digested = scraper.digested(page(text))
    return None if digested.numbers is None else wanted(digested.numbers)


def wanted(numbers: Values | None) -> list[float]:
    """The numbers of those lines of a page that somebody wants."""
    assert numbers is not None
    return [number for number in numbers if not math.isnan(number)]


def advanced(text: bytes, by: int) -> bytes:
    """A recorded page as it could be a while later: the same lines with other values."""
    return re.sub(rb"(?m)^([^#].* )(\d+)$", lambda line: b"%b%d" % (line[1], int(line[2]) + by), text)


def test_the_values_of_what_is_wanted_are_read() -> None:
    """Of each wanted part its numbers in the page's order, as doubles; nothing of the other."""
    found = Steady(PARTS).read(
        b'# TYPE a gauge\na 10\n# TYPE b gauge\nb{x="1 2"} x\nb{x="3"} 9\n'
        b'# TYPE c counter\nc{y="1"} 0.5\nc{y="2"} +Inf\n'
    )
    assert wanted(found) == [10.0, 0.5, math.inf]


def test_the_page_itself_is_steady_without_its_last_line_feed() -> None:
    """A body may end with a line feed or not; the lines are the same."""
    assert (
        wanted(Steady(PARTS).read(PARTS_TEXT))
        == wanted(Steady(PARTS).read(PARTS_TEXT.removesuffix(b"\n")))
        == [1, 4, 5]
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"# TYPE a gauge\n", b"# TYPE a gauges\n"),
        (b"# TYPE a gauge\n", b""),
        (b"a 1\n", b"aa 1\n"),
        (b'b{x="1 2"}', b'b{x="1 3"}'),
        (b'b{x="3"} 3\n', b""),
        (b'c{y="2"} 5\n', b'c{y="2"} 5\nc{y="3"} 5\n'),
        (b'c{y="1"} 4\nc{y="2"} 5\n', b'c{y="2"} 5\nc{y="1"} 4\n'),
    ],
)
def test_another_page_has_no_values(old: bytes, new: bytes) -> None:
    """One line more, less, or other than before makes it another page, be it wanted or not."""
    assert old in PARTS_TEXT
    assert Steady(PARTS).read(PARTS_TEXT.replace(old, new)) is None


@pytest.mark.parametrize("value", [b"1_0", b"1 1700000000000", b"", b"x", b'1 # {a="b"} 1'])
def test_more_than_a_number_is_irregular(value: bytes) -> None:
    """An underscore, a timestamp, an exemplar or nothing at all is not for this reader to judge."""
    with pytest.raises(Irregular):
        Steady(PARTS).read(PARTS_TEXT.replace(b"a 1\n", b"a %b\n" % value))


def test_the_same_lines_give_numbers_and_columns(scraper: MemberScraper) -> None:
    """The body goes, size, type and time stay, and submitting it leaves each family with its lines and values."""
    settled(scraper)
    before = scraper.observed()
    later = TEXT.replace("leader 1\n", "leader 0\n").replace("} 60", "} 65").replace("goroutines 80", "goroutines 9")
    came = Page(later.encode(), "text/plain", 1000, 7.5)
    digested = scraper.digested(came)
    assert (digested.body, digested.content_type, digested.size, digested.taken) == (b"", "text/plain", 1000, 7.5)
    assert wanted(digested.numbers) == [0.0, 2.0, 50.0, 65.0]
    scraper.submit(digested)
    assert scraper.observed() == {
        "etcd_server_has_leader": Column(before["etcd_server_has_leader"].heads, array("d", [0])),
        "etcd_server_heartbeat_send_failures_total": Column(
            before["etcd_server_heartbeat_send_failures_total"].heads, array("d", [2])
        ),
        "etcd_network_peer_sent_bytes_total": Column(
            before["etcd_network_peer_sent_bytes_total"].heads, array("d", [50, 65])
        ),
    }
    assert before["etcd_network_peer_sent_bytes_total"].heads.texts == [
        b'etcd_network_peer_sent_bytes_total{To="3e3ed9b7dd83e6d9"} ',
        b'etcd_network_peer_sent_bytes_total{To="6e94ca746cb88b7a"} ',
    ]


GAUGE = "# TYPE etcd_server_is_leader gauge\netcd_server_is_leader 1\n"

CHANGES = {
    "help of what is wanted": ("a leader exists", "no leader exists"),
    "help of what is not": ("Number of", "How many"),
    "help gone": ("# HELP go_goroutines Number of goroutines.\n", ""),
    "kind": ("has_leader gauge", "has_leader counter"),
    "kind of what is not wanted": ("go_goroutines gauge", "go_goroutines untyped"),
    "header renamed": ("TYPE etcd_server_has_leader", "TYPE etcd_server_is_leader"),
    "unwanted line renamed": ("\ngo_goroutines 80", "\netcd_server_is_leader 80"),
    "new line": ("} 60\n", '} 60\netcd_network_peer_sent_bytes_total{To="0"} 1\n'),
    "new family": ("# HELP go_goroutines", f"{GAUGE}# HELP go_goroutines"),
    "line gone": ('etcd_network_peer_sent_bytes_total{To="3e3ed9b7dd83e6d9"} 50\n', ""),
    "lines moved": (
        '3e3ed9b7dd83e6d9"} 50\netcd_network_peer_sent_bytes_total{To="6e94ca746cb88b7a"} 60',
        '6e94ca746cb88b7a"} 60\netcd_network_peer_sent_bytes_total{To="3e3ed9b7dd83e6d9"} 50',
    ),
    "same line twice": ("has_leader 1\n", "has_leader 1\netcd_server_has_leader 1\n"),
    "timestamp": ("has_leader 1\n", "has_leader 1 1700000000000\n"),
    "underscore": ("has_leader 1\n", "has_leader 1_0\n"),
    "no number": ("has_leader 1\n", "has_leader one\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_page_that_changed_is_read_as_if_it_were_the_first(
    change: str, scraper: MemberScraper, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """It is left as it is, and gives what a scraper gives that never saw another; so does the usual page after it."""
    other = page(TEXT.replace(*CHANGES[change]))
    assert other != page(TEXT)
    settled(scraper)
    assert scraper.digested(other) is other
    assert outcome(scraper, other, aggregator) == anew(make_check, other, aggregator)
    assert outcome(scraper, page(TEXT), aggregator) == anew(make_check, page(TEXT), aggregator)


def test_lines_must_have_come_twice(scraper: MemberScraper) -> None:
    """The first page and the first with a new line are read in full; the second of a kind makes the third steady."""
    more = TEXT + GAUGE
    steady = []
    for text in (TEXT, TEXT, TEXT, more, more, more, TEXT, TEXT, TEXT):
        steady.append(numbers_of(scraper, text) is not None)
        scraper.submit(page(text))
    assert steady == [False, False, True] * 3


def test_a_family_that_base_must_read_makes_no_page_steady(scraper: MemberScraper) -> None:
    """Its text is wanted on every page, so that none may leave its body."""
    stamped = TEXT.replace("has_leader 1\n", "has_leader 1 1700000000000\n")
    settled(scraper, stamped)
    assert numbers_of(scraper, stamped) is None
    settled(scraper)
    assert numbers_of(scraper, TEXT) == [1.0, 2.0, 50.0, 60.0]


def test_a_failure_leaves_the_next_page_steady(scraper: MemberScraper, aggregator: AggregatorStub) -> None:
    """A gap changes no lines; but no counter is flushed with its first value after it."""
    settled(scraper)
    with pytest.raises(TimedOut):
        scraper.submit(Failure(TimedOut("no answer")))
    digested = scraper.digested(page(TEXT))
    assert digested.body == b""
    flushed = []
    for _ in range(2):
        aggregator.reset()
        scraper.submit(digested)
        flushed += [
            stub.flush_first_value for stub in aggregator.metrics("etcd_latency.server.heartbeat_send_failures.count")
        ]
    assert flushed == [False, True]


def test_a_page_is_left_alone_while_tags_are_others(scraper: MemberScraper, aggregator: AggregatorStub) -> None:
    """After `set_dynamic_tags` series have to be learnt anew, for which the text is needed."""
    settled(scraper)
    scraper.set_dynamic_tags("region:x")
    came = page(TEXT)
    assert scraper.digested(came) is came
    aggregator.reset()
    scraper.submit(came)
    assert {"region:x" in tags for *_, tags in submitted(aggregator)} == {True}


def test_a_page_is_left_alone_while_peers_are_others(scraper: MemberScraper) -> None:
    """A member list that changed makes other tags; an equal one does not."""
    scraper.peers = PEERS
    settled(scraper)
    scraper.peers = dict(PEERS)
    assert numbers_of(scraper, TEXT) == [1.0, 2.0, 50.0, 60.0]
    scraper.peers = PEERS | {TWO: "renamed"}
    came = page(TEXT)
    assert scraper.digested(came) is came


def test_names_follow_in_the_next_but_one_page(scraper: MemberScraper, aggregator: AggregatorStub) -> None:
    """A list that changes while a page is on its way counts for that one or else for the one after it."""
    scraper.peers = PEERS
    settled(scraper, LOAD)
    on_its_way = scraper.digested(page(LOAD))
    assert on_its_way.body == b""
    scraper.peers = PEERS | {TWO: "renamed"}
    aggregator.reset()
    scraper.submit(on_its_way)
    assert set(by_peer(aggregator, RECEIVED)) in ({"m2", "m3"}, {"renamed", "m3"})
    aggregator.reset()
    scraper.submit(scraper.digested(page(LOAD)))
    assert set(by_peer(aggregator, RECEIVED)) == {"renamed", "m3"}


@pytest.mark.parametrize("recording", ["etcd-3.5.16/m1-leader-load", "etcd-3.4.23/m2-leader-load-extensive"])
def test_numbers_give_what_the_text_gives(
    recording: str, scraper: MemberScraper, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """Over six pages of one member, with a line that comes in the fourth, all is as if each were read as text."""
    text = recorded(recording)
    line = b"# TYPE etcd_server_id gauge\n"
    assert line in text
    other = text.replace(line, line + b'etcd_server_id{server_id="new"} 1\n')
    steady = []
    for by, lines_of in enumerate((text, text, text, other, other, other)):
        came = page(advanced(lines_of, by))
        assert by == 0 or came.body != lines_of
        digested = scraper.digested(came)
        steady.append(digested.body == b"")
        assert outcome(scraper, digested, aggregator) == anew(make_check, came, aggregator)
    assert steady == [False, False, True, False, False, True]
