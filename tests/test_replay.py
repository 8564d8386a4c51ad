"""What is learnt of a series, when, and how values go the same way from then on."""

from __future__ import annotations

import gc
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from datadog_checks.base import AgentCheck
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency.errors import BadPage
from etcd_latency.model import Target
from etcd_latency.scrape import PageScraper, lines, replay
from etcd_latency.scrape.replay import Note, Replay, Route, Submitter, Tape, Way, batches
from tests.conftest import MakeCheck
from tests.test_scrape import page

COUNT, GAUGE = Way(3, "x.count", counts=True), Way(0, "x.total", counts=False)
URL = "https://10.0.0.1:2379"
GOOD = "# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n"

Submission = tuple[Way, float, list[str]]


class Ear:
    """A submitter that remembers what it is told."""

    def __init__(self) -> None:
        self.heard: list[Submission] = []

    def submit(self, way: Way, values: Iterable[float], tags: Iterable[list[str]]) -> None:
        self.heard += [(way, value, its) for value, its in zip(values, tags, strict=True)]


class Teacher:
    """Says of each series the ways that it was told, and counts the questions."""

    def __init__(self, *ways: Way, **others: Sequence[Way]) -> None:
        self.asked: Counter[str] = Counter()
        self._ways = ways
        self._others = others

    def __call__(self, key: str) -> list[Note]:
        self.asked[key] += 1
        return [Note(way, [f"{key}:{way.name}"]) for way in self._others.get(key, self._ways)]


class Counted(list[str]):
    """A list that counts how often somebody goes through it."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        self.looks += 1
        return super().__iter__()


def replayed(replay: Replay[str], keys: list[str], values: Sequence[float]) -> list[Submission]:
    ear = Ear()
    replay.arrange(keys)
    replay.submit(values, ear)  # type: ignore[arg-type]
    return ear.heard


def submissions(way: Way, **values: float) -> list[Submission]:
    return [(way, value, [f"{key}:{way.name}"]) for key, value in values.items()]


def words_in(*roots: object) -> set[str]:
    """All texts that are held by something, directly or not."""
    seen: set[int] = set()
    todo = [*roots]
    found = set()
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, (type, ModuleType)):
            continue
        seen.add(id(one))
        if isinstance(one, (str, bytes)):
            found.add(one if isinstance(one, str) else one.decode("utf-8", errors="replace"))
        todo += getattr(one, "__closure__", None) or () if callable(one) else gc.get_referents(one)
    return found


@pytest.fixture
def check() -> AgentCheck:
    made = AgentCheck("name", {}, [{"metric_patterns": {"exclude": ["[.]unwanted"]}}])
    made.__NAMESPACE__ = "ours"
    return made


def test_a_series_is_learnt_once() -> None:
    """When it appears, and not again on the pages after that, whatever comes and goes beside it."""
    teacher = Teacher(COUNT)
    replay = Replay(teacher)
    for keys in (["a", "b"], ["a", "b"], ["a", "c", "b"], ["b", "a"], ["b", "a", "d"]):
        replay.arrange(keys)
    assert teacher.asked == {"a": 1, "b": 1, "c": 1, "d": 1}


def test_a_series_that_was_gone_is_learnt_again() -> None:
    """One page without it is enough, and one without any series, too."""
    teacher = Teacher(COUNT)
    replay = Replay(teacher)
    for keys in (["a", "b"], ["b"], ["a", "b"], [], ["a", "b"]):
        replay.arrange(keys)
    assert teacher.asked == {"a": 3, "b": 2}
    assert replayed(replay, ["a"], [7]) == submissions(COUNT, a=7)


def test_values_go_the_way_of_their_series() -> None:
    """In the page's order, also when that changes, when one comes in the middle, when one goes."""
    replay = Replay(Teacher(COUNT))
    assert replayed(replay, ["a", "b"], [1, 2]) == submissions(COUNT, a=1, b=2)
    assert replayed(replay, ["b", "a"], [3, 4]) == submissions(COUNT, b=3, a=4)
    assert replayed(replay, ["b", "c", "a"], [5, 6, 7]) == submissions(COUNT, b=5, c=6, a=7)
    assert replayed(replay, ["c", "a"], [8, 9]) == submissions(COUNT, c=8, a=9)
    assert replayed(replay, [], []) == []


def test_one_arrangement_serves_many_pages() -> None:
    """The same list of series is not looked at again; each page has its own values."""
    replay, keys, ear = Replay(Teacher(COUNT)), Counted(["a", "b"]), Ear()
    replay.arrange(keys)
    looks = keys.looks
    for values in ([1, 2], [3, 4]):
        replay.arrange(keys)
        replay.submit(values, ear)  # type: ignore[arg-type]
    assert ear.heard == submissions(COUNT, a=1, b=2) + submissions(COUNT, a=3, b=4)
    assert keys.looks == looks > 0


def test_a_series_may_go_several_ways() -> None:
    """As base's type `counter_gauge` does: way by way, each with tags of its own."""
    replay = Replay(Teacher(GAUGE, COUNT))
    for values in ([1, 2], [3, 4]):
        a, b = values
        expected = submissions(GAUGE, a=a, b=b) + submissions(COUNT, a=a, b=b)
        assert replayed(replay, ["a", "b"], values) == expected


def test_series_of_one_family_may_go_different_ways() -> None:
    """A histogram's sum is not submitted as its count is; each value takes its own way, wherever its line is."""
    other = Way(3, "x.sum", counts=True)
    replay = Replay(Teacher(COUNT, b=[other], d=[other, GAUGE]))
    found = replayed(replay, ["a", "b", "c", "d"], [1, 2, 3, 4])
    assert found == submissions(COUNT, a=1, c=3) + submissions(other, b=2, d=4) + submissions(GAUGE, d=4)
    found = replayed(replay, ["d", "c", "b"], [5, 6, 7])
    assert found == submissions(COUNT, c=6) + submissions(other, d=5, b=7) + submissions(GAUGE, d=5)
    assert replayed(replay, ["b"], [8]) == submissions(other, b=8)


def test_a_series_of_which_nothing_is_submitted_is_known_all_the_same() -> None:
    """A bucket, when nobody wants buckets: it costs nothing but its place, and is not learnt anew each time."""
    teacher = Teacher(COUNT, none=[])
    replay = Replay(teacher)
    assert replayed(replay, ["none", "a"], [1, 2]) == submissions(COUNT, a=2)
    assert replayed(replay, ["a", "none"], [3, 4]) == submissions(COUNT, a=3)
    assert replayed(replay, ["none"], [5]) == []
    assert teacher.asked == {"none": 1, "a": 1}


def test_a_series_without_tags_goes_its_way() -> None:
    """No tags are not the same as no submission."""
    assert replayed(Replay(lambda _: [Note(COUNT, [])]), ["a", "b"], [1, 2]) == [(COUNT, 1, []), (COUNT, 2, [])]


def test_what_cannot_be_learnt_changes_nothing() -> None:
    """What `learn` raises comes out; the series that were known are as they were."""
    teacher = Teacher(COUNT)

    def learn(key: str) -> list[Note]:
        if key == "broken":
            raise LookupError
        return teacher(key)

    replay, ear = Replay(learn), Ear()
    replay.arrange(["a", "b"])
    with pytest.raises(LookupError):
        replay.arrange(["c", "broken", "a"])
    replay.submit([1, 2], ear)  # type: ignore[arg-type]
    assert ear.heard == submissions(COUNT, a=1, b=2)
    assert replayed(replay, ["b", "c"], [3, 4]) == submissions(COUNT, b=3, c=4)
    assert teacher.asked == {"a": 1, "b": 1, "c": 2}


def test_what_is_gone_is_forgotten() -> None:
    """After 1000 pages of ever new series, each with a way of its own, it holds those of the last page."""

    def learn(key: str) -> list[Note]:
        return [Note(COUNT, [f"tag of {key}"]), Note(Way(0, f"way of {key}", counts=False), [])]

    replay = Replay(learn)
    for run in range(1000):
        replay.arrange([f"first {run}", "still", f"second {run}"])
    keys = ["first 999", "still", "second 999"]
    held = {word for word in words_in(replay) if word.endswith(("still", *"0123456789"))}
    assert held == {f"{of}{key}" for key in keys for of in ("", "tag of ", "way of ")}


def test_a_scraper_forgets_series_that_are_gone(make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """After 1000 pages of ever new series what it holds of all its families is what the last page showed."""
    scraper = PageScraper(make_check(URL), Target("m1", URL, f"{URL}/metrics", ()), {"metrics": [".+"]})
    for run in range(1000):
        aggregator.reset()
        text = f'# TYPE etcd_server_a gauge\netcd_server_a{{run="old {run}"}} 1\netcd_server_a{{run="still"}} 1\n'
        scraper.submit(page(f"{text}# TYPE b{run}_total counter\nb{run}_total 1\n# TYPE c{run} info\nc{run} 1\n"))
    assert sorted(aggregator.metric_names) == ["etcd_latency.b999.count", "etcd_latency.etcd_server_a"]
    held = words_in(scraper._families, scraper._read_by_base)
    assert {found[1] for word in held if (found := re.search(r"(?:\b[bc]|old )(\d+)", word))} == {"999"}
    assert 'etcd_server_a{run="old 999"} ' in held


def test_a_tape_notes_what_would_be_submitted(check: AgentCheck, aggregator: AggregatorStub) -> None:
    """Type, name with the namespace, tags as the Agent gets them, whether first values count; nothing is submitted."""
    tape = Tape(check)

    def submit() -> None:
        tape.gauge("a", 1, tags=["b:c", b"d:e"])
        tape.rate("a", 2, tags=None)
        tape.monotonic_count("a", 3, tags=["f"], flush_first_value=True)
        tape.monotonic_count("a", 4, tags=("f", "g"))
        tape.gauge("whole.a", math.nan, raw=True)
        tape.gauge("unwanted", 5)

    assert tape.record(submit) == [
        Note(Way(aggregator.GAUGE, "ours.a", counts=False), ("b:c", "d:e")),
        Note(Way(aggregator.RATE, "ours.a", counts=False), ()),
        Note(Way(aggregator.MONOTONIC_COUNT, "ours.a", counts=True), ("f",)),
        Note(Way(aggregator.MONOTONIC_COUNT, "ours.a", counts=False), ("f", "g")),
        Note(Way(aggregator.GAUGE, "whole.a", counts=False), ()),
    ]
    assert aggregator.metric_names == []


def test_a_tape_notes_what_base_would_have_submitted(check: AgentCheck, aggregator: AggregatorStub) -> None:
    """The same calls on the check itself reach the aggregator with what was noted."""
    calls: list[Callable[[Any], None]] = [
        lambda to: to.gauge("a", 1, tags=["b:c", "é:ü"]),
        lambda to: to.rate("a.rate", 1, tags=["b:c"], raw=True),
        lambda to: to.monotonic_count("a.count", 1, tags=["b:c"], flush_first_value=True),
    ]
    tape = Tape(check)
    for call in calls:
        (note,) = tape.record(lambda call=call: call(tape))  # type: ignore[misc]
        call(check)
        (stub,) = aggregator.metrics(note.way.name)
        assert (stub.type, tuple(stub.tags), stub.flush_first_value) == (note.way.kind, note.tags, note.way.counts)


def test_a_tape_that_does_not_record_lets_submissions_pass(check: AgentCheck, aggregator: AggregatorStub) -> None:
    """Before, after, and after what failed."""
    tape = Tape(check)

    def fail() -> None:
        tape.gauge("noted", 1)
        raise LookupError

    tape.gauge("a", 1, tags=["x"])
    tape.record(lambda: tape.gauge("noted", 1))
    tape.monotonic_count("a", 2, tags=["x"], flush_first_value=True)
    with pytest.raises(LookupError):
        tape.record(fail)
    tape.rate("a", 3)
    assert aggregator.metric_names == ["ours.a"]
    assert [(stub.type, stub.value, stub.tags, stub.flush_first_value) for stub in aggregator.metrics("ours.a")] == [
        (aggregator.GAUGE, 1, ["x"], False),
        (aggregator.MONOTONIC_COUNT, 2, ["x"], True),
        (aggregator.RATE, 3, [], False),
    ]


def test_recordings_are_apart(check: AgentCheck) -> None:
    """What was noted once is not noted again."""
    tape = Tape(check)
    first = tape.record(lambda: tape.gauge("a", 1))
    second = tape.record(lambda: tape.gauge("b", 1))
    assert [[note.way.name for note in notes] for notes in (first, second)] == [["ours.a"], ["ours.b"]]


def test_a_tape_is_the_check_for_all_else(check: AgentCheck) -> None:
    """Base asks it for the log, the id, options and service checks."""
    tape = Tape(check)
    assert tape.log is check.log
    assert tape.check_id == check.check_id
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = tape.nothing_of_the_kind


@pytest.mark.parametrize(
    ("counts", "flush", "expected"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_first_values_are_flushed_when_way_and_run_say_so(
    counts: bool,  # noqa: FBT001 - a column of the table
    flush: bool,  # noqa: FBT001
    expected: bool,  # noqa: FBT001
    check: AgentCheck,
    aggregator: AggregatorStub,
) -> None:
    """A gauge has no first value to flush, and on the first page nobody knows when a counter began."""
    way = Way(aggregator.MONOTONIC_COUNT, "ours.a", counts=counts)
    Submitter(check, flush_first_value=flush).submit(way, [5], [["x"]])
    (stub,) = aggregator.metrics("ours.a")
    assert (stub.type, stub.value, stub.tags, stub.hostname) == (aggregator.MONOTONIC_COUNT, 5, ["x"], "")
    assert stub.flush_first_value is expected


def test_what_is_no_number_is_not_submitted(check: AgentCheck, aggregator: AggregatorStub) -> None:
    """Neither are infinities; the others keep their tags."""
    way = Way(aggregator.GAUGE, "ours.a", counts=False)
    values = [1, math.nan, math.inf, -math.inf, 0, -1]
    tags = [[f"n:{number}"] for number in range(len(values))]
    Submitter(check, flush_first_value=True).submit(way, values, iter(tags))
    found = [(stub.value, stub.tags) for stub in aggregator.metrics("ours.a")]
    assert found == [(1, ["n:0"]), (0, ["n:4"]), (-1, ["n:5"])]


@pytest.mark.parametrize("values", [[1], [1, 2, 3]])
def test_values_and_tags_must_be_as_many(values: list[float], check: AgentCheck) -> None:
    """Nothing is submitted under the tags of another."""
    with pytest.raises(ValueError, match="argument 3"):
        Submitter(check, flush_first_value=True).submit(COUNT, values, [["a"], ["b"]])


def test_numbers_whose_sum_is_endless_are_submitted(check: AgentCheck, aggregator: AggregatorStub) -> None:
    """Two of the largest numbers that there are: each is a number."""
    way = Way(aggregator.GAUGE, "ours.a", counts=False)
    Submitter(check, flush_first_value=True).submit(way, [1.7e308, 1.7e308], [("n:0",), ("n:1",)])
    assert [stub.value for stub in aggregator.metrics("ours.a")] == [1.7e308, 1.7e308]


def test_batches_hold_what_the_routes_of_families_hold(check: AgentCheck, aggregator: AggregatorStub) -> None:
    """Two families on a page of six lines, one line with two gauges: the same submissions in three batches."""
    other, twice = Way(0, "y", counts=False), Way(0, "z", counts=False)
    first = [Route(GAUGE, None, [("a",), ("b",)]), Route(COUNT, b"\0\1", [("c",)]), Route(twice, b"\1\0", [("d",)])]
    routes = [(slice(1, 3), first), (slice(4, 6), [Route(other, b"\0\1", [("e",)])])]
    values = [math.nan, 1.0, 2.0, math.nan, 3.0, 4.0]
    found = batches(routes, len(values))
    assert [(batch.kind, batch.counts, batch.chosen, batch.names, batch.tags) for batch in found] == [
        (0, False, b"\0\1\1\0\0\1", ["x.total", "x.total", "y"], [("a",), ("b",), ("e",)]),
        (3, True, b"\0\0\1\0\0\0", ["x.count"], [("c",)]),
        (0, False, b"\0\1\0\0\0\0", ["z"], [("d",)]),
    ]
    submitter = Submitter(check, flush_first_value=True)
    for batch in found:
        submitter.submit_batch(batch, values)
    assert Counter(
        (name, stub.value, *stub.tags) for name in aggregator.metric_names for stub in aggregator.metrics(name)
    ) == Counter([("x.total", 1, "a"), ("x.total", 2, "b"), ("x.count", 2, "c"), ("z", 1, "d"), ("y", 4, "e")])
    assert [stub.flush_first_value for stub in aggregator.metrics("x.count")] == [True]


def submitted_names(stubs: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    return ((stub.name, stub.type, stub.value, tuple(sorted(stub.tags)), stub.flush_first_value) for stub in stubs)


@pytest.mark.parametrize("kind", ["gauge", "counter", "counter_gauge", "histogram", "summary", "rate", "native"])
def test_what_is_replayed_is_what_base_submits(kind: str, make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """Of each type of metric that is replayed, page after page: the same names, types, values, tags and flushes."""
    declared = {"counter_gauge": "counter", "rate": "gauge", "native": "counter"}.get(kind, kind)
    samples = {
        "gauge": 'etcd_server_x{{a="b"}} {0}\netcd_server_x{{a="c"}} 2\n',
        "counter": 'etcd_server_x_total{{a="b"}} {0}\n',
        "histogram": 'etcd_server_x_bucket{{le="1"}} 1\netcd_server_x_sum {0}\netcd_server_x_count 3\n',
        "summary": 'etcd_server_x{{quantile="0.5"}} {0}\netcd_server_x_sum NaN\netcd_server_x_count 1\n',
    }[declared]
    name = "etcd_server_x_total" if declared == "counter" else "etcd_server_x"
    found: list[list[Any]] = []
    for comment in ("", "# so that base must read it\n"):
        scraper = PageScraper(
            make_check(URL),
            Target("m1", URL, f"{URL}/metrics", ("x:y",)),
            {"metrics": [{"etcd_server_x": {"name": "x", "type": kind}}], "rename_labels": {"a": "aa"}},
        )
        for value in (1, 2, 2):
            aggregator.reset()
            scraper.submit(page(f"# TYPE {name} {declared}\n{comment}{samples.format(value)}"))
            stubs = [stub for name in aggregator.metric_names for stub in aggregator.metrics(name)]
            found.append(sorted(submitted_names(stubs)))
    assert found[:3] == found[3:]
    assert all(found)


@pytest.mark.parametrize("extra", ["own_thing", "^own_", {"own_thing": {"type": "native_dynamic"}}], ids=str)
@pytest.mark.parametrize("first", ["counter", "histogram", "untyped"])
def test_no_member_decides_for_the_others(
    first: str, extra: Any, make_check: MakeCheck, aggregator: AggregatorStub
) -> None:
    """What a member declares oddly, and shows before all others, is odd with that member only."""
    odd, plain = (f"{GOOD}# TYPE own_thing {kind}\nown_thing 5\n" for kind in (first, "gauge"))
    check = make_check({"url": URL, "name": "m1"}, {"url": f"{URL}1", "name": "m2"}, extra_metrics=[extra])
    for _ in range(3):
        aggregator.reset()
        for scraper, text in zip(check.scrapers.values(), (odd, plain), strict=True):
            with suppress(BadPage):  # base refuses some of what is odd
                scraper.submit(page(text))
        (found,) = (one for one in aggregator.metrics("etcd_latency.own_thing") if "etcd_member:m2" in one.tags)
        assert (found.type, found.value) == (aggregator.GAUGE, 5)


def test_members_share_what_is_the_same_for_all(make_check: MakeCheck) -> None:
    """Two hundred members need no more of base's transformers than one."""
    check = make_check({"url": URL, "name": "m1"}, {"url": f"{URL}1", "name": "m2"}, extra_metrics=["own_thing"])
    first, second = (scraper.metric_transformer.transformer_data for scraper in check.scrapers.values())
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] is not second[name]} == {"own_thing"}


@pytest.mark.parametrize("long", ['{long}="a",b="c"', 'a="{long}",b="c"', 'a="c",{long}="{long}"'])
def test_long_labels_do_not_stay(long: str, make_check: MakeCheck, aggregator: AggregatorStub) -> None:
    """They are submitted; once the page has others they are held by nobody, not even by what all members share."""
    (scraper,) = make_check(URL, extra_metrics=["own_thing", "own_seconds"]).scrapers.values()
    for number in range(3):
        aggregator.reset()
        labels = long.format(long=f"l{number}" + "x" * 5000)
        text = f"{GOOD}# TYPE own_thing gauge\nown_thing{{{labels}}} 5\n"
        scraper.submit(page(f'{text}# TYPE own_seconds histogram\nown_seconds_bucket{{{labels},le="1"}} 6\n'))
        scraper.tags_of("own_seconds", (("a", f"l{number}" + "x" * 5000),))
        assert [one.value for one in aggregator.metrics("etcd_latency.own_thing")] == [5]
    caches = (replay._shared, lines._shared, lines._kind_and_order)
    held = words_in(*(one for cache in caches for one in gc.get_referents(cache)))
    assert any("etcd_server_has_leader" in word for word in held)
    assert not [word for word in held if "x" * 5000 in word]
    assert not scraper._known_tags
