"""Cutting pages, against a cutter that goes line by line and knows nothing of chunks."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable

import pytest

from etcd_latency.errors import BadPage
from etcd_latency.scrape.blocks import LONGEST_LINE_BYTES, Cutter
from tests.conftest import recorded

WANTED = ("etcd_request_duration_seconds", "etcd_object_counts", "workqueue_depth", "rest_client_requests_total")
PAGES = ["kube-1.20.2/apiserver-fresh", "kube-1.20.2/kcm-fresh"]

SMALL = (
    b"stray 1\n"
    b"# a comment\n"
    b"# HELP keep_seconds What a block begins with.\n"
    b"# TYPE keep_seconds histogram\n"
    b'keep_seconds_bucket{a="\\n# TYPE drop counter",le="1"} 1\n'
    b'keep_seconds_bucket{a="}",le="+Inf"} 2\n'
    b'keep_seconds_sum{a="}"} 1.5\n'
    b'keep_seconds_count{a="}"} 2\n'
    b"keep_seconds_bucketful 4\n"
    b"# another comment\n"
    b"# HELP keep_seconds_more Another family.\n"
    b"keep_seconds_more 1\n"
    b"\n"
    b"# TYPE keep_bucket\tgauge\n"
    b"keep_bucket 3\n"
    b"# TYPE drop counter\n"
    b"drop 1\n"
    b"# EOF\n"
)
KEPT = (
    b"# HELP keep_seconds What a block begins with.\n"
    b"# TYPE keep_seconds histogram\n"
    b'keep_seconds_sum{a="}"} 1.5\n'
    b'keep_seconds_count{a="}"} 2\n'
    b"keep_seconds_bucketful 4\n"
    b"# another comment\n"
    b"# TYPE keep_bucket\tgauge\n"
    b"keep_bucket 3\n"
    b"# EOF\n"
)


def cut(chunks: Iterable[bytes], wanted: Iterable[str] = WANTED, *, buckets: bool = False) -> bytes:
    cutter = Cutter(wanted, buckets=buckets)
    for chunk in chunks:
        cutter.feed(chunk)
    return cutter.finish()


def line_by_line(page: bytes, wanted: Iterable[str], *, buckets: bool) -> bytes:
    """What a cutter keeps, worked out the plain way."""
    kept, family = [], ""
    for line in page.decode().removesuffix("\n").split("\n"):
        if line.startswith(("# HELP ", "# TYPE ")):
            family = line.split()[2]
        if family in wanted and (buckets or not line.startswith((f"{family}_bucket{{", f"{family}_bucket "))):
            kept.append(line + "\n")
    return "".join(kept).encode()


def chunked(page: bytes, seed: int) -> Iterable[bytes]:
    """A page in pieces of random sizes, empty ones among them."""
    source = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated
    start = 0
    while start < len(page):
        size = source.choice((0, 1, 7, 100, 4096, 65536, 300_000))
        yield page[start : start + size]
        start += size


@pytest.mark.parametrize("buckets", [False, True])
@pytest.mark.parametrize("recording", PAGES)
def test_a_recorded_page_is_cut_as_line_by_line(recording: str, *, buckets: bool) -> None:
    """Wanted families are kept to the byte, and nothing else is."""
    page = recorded(recording)
    kept = cut([page], buckets=buckets)
    assert kept == line_by_line(page, WANTED, buckets=buckets)
    assert 1000 < len(kept) < len(page)


@pytest.mark.parametrize("seed", range(20))
def test_chunks_make_no_difference(seed: int) -> None:
    """However a page arrives, the same is kept of it."""
    page = recorded("kube-1.20.2/apiserver-fresh")
    assert cut(chunked(page, seed)) == cut([page])


@pytest.mark.parametrize("size", range(1, len(SMALL)))
def test_every_place_may_be_the_end_of_a_chunk(size: int) -> None:
    """Within a header, between a line and its line feed, in the middle of a label: nothing is lost or doubled."""
    wanted = ("keep_seconds", "keep_bucket")
    assert cut([SMALL[:size], SMALL[size:]], wanted) == KEPT
    assert cut((SMALL[start : start + size] for start in range(0, len(SMALL), size)), wanted) == KEPT


def test_a_predicate_decides_as_well_as_names() -> None:
    """What is wanted may be a question: all families with a prefix."""
    cutter = Cutter(lambda name: name.startswith("keep_seconds"), buckets=True)
    cutter.feed(SMALL)
    assert cutter.finish() == line_by_line(SMALL, ("keep_seconds", "keep_seconds_more"), buckets=True) + b"# EOF\n"


def test_the_size_is_that_of_the_page() -> None:
    """All bytes are counted, also those that were not kept."""
    cutter = Cutter(WANTED, buckets=False)
    for chunk in chunked(SMALL, 1):
        cutter.feed(chunk)
    assert cutter.size == len(SMALL)


def test_an_empty_page_is_cut_to_nothing() -> None:
    """That there is nothing on it is for the reader to say."""
    assert cut([]) == cut([b""]) == cut([b"\n"]) == b""


def test_a_page_that_breaks_off_is_refused() -> None:
    """Half a line may be half a number."""
    with pytest.raises(BadPage, match="breaks off"):
        cut([b"# TYPE etcd_object_counts gauge\netcd_object_counts 12"])


def test_what_is_kept_has_a_limit() -> None:
    """A page of nothing but wanted lines cannot fill the memory; the limit itself is still allowed."""
    page = b"# TYPE workqueue_depth gauge\n" + b"workqueue_depth 1\n" * 1000
    assert Cutter(WANTED, buckets=False, limit=len(page)).feed(page) is None
    with pytest.raises(BadPage, match="too much to read"):
        Cutter(WANTED, buckets=False, limit=len(page) - 1).feed(page)


def test_a_line_has_a_limit() -> None:
    """What has no line feeds is no page, and is not collected until memory ends."""
    with pytest.raises(BadPage, match="a line of more than 1 MiB"):
        cut(b"x" * 65536 for _ in range(LONGEST_LINE_BYTES // 65536 + 1))


def test_memory_is_what_is_kept_and_a_chunk_or_two() -> None:
    """A page of 22 MB, recorded from a cluster with 400 custom resources, is cut in less than 1 MB."""
    page = recorded("kube-1.20.2/apiserver-big")
    tracemalloc.start()
    cut(page[start : start + 65536] for start in range(0, len(page), 65536))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(page) > 20_000_000
    assert peak < 1_000_000
