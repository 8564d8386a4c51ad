"""Means and percentiles of a member's histograms between two pages, and the care that round trips need."""

from __future__ import annotations

import pytest

from etcd_latency import catalog
from etcd_latency.derive import histograms
from etcd_latency.derive.histograms import gained
from etcd_latency.derive.intervals import (
    LONGEST_REMEMBERED_SECONDS,
    ROUND_TRIP,
    Figure,
    RoundTrip,
    active_peers,
    intervals,
    is_warming_up,
    remembered,
    round_trips,
)
from etcd_latency.derive.pages import Interval, Reading
from tests.test_derive_pages import FSYNC, columns, gauge, page, reading_of

START = 1_700_000_000.0
NOW = START + 600


def fault(name: str, member: str) -> Interval:
    """Between a recorded page of a healthy member and one under a fault."""
    kind = name.partition("-")[0]
    pages = [f"faults-3.5.16/{kind}-baseline-{member}", f"faults-3.5.16/{name}-{member}"]
    return Interval(*(reading_of(one, 15.0 * at) for at, one in enumerate(pages)))


def test_a_slow_disk() -> None:
    """Mean and percentiles of one that was slow in part of the interval."""
    found = {one.suffix: one for one in intervals(fault("fsync-delay100ms-follower-m1", "m1"), FSYNC, 1.8e9)}
    assert {suffix: (round(one.value, 4), one.resolution) for suffix, one in found.items()} == {
        "avg": (0.0058, "exact"),
        "p50": (0.0007, "floor"),
        "p95": (0.0208, "bucket"),
        "p99": (0.1148, "bucket"),
    }


def test_a_page_twice() -> None:
    """Nothing happened in between, so there is nothing to tell: no mean of 0."""
    one = reading_of("etcd-3.5.16/m2-leader-load-extensive")
    families = [family.exposed for family in catalog.load("etcd").families if family.kind == "histogram"]
    assert [figure for family in families for figure in intervals(Interval(one, one), family, 1.8e9)] == []


def test_only_what_was_observed_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all histograms of two pages under --metrics=extensive, those few whose count differs."""
    compared = []
    monkeypatch.setattr(histograms, "gained", lambda *both: compared.append(both) or gained(*both))
    first, second = (reading_of("etcd-3.5.16/m2-leader-load-extensive") for _ in range(2))
    families = [family.exposed for family in catalog.load("etcd").families if family.kind == "histogram"]
    assert [figure for family in families for figure in intervals(Interval(first, second), family, 1.8e9)] == []
    assert compared == []
    idle = reading_of("etcd-3.5.16/m2-leader-idle-extensive")
    assert list(intervals(Interval(idle, second), "grpc_server_handling_seconds", 1.8e9))
    assert len(compared) == 3 < len(second.histograms("grpc_server_handling_seconds"))


def test_every_series_has_its_own() -> None:
    """A histogram with labels gives figures for each series that observed anything."""
    pages = (reading_of("etcd-3.5.16/m2-leader-idle-extensive"), reading_of("etcd-3.5.16/m2-leader-load-extensive"))
    found = list(intervals(Interval(*pages), "grpc_server_handling_seconds", 1.8e9))
    means = {dict(one.labels)["grpc_method"]: one.value for one in found if one.suffix == "avg"}
    assert set(means) == {"DeleteRange", "Put", "Range"}
    assert all(0.001 < seconds < 0.01 for seconds in means.values())


def pinged(*, seconds: float, times: int, connected: int | None = 1, start: float = START) -> Reading:
    """A page with a histogram of round trips to `b`."""
    buckets = "".join(f'{ROUND_TRIP}_bucket{{To="b",le="{bound}"}} {times}\n' for bound in ("1", "+Inf"))
    totals = f'{ROUND_TRIP}_sum{{To="b"}} {seconds}\n{ROUND_TRIP}_count{{To="b"}} {times}\n'
    peers = f'# TYPE etcd_network_active_peers gauge\netcd_network_active_peers{{Local="a",Remote="b"}} {connected}\n'
    return Reading(
        columns(
            (
                gauge(process_start_time_seconds=start)
                + f"# TYPE {ROUND_TRIP} histogram\n{buckets}{totals}"
                + peers * (connected is not None)
            ).encode()
        ),
        15.0 * (times > 0),
    )


def test_round_trips() -> None:
    """Their mean, and no percentile."""
    interval = Interval(pinged(seconds=0, times=0), pinged(seconds=0.5, times=10))
    assert round_trips(interval, NOW) == {"b": 0.05}
    assert list(intervals(interval, ROUND_TRIP, NOW)) == [Figure((("To", "b"),), "avg", 0.05, "exact")]


@pytest.mark.parametrize("connected", [0, None])
def test_who_is_not_connected_has_no_round_trip(connected: int | None) -> None:
    """Etcd goes on to observe the last value of a peer that is gone."""
    interval = Interval(pinged(seconds=0, times=0), pinged(seconds=0.5, times=10, connected=connected))
    assert round_trips(interval, NOW) == {}
    assert active_peers(interval.now) == frozenset()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (START + 10, True),
        (START + 74, True),  # began 59 s after the start
        (START + 75, False),
        (NOW, False),
        (START - 1, False),  # by this clock it has not started yet: the clock is wrong
    ],
)
def test_the_first_minute(now: float, *, expected: bool) -> None:
    """The smoothed value begins at 0, so the first ones are too low."""
    interval = Interval(pinged(seconds=0, times=0), pinged(seconds=0.5, times=10))
    assert is_warming_up(interval, now) is expected
    assert bool(round_trips(interval, now)) is not expected


def test_a_restart_in_between() -> None:
    """All that the new process has observed is of its first time."""
    interval = Interval(pinged(seconds=0, times=0), pinged(seconds=0.5, times=10, start=START + 300))
    assert round_trips(interval, NOW) == {}


def test_a_start_that_is_not_known() -> None:
    """Without its time no page is left out."""
    before, now = page(gauge(etcd_server_has_leader=1)), page(gauge(etcd_server_has_leader=1), 15.0)
    assert not is_warming_up(Interval(before, now), NOW)


def test_a_slow_network() -> None:
    """The leader's round trips to both followers, by their ids."""
    found = round_trips(fault("net-delay50ms-all", "m3"), 1.8e9)
    assert {peer: round(seconds, 3) for peer, seconds in found.items()} == {
        "1c206e6bfe317023": 0.062,
        "4237a96466e3e9b5": 0.134,
    }


def test_the_last_round_trip_is_remembered() -> None:
    """It comes twice in 30 s, both at once: an interval in between has none."""
    first = remembered({}, {"b": 0.05, "c": 0.01}, {"b", "c"}, 100.0)
    assert first == {"b": RoundTrip(0.05, 100.0), "c": RoundTrip(0.01, 100.0)}
    later = remembered(first, {"c": 0.02}, {"b", "c"}, 115.0)
    assert later == {"b": RoundTrip(0.05, 100.0), "c": RoundTrip(0.02, 115.0)}
    assert remembered(later, {}, {"c"}, 130.0) == {"c": RoundTrip(0.02, 115.0)}
    assert remembered(later, {}, {"b", "c"}, 116.0 + LONGEST_REMEMBERED_SECONDS) == {}
