"""Finding and cutting families, against readers that go line by line and know nothing of searches and chunks."""

from __future__ import annotations

import random
import re
import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import pytest

from etcd_latency.errors import BadPage
from etcd_latency.scrape.blocks import LONGEST_LINE_BYTES, MOST_HEADERS, Cutter, blocks
from tests.conftest import recorded

PAGES = ["kube-1.20.2/apiserver-fresh", "kube-1.20.2/kcm-fresh"]

SMALL = (
    b"stray 1\n"
    b"# a comment\n"
    b"# HELP keep_seconds What a block begins with.\n"
    b"# TYPE keep_seconds histogram\n"
    b'keep_seconds_bucket{a="\\n# TYPE drop counter",le="1"} 1\n'
    b'keep_seconds_bucket{a="}",le="+Inf"} 2\n'
    b'keep_seconds_count{a="}"} 2\n'
    b"# another comment\n"
    b"#\n"
    b"# HELP keep_seconds Said again.\n"
    b"keep_seconds_more 4\n"
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
    b'keep_seconds_bucket{a="\\n# TYPE drop counter",le="1"} 1\n'
    b'keep_seconds_bucket{a="}",le="+Inf"} 2\n'
    b'keep_seconds_count{a="}"} 2\n'
    b"# another comment\n"
    b"#\n"
    b"# HELP keep_seconds Said again.\n"
    b"keep_seconds_more 4\n"
    b"# TYPE keep_bucket\tgauge\n"
    b"keep_bucket 3\n"
    b"# EOF\n"
)

ODD_LINES = [
    b"# HELP a Says # TYPE b gauge.",
    b"# TYPE a counter",
    b"# TYPE\ta\tgauge\t",
    b"# HELP \t b",
    b"# TYPE b",
    b"# TYPE b summary and more",
    b"# HELP c Ends as in Windows.\r",
    b"# TYPE c gauge\r",
    b"# HELP c\r",
    b"# HELP",
    b"# TYPE ",
    b"# HELPa b",
    b"#TYPE b counter",
    b" # TYPE b counter",
    b"# type b counter",
    b"# EOF",
    b"# nothing",
    b"#",
    b"##",
    b"",
    b"a 1",
    b'b{x="# TYPE c gauge"} 1',
    b'c{x="#"} 1 # {y="z"} 2',
]

Cut = tuple[bytes, bytes, bytes, bytes]
"""A block's family and kind, its header and its samples."""


class Counted(bytes):
    """Bytes that count the searches in them."""

    searches = 0

    def find(self, *args: object) -> int:
        self.searches += 1
        return super().find(*args)


def is_wanted(family: str) -> bool:
    return family in {
        "etcd_request_duration_seconds",
        "etcd_object_counts",
        "workqueue_depth",
        "rest_client_requests_total",
    }


def is_kept(family: str) -> bool:
    return family in {"keep_seconds", "keep_bucket"}


def cut(chunks: Iterable[bytes], wanted: Callable[[str], bool] = is_wanted) -> bytes:
    cutter = Cutter(wanted)
    for chunk in chunks:
        cutter.feed(chunk)
    return cutter.finish()


def cut_blocks(page: bytes) -> list[Cut]:
    return [
        (block.family, block.kind, page[block.begin : block.first], page[block.first : block.end])
        for block in blocks(page)
    ]


def said(line: bytes) -> list[bytes]:
    """The words of a header line; none of any other line."""
    words = line.replace(b"\t", b" ").replace(b"\r", b" ").split()
    is_header = re.match(b"# (HELP|TYPE)[ \t]", line) and len(words) > 2
    return words[1:] if is_header else []


def kept_by_line(page: bytes, wanted: Callable[[str], bool]) -> bytes:
    """What a cutter keeps, worked out the plain way."""
    kept, keeps = b"", False
    for line in page.split(b"\n")[:-1]:
        if words := said(line):
            keeps = wanted(words[1].decode())
        elif line == b"# EOF":
            keeps = True
        kept += line + b"\n" if keeps else b""
    return kept


def blocks_by_line(page: bytes) -> list[Cut]:
    """The blocks of a page, worked out the plain way."""
    found: list[Cut] = [(b"", b"", b"", b"")]
    for line in re.findall(b"[^\n]*\n|[^\n]+$", page):
        family, kind, header, samples = found[-1]
        words = said(line.removesuffix(b"\n"))
        if words and (words[1] != family or not samples):
            if words[1] != family:
                found.append((words[1], b"", b"", b""))
                _, kind, header, _ = found[-1]
            kind = b"".join(words[2:3]) if words[0] == b"TYPE" else kind
            found[-1] = (words[1], kind, header + line, b"")
        else:
            found[-1] = (family, kind, header, samples + line)
    return [block for block in found if any(block)]


def chunked(page: bytes, seed: int) -> Iterator[bytes]:
    """A page in pieces of random sizes, empty ones among them."""
    source = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated
    start = 0
    while start < len(page):
        size = source.choice((0, 1, 7, 100, 4096, 65536, 300_000))
        yield page[start : start + size]
        start += size


def odd_page(seed: int) -> bytes:
    """A page of odd lines; the last one may lack its line feed."""
    source = random.Random(seed)  # noqa: S311 - likewise
    text = b"\n".join(source.choices(ODD_LINES, k=source.randrange(20)))
    return text + source.choice((b"", b"\n"))


@pytest.mark.parametrize("recording", PAGES)
def test_a_recorded_page_is_cut_as_line_by_line(recording: str) -> None:
    """Wanted families are kept to the byte, with their buckets, and nothing else is."""
    page = recorded(recording)
    kept = cut([page])
    assert kept == kept_by_line(page, is_wanted)
    assert 1000 < len(kept) < len(page)


@pytest.mark.parametrize("seed", range(20))
def test_chunks_make_no_difference(seed: int) -> None:
    """However a page arrives, the same is kept of it."""
    page = recorded("kube-1.20.2/apiserver-fresh")
    assert cut(chunked(page, seed)) == cut([page])


@pytest.mark.parametrize("size", range(1, len(SMALL)))
def test_every_place_may_be_the_end_of_a_chunk(size: int) -> None:
    """Within a header, between a line and its line feed, in the middle of a label: nothing is lost or doubled."""
    assert cut([SMALL[:size], SMALL[size:]], is_kept) == KEPT
    assert cut((SMALL[start : start + size] for start in range(0, len(SMALL), size)), is_kept) == KEPT


def test_odd_pages_are_cut_as_line_by_line() -> None:
    """Headers with tabs, without a name, with a carriage return; comments that look like headers; in any order."""
    for seed in range(500):
        page = odd_page(seed) + b"\n"
        middle = seed % len(page)
        for family in "abc":
            expected = kept_by_line(page, family.__eq__)
            assert cut([page[:middle], page[middle:]], family.__eq__) == expected, page


def test_a_family_is_asked_for_once_in_a_block() -> None:
    """The predicate gets names as headers have them, each header line or comment within a block costs no question."""
    asked: list[str] = []
    cut([SMALL, b"# HELP caf\xe9_total Latin-1.\n"], lambda family: bool(asked.append(family)))
    assert asked == ["keep_seconds", "keep_seconds_more", "keep_bucket", "drop", "caf\ufffd_total"]


def test_the_size_is_that_of_the_page() -> None:
    """All bytes are counted, also those that were not kept."""
    cutter = Cutter(is_wanted)
    for chunk in chunked(SMALL, 1):
        cutter.feed(chunk)
    assert cutter.size == len(SMALL)


def test_an_empty_page_is_cut_to_nothing() -> None:
    """That there is nothing on it is for the reader to say."""
    assert cut([]) == cut([b""]) == cut([b"\n"]) == b""


@pytest.mark.parametrize("page", [b"# TYPE etcd_object_counts gauge\netcd_object_counts 12", b"drop 1\ndr", b"x"])
def test_a_page_that_breaks_off_is_refused(page: bytes) -> None:
    """Half a line may be half a number, and what is missing after it may be wanted."""
    with pytest.raises(BadPage, match="breaks off"):
        cut([page])


def test_what_is_kept_has_a_limit() -> None:
    """A page of nothing but wanted lines cannot fill the memory; the limit itself is still allowed."""
    page = b"drop 1\n# TYPE workqueue_depth gauge\n" + b"workqueue_depth 1\n" * 1000
    kept = len(page) - len(b"drop 1\n")
    assert Cutter(is_wanted, limit=kept).feed(page) is None
    with pytest.raises(BadPage, match="too much to read"):
        Cutter(is_wanted, limit=kept - 1).feed(page)


def test_the_limit_holds_over_chunks() -> None:
    """What was kept of all chunks is counted, and the message says in MiB how much is allowed."""
    cutter = Cutter(is_wanted, limit=3 << 20)
    cutter.feed(b"# TYPE workqueue_depth gauge\n")
    for _ in range(2):
        cutter.feed(b"workqueue_depth 1\n" * (1 << 16))
    with pytest.raises(BadPage, match="more than 3 MiB"):
        cutter.feed(b"workqueue_depth 1\n" * (1 << 17))


def test_a_line_has_a_limit() -> None:
    """What has no line feeds is no page, and is not collected until memory ends; the limit itself is allowed."""
    cutter = Cutter(is_wanted)
    for _ in range(LONGEST_LINE_BYTES // 65536):
        cutter.feed(b"x" * 65536)
    with pytest.raises(BadPage, match="a line of more than 1 MiB"):
        cutter.feed(b"x")


def test_memory_is_what_is_kept_and_a_chunk_or_two() -> None:
    """A page of 22 MB, recorded from a cluster with 400 custom resources, is cut in less than 1 MB besides."""
    page = recorded("kube-1.20.2/apiserver-big")
    tracemalloc.start()
    kept = cut(page[start : start + 65536] for start in range(0, len(page), 65536))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(page) > 20_000_000
    assert 2_000_000 < len(kept) < 3_000_000
    assert peak < 2 * len(kept) + 1_000_000


@pytest.mark.parametrize(
    ("line", "searches"),
    [(b'a{b="%b"} 1\n' % (b"#" * 100_000), 10), (b"#" * 100_000 + b"\n", 10), (b"#\n" * 1000, 2500)],
    ids=["in a label", "at the beginning", "lines"],
)
def test_hashes_elsewhere_cost_nothing(line: bytes, searches: int) -> None:
    """A search goes on behind a line that begins with `#`, not behind each of the characters that there are."""
    page = Counted(line)
    Cutter(is_wanted).feed(page)
    assert page.searches <= searches
    page = Counted(line)
    assert len(list(blocks(page))) == 1
    assert page.searches <= searches


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (b"", []),
        (b"a 1\nb 2\n", [(b"", b"", b"", b"a 1\nb 2\n")]),
        (b"# HELP a A.\na 1\n", [(b"a", b"", b"# HELP a A.\n", b"a 1\n")]),
        (b"# TYPE a gauge\na 1\n", [(b"a", b"gauge", b"# TYPE a gauge\n", b"a 1\n")]),
        (b"# TYPE\ta\tgauge\na 1\n", [(b"a", b"gauge", b"# TYPE\ta\tgauge\n", b"a 1\n")]),
        (
            b"# TYPE a gauge\r\n# HELP a A.\r\na 1\r\n",
            [(b"a", b"gauge", b"# TYPE a gauge\r\n# HELP a A.\r\n", b"a 1\r\n")],
        ),
        (
            b"# TYPE a gauge\na 1\n# HELP a A.\na 2\n",
            [(b"a", b"gauge", b"# TYPE a gauge\n", b"a 1\n# HELP a A.\na 2\n")],
        ),
        (b"# HELP a A.\na 1\n# TYPE a gauge\n", [(b"a", b"", b"# HELP a A.\n", b"a 1\n# TYPE a gauge\n")]),
        (
            b"# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na 2\n",
            [
                (b"a", b"gauge", b"# TYPE a gauge\n", b"a 1\n"),
                (b"b", b"gauge", b"# TYPE b gauge\n", b"b 1\n"),
                (b"a", b"gauge", b"# TYPE a gauge\n", b"a 2\n"),
            ],
        ),
        (
            b"# one\na 1\n# TYPE b gauge\n",
            [(b"", b"", b"", b"# one\na 1\n"), (b"b", b"gauge", b"# TYPE b gauge\n", b"")],
        ),
        (b"# TYPE a gauge\n# one\na 1\n# EOF\n", [(b"a", b"gauge", b"# TYPE a gauge\n", b"# one\na 1\n# EOF\n")]),
        (b"# TYPE a gauge\na 1", [(b"a", b"gauge", b"# TYPE a gauge\n", b"a 1")]),
        (b"a 1\n# TYPE a gauge", [(b"", b"", b"", b"a 1\n"), (b"a", b"gauge", b"# TYPE a gauge", b"")]),
        (
            b'# TYPE a gauge\na{b="#",c="\\n# TYPE d gauge"} 1\n# TYPE e gauge\n',
            [
                (b"a", b"gauge", b"# TYPE a gauge\n", b'a{b="#",c="\\n# TYPE d gauge"} 1\n'),
                (b"e", b"gauge", b"# TYPE e gauge\n", b""),
            ],
        ),
    ],
    ids=[
        "nothing",
        "no headers",
        "HELP only",
        "TYPE only",
        "tabs",
        "carriage returns",
        "HELP after samples",
        "TYPE after samples",
        "a family in two places",
        "something before all headers",
        "comments and the end",
        "no last line feed",
        "a header without line feed",
        "hashes in labels",
    ],
)
def test_a_block_is_a_family(page: bytes, expected: list[Cut]) -> None:
    """What belongs to which family, what kind it is, and where its samples begin."""
    assert cut_blocks(page) == expected


def test_odd_pages_have_the_blocks_that_are_found_line_by_line() -> None:
    """The same in any order of odd lines; and each byte is in one block, in the page's order."""
    for seed in range(1000):
        page = odd_page(seed)
        found = cut_blocks(page)
        assert found == blocks_by_line(page), page
        assert b"".join(header + samples for _, _, header, samples in found) == page


@pytest.mark.parametrize("recording", PAGES)
def test_a_recorded_page_has_a_block_for_each_type_line(recording: str) -> None:
    """Real pages say the kind of each family, and have nothing before, between or behind."""
    page = recorded(recording)
    found = cut_blocks(page)
    assert [(family, kind) for family, kind, _, _ in found] == re.findall(rb"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
    assert all(header.count(b"\n") == 2 and b"#" not in samples for _, _, header, samples in found)


def test_a_page_of_comments_is_refused() -> None:
    """Each line that begins with `#` is a step, so that they have a limit: whole or in chunks, at the same line."""
    page = b"#\n" * MOST_HEADERS
    assert list(blocks(page)) != []
    cutter = Cutter(lambda _: True)
    cutter.feed(page)
    for refuse in (lambda: list(blocks(page + b"#\n")), lambda: cutter.feed(b"#\n")):
        with pytest.raises(BadPage, match=r"^more than 100,000 lines of the page begin with #"):
            refuse()
