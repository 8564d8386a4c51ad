"""A member's page between its peers: names for ids, and nothing of who is none."""

from __future__ import annotations

import pytest
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import EtcdLatencyCheck
from etcd_latency.errors import TimedOut
from etcd_latency.model import Failure
from etcd_latency.scrape import MemberScraper
from tests.conftest import MakeCheck, recorded
from tests.servers import PLAIN
from tests.test_scrape import OWN_TAGS, URL, page, submitted

LOAD = recorded("etcd-3.5.16/m1-leader-load")
TWO, THREE = "6e94ca746cb88b7a", "3e3ed9b7dd83e6d9"
PEERS = {"9f2dc2f1e7d4ff29": "m1", TWO: "m2", THREE: "m3"}
RECEIVED, SENT = "network.peer.received.count", "network.peer.sent.count"
ROUND_TRIP, ACTIVE = "network.peer.round_trip_time.duration.count", "network.active_peers"


@pytest.fixture
def scraper(make_check: MakeCheck) -> MemberScraper:
    check: EtcdLatencyCheck = make_check({"url": URL, "name": "m1"})
    (only,) = check.scrapers.values()
    assert isinstance(only, MemberScraper)
    return only


def by_peer(aggregator: AggregatorStub, name: str) -> dict[str, float]:
    """The values of one metric by the tag `peer`."""
    return {
        tag.removeprefix("peer:"): stub.value
        for stub in aggregator.metrics(f"etcd_latency.{name}")
        for tag in stub.tags
        if tag.startswith("peer:")
    }


def test_peers_go_by_their_names(scraper: MemberScraper, aggregator: AggregatorStub) -> None:
    """With the list each series of a recorded page has its peer's name; bytes from nobody are dropped, and no ghost."""
    scraper.peers = PEERS
    scraper.submit(page(LOAD))
    assert by_peer(aggregator, RECEIVED) == {"m2": 1920984, "m3": 1908733}
    assert by_peer(aggregator, SENT) == {"m2": 5078020, "m3": 5077022}
    assert by_peer(aggregator, ROUND_TRIP) == {"m2": 2, "m3": 2}
    assert by_peer(aggregator, ACTIVE) == {"m2": 1, "m3": 1}
    assert scraper.ghosts == 0


def test_without_a_list_ids_stay(scraper: MemberScraper, aggregator: AggregatorStub) -> None:
    """Where nobody may ask for the list, everything is submitted as the page has it."""
    scraper.submit(page(LOAD))
    assert by_peer(aggregator, RECEIVED) == {"0": 1800, TWO: 1920984, THREE: 1908733}
    assert by_peer(aggregator, ACTIVE) == {TWO: 1, THREE: 1}
    assert scraper.ghosts is None


def test_a_removed_member_s_series_are_dropped_and_counted(scraper: MemberScraper, aggregator: AggregatorStub) -> None:
    """etcd keeps them until it ends: bytes sent and received, the round trip's sum, count and buckets, and the peer."""
    scraper.peers = {identity: name for identity, name in PEERS.items() if identity != THREE}
    scraper.submit(page(LOAD))
    for name in (RECEIVED, SENT, ROUND_TRIP, ACTIVE):
        assert set(by_peer(aggregator, name)) == {"m2"}
    lines = [line for line in LOAD.decode().splitlines() if line.startswith("etcd_network_") and THREE in line]
    assert scraper.ghosts == len(lines)
    assert len([line for line in lines if "_bucket" not in line]) == 5


def test_nothing_but_peers_is_touched(
    scraper: MemberScraper, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """All other series are those of a page whose peers are not known."""
    scraper.peers = {}
    scraper.submit(page(LOAD))
    found = submitted(aggregator)
    assert not [name for name, *_ in found if name.endswith((RECEIVED, SENT, ROUND_TRIP, ACTIVE))]
    aggregator.reset()
    (whole,) = make_check({"url": URL, "name": "m1"}).scrapers.values()
    whole.submit(page(LOAD))
    beside = {one for one in submitted(aggregator) if not any(tag.startswith("peer:") for tag in one[3])}
    assert set(found) == beside


def test_the_count_is_of_the_last_page(scraper: MemberScraper) -> None:
    """Ghosts go when the member restarts; a page that failed has none."""
    scraper.peers = {}
    scraper.submit(page(LOAD))
    assert scraper.ghosts > 0
    scraper.peers = PEERS
    scraper.submit(page(LOAD))
    assert scraper.ghosts == 0
    scraper.peers = {}
    scraper.submit(page(LOAD))
    with pytest.raises(TimedOut):
        scraper.submit(Failure(TimedOut("no answer")))
    assert scraper.ghosts is None


def test_a_list_that_comes_later_counts_from_then_on(scraper: MemberScraper, aggregator: AggregatorStub) -> None:
    """The first run may not have it; the next names what the first could not."""
    scraper.submit(page(LOAD))
    aggregator.reset()
    scraper.peers = PEERS
    scraper.submit(page(LOAD))
    assert set(by_peer(aggregator, RECEIVED)) == {"m2", "m3"}


def test_a_label_that_is_called_so_elsewhere_is_left_alone(scraper: MemberScraper, aggregator: AggregatorStub) -> None:
    """Only etcd's network families are about peers."""
    leader = '# TYPE etcd_server_has_leader gauge\netcd_server_has_leader{To="ff"} 1\n'
    name = "etcd_network_client_grpc_sent_bytes_total"
    scraper.peers = PEERS
    scraper.submit(page(f"{leader}# TYPE {name} counter\n{name} 7\n", PLAIN))
    aggregator.assert_metric("etcd_latency.server.has_leader", value=1, tags=["peer:ff", *OWN_TAGS])
    assert scraper.ghosts == 0
    assert [stub.value for stub in aggregator.metrics("etcd_latency.network.client_grpc.sent.count")] == [7]
