"""Where series stand: known again by what the lines say, shared between members, and never too much of it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Sequence

import pytest

from etcd_latency.derive import layouts
from etcd_latency.derive.layouts import HEAVIEST_BYTES, LINE_BYTES, LONGEST_SHARED, NOTHING, Layout, Layouts, read
from etcd_latency.scrape import lines

BOUNDS = ("0.001", "0.002", "0.004", "+Inf")


def counters(number: int, method: str = "method") -> list[bytes]:
    return [f'calls_total{{method="{method}{at}"}} '.encode() for at in range(number)]


def histogram(*peers: str) -> list[bytes]:
    """Its lines, for each peer."""
    found = []
    for peer in peers:
        found += [f'h_bucket{{To="{peer}",le="{bound}"}} '.encode() for bound in BOUNDS]
        found += [f'h_{end}{{To="{peer}"}} '.encode() for end in ("sum", "count")]
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of how many lines each family was that was read."""
    found: list[int] = []

    def counted(family: str, texts: Sequence[bytes]) -> Layout:
        found.append(len(texts))
        return read(family, texts)

    monkeypatch.setattr(layouts, "read", counted)
    return found


def test_members_share_what_they_have_in_common(reads: list[int]) -> None:
    """Whether their lines are the same objects, or only say the same."""
    known = Layouts()
    first = known.of("calls_total", counters(700))
    assert known.of("calls_total", counters(700)) is first
    assert known.of("calls_total", list(map(lines.shared, counters(700)))) is first
    assert reads == [700]


def test_a_line_that_is_another_one(reads: list[int]) -> None:
    """Wherever it stands: what is known of other lines must not be taken for it."""
    known = Layouts()
    every = counters(700)
    first = known.of("calls_total", every)
    for at in range(0, 700, 7):
        changed = [*every[:at], b'calls_total{method="other"} ', *every[at + 1 :]]
        assert known.of("calls_total", changed).numbers.series[at] == (("method", "other"),)
    assert known.of("calls_total", every).numbers.series == first.numbers.series
    assert len(reads) >= 101


def test_a_family_by_two_names(reads: list[int]) -> None:
    """What stands for a family depends on which one is asked for."""
    known = Layouts()
    assert known.of("h", histogram("a")).histograms
    assert not known.of("other", histogram("a")).histograms
    assert len(reads) == 2


def test_members_that_differ_share_their_parts() -> None:
    """Labels are the same objects in all families, bounds for all peers."""
    one, other = read("h", histogram("a", "b")), read("h", histogram("b", "c"))
    assert len({id(parts.bounds) for layout in (one, other) for parts in layout.histograms.values()}) == 1
    (shared,) = one.histograms.keys() & other.histograms.keys()
    assert len({id(labels) for layout in (one, other) for labels in layout.histograms if labels == shared}) == 1


def test_labels_that_are_too_long_to_be_shared() -> None:
    """They are read all the same."""
    before = layouts._shared_labels.cache_info().currsize
    found = read("calls_total", counters(1, "m" * LONGEST_SHARED))
    assert found.numbers.series == ((("method", "m" * LONGEST_SHARED + "0"),),)
    assert layouts._shared_labels.cache_info().currsize == before


def test_a_family_that_is_too_large(reads: list[int]) -> None:
    """It counts as missing: neither room nor time is spent on it."""
    known = Layouts()
    many = counters(HEAVIEST_BYTES // LINE_BYTES)
    assert known.of("calls_total", many) is NOTHING
    assert known.of("calls_total", [b"a" * HEAVIEST_BYTES]) is NOTHING
    assert (known.size, reads) == (0, [])


def test_what_is_kept_has_a_limit(reads: list[int]) -> None:
    """What has been known for longest makes room, and is read again."""
    known = Layouts(most=20 * (LINE_BYTES + 100))
    for number in range(100):
        assert known.of("calls_total", counters(4, f"other{number}-")).numbers.series
        assert known.size <= 20 * (LINE_BYTES + 100)
    newest, oldest = counters(4, "other99-"), counters(4, "other0-")
    known.of("calls_total", newest)
    assert len(reads) == 100
    known.of("calls_total", oldest)
    assert len(reads) == 101


def test_a_page_that_changes_its_lines_in_each_run() -> None:
    """What was known in their place is forgotten, when it is not looked for elsewhere."""
    known = Layouts()
    texts = counters(200)
    sizes = set()
    for number in range(20):
        known.of("calls_total", [*texts[:1], b'calls_total{method="%d"} ' % (1000 + number), *texts[2:]])
        sizes.add(known.size)
    assert len(sizes) == 1


def test_numbers_with_labels_are_found_once() -> None:
    """In the order of the lines; of labels that no series has, none."""
    layout = read(
        "calls_total", [b'calls_total{a="1",b="1"} ', b'calls_total{a="2",b="1"} ', b'calls_total{a="1",b="2"} ']
    )
    found = layout.having({"a": "1"})
    assert layout.having({"a": "1"}) is found
    assert found.pick([5.0, 6.0, 7.0]) == (5.0, 7.0)
    assert layout.having({"b": "2", "a": "1"}).pick([5.0, 6.0, 7.0]) == (7.0,)
    assert layout.having({"a": "3"}).pick([5.0, 6.0, 7.0]) == ()
    assert layout.having({}).pick([5.0, 6.0, 7.0]) == (5.0, 6.0, 7.0)


def kept() -> int:
    """Bytes that were taken since the trace began, by what this module does; other threads go on meanwhile."""
    gc.collect()
    ours = (tracemalloc.Filter(inclusive=True, filename_pattern=layouts.__file__),)
    found = tracemalloc.take_snapshot().filter_traces(ours).statistics("filename")
    return sum(one.size for one in found)


def test_two_hundred_members_take_little_room() -> None:
    """Of what they have in common nothing more than one of them; of what is their own less than 2 KiB for a peer."""
    known = Layouts()
    shared = list(map(lines.shared, counters(700)))
    members = [[*shared] for _ in range(200)]
    peers = [list(map(lines.shared, histogram(f"a{number:015}", f"b{number:015}"))) for number in range(200)]
    known.of("calls_total", members[0])
    tracemalloc.start()
    try:
        for member in members:
            known.of("calls_total", member)
        assert kept() < 4096
        for peer in peers:
            known.of("h", peer)
        assert kept() < 200 * 2 * 2048
    finally:
        tracemalloc.stop()
