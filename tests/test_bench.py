"""The bench measures what it says, on pages that are what it says. No test here takes the time of anything."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench import __main__ as command
from bench import bodies, measure, peers, table
from bench.measure import Contestant, Figures
from bench.rows import HEATS, ROWS, Compare, Outcome, Row, outcome
from bench.server import CHUNK_BYTES, PAGE, TINY, Credentials, Site, serving, wire
from lab.pki import Pki
from tests.conftest import recorded

PAGES = [recorded("etcd-3.5.16/m1-follower-load-extensive"), recorded("etcd-3.5.16/m2-leader-idle-extensive")]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def client(pki: Pki) -> Credentials:
    return Credentials.of(pki, pki.issue("client"))


@pytest.fixture(scope="module")
def urls(pki: Pki) -> Iterator[list[str]]:
    """Two addresses at which recorded pages are served in turn."""
    with serving(Site(partial(list, PAGES), ports=2), Credentials.of(pki, pki.issue("server"))) as served:
        yield served


def connected(url: str, client: Credentials) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=client.ca)
    context.load_cert_chain(client.cert, client.key)
    return http.client.HTTPSConnection(urlsplit(url).netloc, context=context, timeout=10)


def answers(connection: http.client.HTTPSConnection, path: str, encoding: str = "identity") -> tuple[bytes, str | None]:
    """The body of an answer, and how it is compressed."""
    connection.request("GET", path, headers={"Accept-Encoding": encoding})
    answer = connection.getresponse()
    return answer.read(), answer.getheader("Content-Encoding")


def test_an_answer_is_chunked_as_by_go() -> None:
    """Every chunk but the last has 4 KiB, and together they are the body."""
    body = bytes(range(256)) * 40
    head, _, rest = wire(body).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Transfer-Encoding: chunked" in head
    sizes, found = [], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        sizes.append(int(size, 16))
        found, rest = found + rest[: sizes[-1]], rest[sizes[-1] + 2 :]
    assert sizes == [CHUNK_BYTES, CHUNK_BYTES, len(body) - 2 * CHUNK_BYTES, 0]
    assert found == body


def test_each_connection_gets_the_pages_in_turn(urls: list[str], client: Credentials) -> None:
    """What one client asked changes nothing for another, at whichever address."""
    one, other = connected(urls[0], client), connected(urls[1], client)
    assert [answers(one, PAGE)[0] for _ in range(3)] == [PAGES[0], PAGES[1], PAGES[0]]
    assert answers(other, PAGE)[0] == PAGES[0]
    one.close()
    other.close()


def test_who_asks_for_gzip_gets_it(urls: list[str], client: Credentials) -> None:
    """And nobody else."""
    connection = connected(urls[0], client)
    plain, none = answers(connection, PAGE, "identity")
    packed, encoding = answers(connection, PAGE, "gzip, deflate")
    connection.close()
    assert (none, encoding) == (None, "gzip")
    assert len(packed) < len(plain) / 5


def test_other_paths_have_answers_of_their_own(urls: list[str], client: Credentials) -> None:
    """The check asks an API server for its health, too, and needs a member."""
    connection = connected(urls[0], client)
    assert answers(connection, "/livez/etcd")[0] == b"ok"
    assert answers(connection, TINY)[0].endswith(b"\netcd_server_has_leader 1\n")
    connection.close()


def test_nobody_is_let_in_without_a_certificate(urls: list[str], client: Credentials) -> None:
    """Mutual TLS is part of what is measured."""
    context = ssl.create_default_context(cafile=client.ca)
    connection = http.client.HTTPSConnection(urlsplit(urls[0]).netloc, context=context, timeout=10)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        answers(connection, PAGE)
    connection.close()


def test_the_synthetic_page_has_the_stated_size() -> None:
    """40 MB, of them 24,504 samples and 2.5 MB about etcd, most of these in one family of 23,520 lines."""
    (page,) = bodies.synthetic_apiserver(40_000_000, 1)
    about_etcd = re.findall(rb"^etcd_.*\n", page, re.MULTILINE)
    assert 40_000_000 <= len(page) < 40_400_000
    assert len(about_etcd) == 24_504
    assert 2_400_000 < sum(map(len, about_etcd)) < 2_700_000
    assert sum(line.startswith(b"etcd_request_duration_seconds") for line in about_etcd) == 23_520


@pytest.mark.parametrize("page", [PAGES[0], bodies.joined(bodies.calls_to_etcd())], ids=["etcd", "apiserver"])
def test_later_some_series_have_counted_more(page: bytes) -> None:
    """The same series in the same order; of those that count, some have grown, and none has shrunk."""
    before, after = (re.findall(rb"^([^#\n]+) (\S+)$", one, re.MULTILINE) for one in (page, bodies.later(page, 2)))
    assert [name for name, _ in before] == [name for name, _ in after]
    growth = [float(new) - float(old) for (_, old), (_, new) in zip(before, after, strict=True)]
    assert min(growth) == 0
    assert 0.1 < sum(grown > 0 for grown in growth) / len(growth) < 0.5


def test_the_parts_of_a_histogram_grow_alike() -> None:
    """Or it would be none: buckets are cumulative."""
    page = bodies.joined(bodies.histogram("family", [f'number="{number}"' for number in range(50)]))
    for number in range(50):
        series = [line for line in bodies.later(page, 3).split(b"\n") if b'number="%d"' % number in line]
        *buckets, _, count = [float(line.split()[-1]) for line in series]
        assert len(series) == bodies.PARTS
        assert buckets == sorted(buckets)
        assert buckets[-1] == count


@pytest.mark.parametrize(
    ("grow", "lines"),
    [(bodies.growing_histogram, 24 * bodies.PARTS), (partial(bodies.growing_counter, 1000), 24)],
    ids=["histogram", "counter"],
)
def test_every_second_page_has_new_series(grow: Callable[[int, int], list[bytes]], lines: int) -> None:
    """From the third on, in the middle of the family."""
    counts = [page.count(b"\n") for page in grow(2, 24)]
    assert counts == [counts[0] + lines * new for new in (0, 0, 1, 1, 2, 2)]


def test_peers_do_the_same_work(urls: list[str], client: Credentials) -> None:
    """On one page the check with buckets, V1 and V2 submit equally often; without buckets less."""
    makers = {
        "ours": partial(peers.ours, client, urls[:1], collect_histogram_buckets=True),
        "V1": partial(peers.official, client, urls[0]),
        "V2": partial(peers.modern, client, urls[0]),
        "V2, tuned": partial(peers.tuned, client, urls[0]),
    }
    counts = {name: measure.submissions(make, 2)[-1] for name, make in makers.items()}
    assert len(set(counts.values())) == 1, counts
    assert 0 < measure.submissions(partial(peers.ours, client, urls[:1]), 2)[-1] < counts["ours"]


def test_who_submits_nothing_is_found_out(urls: list[str], client: Credentials) -> None:
    """Nobody wins by doing nothing."""
    lazy = Contestant(partial(peers.request, client, urls[0], "identity"), least=100)
    with pytest.raises(peers.BenchError, match="lazy submitted 0 metrics in a run; 100 or more were expected"):
        measure.race({"lazy": lazy}, 1)


def test_a_run_that_fails_ends_the_bench(client: Credentials) -> None:
    """Its error is told."""
    with pytest.raises(peers.BenchError, match=r"EtcdLatencyCheck: .*nothing listens there"):
        peers.ours(client, ["https://127.0.0.1:9"])()


def test_a_race_takes_turns() -> None:
    """Everybody is counted, warmed up and then run once a round, each round begun by another."""
    order: list[str] = []
    contestants = {name: Contestant(lambda name=name: partial(order.append, name)) for name in "abc"}
    found = measure.race(contestants, 3)
    assert "".join(order) == "aabbcc" + "abc" + "bca" + "cab"
    assert [len(figures.values) for figures in found.values()] == [3, 3, 3]


def test_a_ratio_is_the_median_of_pairs() -> None:
    """A slow second of the machine hits both sides of a pair; without pairs it is the ratio of the medians."""
    ours, peer = Figures((1.0, 10.0, 2.0)), Figures((8.0, 60.0, 20.0))
    assert measure.ratio(peer, ours) == 8.0
    assert measure.difference(peer, ours) == 18.0
    assert measure.ratio(Figures((6.0,)), ours) == 3.0


def row(compare: Compare, must: float | None, aim: float | None = None) -> Row:
    return Row("heat", "work", "default", "peer", compare, must=must, aim=aim)


@pytest.mark.parametrize(
    ("compare", "must", "aim", "cells"),
    [
        (Compare.FASTER, 8, 12, ("10x", "8x", "12x", "yes")),
        (Compare.FASTER, 8, 10, ("10x", "8x", "10x", "yes, aim too")),
        (Compare.FASTER, 11, 12, ("10x", "11x", "12x", "NO")),
        (Compare.SHARE, 0.65, 0.5, ("0.10", "0.65", "0.50", "yes, aim too")),
        (Compare.SHARE, 0.05, None, ("0.10", "0.05", "", "NO")),
        (Compare.VALUE, 3, 1, ("2 ms", "3 ms", "1 ms", "yes")),
        (Compare.EXTRA, None, None, ("-18 ms", "", "", "")),
    ],
)
def test_a_row_of_the_table(
    compare: Compare, must: float | None, aim: float | None, cells: tuple[str, str, str, str]
) -> None:
    """What is faster must be more, and all else less, than what must be reached."""
    found = outcome(row(compare, must, aim), {"default": Figures((2.0,), 1826), "peer": Figures((20.0,))})
    assert table.cells(found) == ("work", "default", "2 ms", "peer", "20 ms", "1,826 / -", *cells)


def test_a_peer_that_is_not_installed() -> None:
    """The row says so, and how to come by it."""
    found = outcome(row(Compare.FASTER, None), {"default": Figures((2.0,), 10)})
    assert "not installed (Debian: prometheus)" in table.cells(found)


def test_the_table_is_aligned() -> None:
    """It is read on a terminal, too."""
    text = table.rendered([outcome(row(Compare.VALUE, 3), {"default": Figures((2.0,)), "peer": Figures((20.0,))})])
    lines = text.splitlines()
    assert len(lines) == 3
    assert {line.count("|") for line in lines} == {len(table.HEADINGS) + 1}
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(("took", "code"), [(2.0, 0), (4.0, 1)])
def test_the_exit_code_tells_of_what_is_missed(
    took: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And the words below the table, which only a full run writes to the file."""
    figures = Figures((took,))
    found = [Outcome(row(Compare.VALUE, 3), figures, None, figures.median)]
    monkeypatch.setattr(command, "measured", lambda *_, **__: found)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    assert command.main(["--quick"]) == code
    assert not command.RESULTS.exists()
    assert command.main([]) == code
    assert ("is missed" in command.RESULTS.read_text()) == bool(code)
    assert command.RESULTS.read_text() in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--rounds", "0"]])
def test_a_wrong_command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused before anything is measured."""
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert "error: argument" in capsys.readouterr().err


def test_every_row_has_its_heat() -> None:
    """And every heat a row."""
    assert {one.heat for one in ROWS} == set(HEATS)
