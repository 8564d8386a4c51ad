"""A page's numbers by their meaning, on recorded pages and on small ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_latency.derive import layouts
from etcd_latency.derive.histograms import Histogram, gained
from etcd_latency.derive.layouts import Parts
from etcd_latency.derive.pages import Interval, Reading
from etcd_latency.scrape import blocks, lines
from etcd_latency.scrape.lines import Column
from tests.conftest import recorded

FSYNC = "etcd_disk_wal_fsync_duration_seconds"
RTT = "etcd_network_peer_round_trip_time_seconds"
START = "process_start_time_seconds"


def columns(text: bytes, before: Mapping[str, Column] | None = None) -> dict[str, Column]:
    """The families of a page as the scraper gives them; with those of the page before, whose heads are kept."""
    known = before or {}
    return {
        block.family.decode(): lines.read(
            text[block.first : block.end], known.get(block.family.decode(), lines.NO_LINES).heads
        )
        for block in blocks.blocks(text)
        if block.family and block.first < block.end
    }


def page(text: str, taken: float = 0.0) -> Reading:
    """A reading of a page that is written out: lines under their `# TYPE`."""
    return Reading(columns(text.encode()), taken)


def pair(before: str, now: str) -> Interval:
    return Interval(page(before), page(now, 15.0))


def reading_of(name: str, taken: float = 0.0) -> Reading:
    """A reading of a recorded page."""
    return Reading(columns(recorded(name)), taken)


def gauge(**values: float) -> str:
    return "".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in values.items())


def counter(name: str, **members: float) -> str:
    """A counter with one series for each peer."""
    return f"# TYPE {name} counter\n" + "".join(f'{name}{{To="{to}"}} {value}\n' for to, value in members.items())


def histogram(name: str, counts: tuple[int, ...], total: float, to: str = "a") -> str:
    bounds = [*(f"0.00{1 + at}" for at in range(len(counts) - 1)), "+Inf"]
    written = [f'{name}_bucket{{To="{to}",le="{bound}"}} {count}' for bound, count in zip(bounds, counts, strict=True)]
    return "\n".join((*written, f'{name}_sum{{To="{to}"}} {total}', f'{name}_count{{To="{to}"}} {counts[-1]}', ""))


def test_a_recorded_page() -> None:
    """Values, series with labels, and histograms are what the page's lines say."""
    reading = reading_of("faults-3.5.16/fsync-delay100ms-leader-m2-m2")
    assert reading.value("etcd_server_heartbeat_send_failures_total") == 64
    assert reading.series("etcd_server_id") == {(("server_id", "29e070a2a7a6d061"),): 1}
    assert reading.series("etcd_network_active_peers") == {
        (("Local", "29e070a2a7a6d061"), ("Remote", "1b3d36343f4838d3")): 1,
        (("Local", "29e070a2a7a6d061"), ("Remote", "51c9830a364fa8b6")): 1,
    }
    fsync = reading.histograms(FSYNC)[()]
    assert fsync.count == 18620
    assert fsync.sum == pytest.approx(30.831085629999954)
    assert fsync.bounds[0] == 0.001
    assert fsync.bounds[-2:] == (8.192, math.inf)
    assert {labels: one.count for labels, one in reading.histograms(RTT).items()} == {
        (("To", "1b3d36343f4838d3"),): 6,
        (("To", "51c9830a364fa8b6"),): 6,
    }


def test_what_a_page_does_not_have() -> None:
    """Is missing, not 0: no family, no number, or more series than one."""
    reading = page(gauge(one=float("nan")) + counter("many_total", a=1, b=2))
    assert reading.value("other") is None
    assert reading.value("one") is None
    assert reading.value("many_total") is None
    assert reading.series("other") == {}
    assert reading.histograms("other") == {}
    assert reading.total("other") is reading.total("one") is reading.total("many_total", To="c") is None
    assert [family for family in ("one", "many_total", "other") if reading.has(family)] == ["many_total"]


def test_what_series_add_up_to() -> None:
    """Those with the labels that are asked for, and with a number."""
    reading = page(counter("many_total", a=1, b=2, c=float("nan")))
    assert reading.total("many_total") == 3
    assert reading.total("many_total", To="b") == 2
    assert reading.total("many_total", To="b", From="a") is None
    assert reading.series("many_total") == {(("To", "a"),): 1, (("To", "b"),): 2}
    assert reading.series("many_total", To="a") == {(("To", "a"),): 1}


def test_a_counter_that_was_no_number() -> None:
    """It began with 0, as one that was not there."""
    assert pair(counter("a_total", x=float("nan"), y=1), counter("a_total", x=4, y=3)).gains("a_total") == {
        (("To", "x"),): 4,
        (("To", "y"),): 2,
    }


@pytest.mark.parametrize("asked", ["puts", "puts_total"])
@pytest.mark.parametrize("declared", ["puts", "puts_total"])
@pytest.mark.parametrize("written", ["puts", "puts_total"])
def test_a_counter_by_either_name(asked: str, declared: str, written: str) -> None:
    """OpenMetrics declares it without the ending that the text format has."""
    found = columns(f"# TYPE {written} counter\n{written} 7\n".encode())
    assert Reading({declared: found[written]}, 0).value(asked) == 7


def test_labels_with_odd_values() -> None:
    """What is written with backslashes is read as it was meant."""
    reading = page('# TYPE a gauge\na{To="x\\"y\\\\z\\n,le=",b="}"} 1\n')
    assert reading.series("a") == {(("To", 'x"y\\z\n,le='), ("b", "}")): 1}


@pytest.mark.parametrize(
    "broken",
    [
        'h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_count 1\n',
        'h_bucket{le="1"} 1\nh_bucket{le="2"} 1\nh_sum 1\nh_count 1\n',
        'h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
        'h_bucket{le="1"} 1\nh_bucket{le="NaN"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
        'h_bucket{le="1"} 1\nh_bucket{le="one"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
    ],
    ids=["no sum", "no infinity", "no finite bound", "a bound that is NaN", "a bound that is no number"],
)
def test_a_histogram_that_lacks_a_part(broken: str) -> None:
    """It is no histogram, and does no harm."""
    assert page(f"# TYPE h histogram\n{broken}").histograms("h") == {}


def test_buckets_in_any_order() -> None:
    """Base's parser does not promise one."""
    text = '# TYPE h histogram\nh_count 9\nh_bucket{le="+Inf"} 9\nh_sum 4\nh_bucket{le="1"} 3\nh_bucket{le="0.5"} 2\n'
    assert page(text).histograms("h") == {(): Histogram((0.5, 1.0, math.inf), (2, 3, 9), 4)}


def test_what_counters_gained() -> None:
    """Of those with the labels that are asked for; a series or a family that is new began with 0."""
    found = pair(counter("sent_total", a=1, b=5), counter("sent_total", a=4, b=5, c=2) + counter("failures_total", a=3))
    assert found.seconds == 15
    assert found.gains("sent_total") == {(("To", "a"),): 3, (("To", "b"),): 0, (("To", "c"),): 2}
    assert found.gained("sent_total") == 5
    assert found.gained("sent_total", To="a") == 3
    assert found.gained("sent_total", To="d") is None
    assert found.gained("failures_total") == 3
    assert found.gained("absent_total") is None


def test_one_counter_that_fell() -> None:
    """It is missing; the process is still the same one."""
    found = pair(counter("sent_total", a=4, b=5), counter("sent_total", a=1, b=6))
    assert not found.restarted
    assert found.gains("sent_total") == {(("To", "b"),): 1}


def test_what_was_observed() -> None:
    """By series, and in all that have the labels that are asked for."""
    before = "# TYPE h histogram\n" + histogram("h", (1, 2), 1.0) + histogram("h", (5, 5), 1.0, "b")
    now = "# TYPE h histogram\n" + histogram("h", (2, 5), 2.5) + histogram("h", (6, 7), 2.0, "b")
    found = pair(before, now)
    assert found.histograms("h")[(("To", "a"),)] == Histogram((0.001, math.inf), (1, 3), 1.5)
    assert found.histogram("h") == Histogram((0.001, math.inf), (2, 5), 2.5)
    assert found.histogram("h", To="b") == Histogram((0.001, math.inf), (1, 2), 1.0)
    assert found.histogram("h", To="c") is None
    assert found.histogram("absent") is None


@pytest.mark.parametrize(
    ("before", "now", "restarted"),
    [
        ({START: 100.0}, {START: 100.0}, False),
        ({START: 100.0}, {START: 100.5}, True),
        ({START: 100.0}, {}, False),
        ({START: 100.0, "process_cpu_seconds_total": 9.0}, {"process_cpu_seconds_total": 0.5}, True),
        ({START: 100.0, "etcd_server_health_success": 9}, {START: 100.0, "etcd_server_health_success": 8}, False),
        ({"process_cpu_seconds_total": 9.0}, {"process_cpu_seconds_total": 9.0}, False),
        ({"process_cpu_seconds_total": 9.0}, {"process_cpu_seconds_total": 0.5}, True),
        ({"etcd_server_proposals_committed_total": 9}, {"etcd_server_proposals_committed_total": 8}, True),
        ({}, {}, False),
    ],
)
def test_restarts(before: dict[str, float], now: dict[str, float], *, restarted: bool) -> None:
    """A process says since when it runs; where it does not, what never falls tells."""
    assert pair(gauge(**before), gauge(**now)).restarted == restarted


def test_after_a_restart() -> None:
    """Everything on the page happened since, though a counter may be higher than before."""
    held = "# TYPE h histogram\n" + histogram("h", (1, 2), 1.0)
    more = "# TYPE h histogram\n" + histogram("h", (2, 5), 2.5)
    found = pair(
        gauge(**{START: 1}) + counter("a_total", x=3) + held, gauge(**{START: 2}) + counter("a_total", x=5) + more
    )
    assert found.gained("a_total") == 5
    assert found.histogram("h") == Histogram((0.001, math.inf), (2, 5), 2.5)


counts = st.lists(st.integers(0, 3), min_size=3, max_size=3)
series = st.dictionaries(st.sampled_from("abcd"), counts, min_size=1)


def of_series(found: Mapping[str, list[int]]) -> str:
    """A page of one histogram by how many observations are in each bucket, all of 1 ms."""
    written = "".join(
        histogram("h", (each[0], sum(each[:2]), sum(each)), sum(each) / 1000, to) for to, each in sorted(found.items())
    )
    return f"# TYPE h histogram\n{written}"


@given(before=series, now=series, repeated=st.booleans())
def test_histograms_are_compared_as_if_one_by_one(
    *, before: Mapping[str, list[int]], now: Mapping[str, list[int]], repeated: bool
) -> None:
    """Though only those are looked at whose count differs; whichever series came, went or began anew."""
    now = before if repeated else now
    found = pair(of_series(before), of_series(now))
    first, last = found.before.histograms("h"), found.now.histograms("h")
    each = {labels: gained(first.get(labels), one) for labels, one in last.items()}
    told = found.histograms("h")
    assert {labels: one for labels, one in told.items() if one.count} == {
        labels: one for labels, one in each.items() if one and one.count
    }
    assert found.observed("h") == {labels: one for labels, one in told.items() if one.count}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[float]]:
    """How many histograms were made of pages' values, by what they add up to."""
    found: Counter[float] = Counter()
    make = Parts.histogram

    def counted(parts: Parts, values: list[float]) -> Histogram:
        found[values[parts.sum]] += 1
        return make(parts, values)

    monkeypatch.setattr(Parts, "histogram", counted)
    return found


def test_only_histograms_that_changed_are_made(made: Counter[float]) -> None:
    """Of forty methods two are called."""
    still = "".join(histogram("h", (1, 2), 1.0, f"other{number}") for number in range(40))
    before = "# TYPE h histogram\n" + histogram("h", (1, 2), 2.0) + still + histogram("h", (0, 0), 0.0, "b")
    now = "# TYPE h histogram\n" + histogram("h", (1, 3), 3.0) + still + histogram("h", (1, 1), 4.0, "b")
    found = pair(before, now)
    assert found.observed("h").keys() == {(("To", "a"),), (("To", "b"),)}
    assert len(found.histograms("h")) == 42
    assert found.histogram("h") == Histogram((0.001, math.inf), (1, 2), 5.0)
    assert made == {0.0: 1, 2.0: 1, 3.0: 1, 4.0: 1}


def test_a_histogram_that_did_not_change_is_not_made(made: Counter[float]) -> None:
    """It observed nothing, which is the same for all pages."""
    text = "# TYPE h histogram\n" + histogram("h", (1, 2), 1.0)
    found = pair(text, text)
    assert found.observed("h") == {}
    assert found.histogram("h") == Histogram((0.001, math.inf), (0, 0), 0.0)
    assert not made


def test_a_family_is_looked_up_once() -> None:
    """Whoever asks for it: a page may have to cut it out each time."""
    asked: list[str] = []

    class Page(dict[str, Column]):
        def get(self, family: str, _: object = None) -> Column | None:  # type: ignore[override]
            asked.append(family)
            return super().get(family)

    reading = Reading(Page(columns(gauge(one=1).encode())), 0.0)
    for _ in range(2):
        assert (reading.value("one"), reading.has("one"), reading.value("two")) == (1, True, None)
    assert asked == ["one", "two", "two_total"]


def test_what_stands_before_values_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when another member's page has the same lines; a run costs what its numbers cost."""
    text = recorded("etcd-3.5.16/m1-leader-load")
    first = Reading(columns(text), 0)
    found = first.histograms(FSYNC)
    monkeypatch.setattr(layouts, "read", None)
    assert Reading(columns(text), 0).histograms(FSYNC) == found
