"""Families of which several series become one: what they are told apart by, and what becomes of them."""

from __future__ import annotations

import gc
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.samples import Sample

from etcd_latency.catalog import Family, Labels
from etcd_latency.scrape.lines import Column, Heads, Irregular
from etcd_latency.scrape.replay import Note, Way
from etcd_latency.scrape.sums import Combined, Levels, Summed, grouped, tags_of
from etcd_latency.scrape.totals import VALUE, Line
from tests.test_lines import whole

INF, NAN = math.inf, math.nan
WAY = Way(0, "x", counts=False)
VERB: Labels = (("verb", "operation"),)

CALLS = Family("calls_total", "calls", "counter", None, "Calls.")
TIMES = Family("times", "times", "histogram", "second", "Times.")
DEPTH = Family("depth", "depth", "gauge", None, "Depth.")
OLDEST = Family("oldest", "oldest", "gauge", "second", "Oldest.", combine="max", unknown=-1)

Rendered = tuple[str, dict[str, str], float]


class Learner:
    """Stands for base: takes labels off the samples that it gets, as base does, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.metrics: list[Metric] = []

    def __call__(self, metric: Metric) -> list[Note]:
        (sample,) = metric.samples
        tags = [f"{label}:{sample.labels.pop(label)}" for label in list(sample.labels)]
        self.asked[" ".join([sample.name, *tags])] += 1
        self.metrics.append(metric)
        return [Note(WAY, [sample.name, *tags])]


class Ear:
    """A submitter that remembers what it is told, as text."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def submit(self, _: Way, values: Iterable[float], tags: Iterable[list[str]]) -> None:
        self.heard += [f"{' '.join(its)} {value}" for value, its in zip(values, tags, strict=True)]


def made(family: Family, kept: Labels = VERB, learn: Callable[[Metric], list[Note]] | None = None) -> Combined:
    kind = Levels if family.kind == "gauge" else Summed
    return kind(family, "", kept, learn or Learner())


def shown(combined: Combined, text: str) -> list[Rendered]:
    """What base would get of a page."""
    combined.begin()
    combined.read(whole(text.encode()))
    combined.turn()
    return [(sample.name, sample.labels, sample.value) for sample in combined.metric().samples]


def submitted(combined: Combined) -> list[str]:
    ear = Ear()
    combined.submit(ear)  # type: ignore[arg-type]
    return ear.heard


def calls(**counts: float) -> str:
    """A page of a counter with a series for each `verb_kind`."""
    pairs = [(*name.split("_"), count) for name, count in counts.items()]
    return "".join(f'calls_total{{verb="{verb}",kind="{kind}"}} {count}\n' for verb, kind, count in pairs)


def times(verb: str, kind: str, *, sums: float, **buckets: float) -> str:
    """A histogram's lines, its count that of the last bucket."""
    labels = f'verb="{verb}",kind="{kind}"'
    lines = [f'times_bucket{{{labels},le="{bound}"}} {count}' for bound, count in buckets.items()]
    count = list(buckets.values())[-1]
    return "\n".join([*lines, f"times_sum{{{labels}}} {sums}", f"times_count{{{labels}}} {count}", ""])


def runs_in(root: object) -> set[str]:
    """The numbers of the runs of which something is held."""
    seen: set[int] = set()
    todo = [root]
    found = set()
    while todo:
        one = todo.pop()
        if id(one) not in seen and not isinstance(one, type):
            seen.add(id(one))
            found |= set(re.findall(r"run(\d+)", str(one))) if isinstance(one, (str, bytes)) else set()
            todo += gc.get_referents(one) if not callable(one) else []
    return found


def test_counters_are_summed_by_what_becomes_tags() -> None:
    """Under the names of our tags, with the ending that base wants."""
    combined = made(CALLS)
    found = shown(combined, calls(get_pod=3, get_node=4, list_pod=5))
    assert found == [("calls_total", {"operation": "get"}, 7), ("calls_total", {"operation": "list"}, 5)]
    metric = combined.metric()
    assert (metric.name, metric.type, metric.documentation) == ("calls", "counter", "Calls.")


def test_without_tags_there_is_one_total() -> None:
    """Of a counter, and of a gauge."""
    assert shown(made(CALLS, ()), calls(get_pod=3, list_pod=5)) == [("calls_total", {}, 8)]
    assert shown(made(DEPTH, ()), 'depth{a="b"} 1\ndepth{a="c"} 2\n') == [("depth", {}, 3)]


def test_a_counter_without_its_ending_is_summed_all_the_same() -> None:
    """Base's parser gives every counter the ending `_total`."""
    found = shown(made(Family("hits", "hits", "counter", None, "")), 'hits{verb="get"} 1\nhits{verb="get",a="b"} 2\n')
    assert found == [("hits_total", {"operation": "get"}, 3)]


def test_histograms_are_summed_line_by_line() -> None:
    """Count, sum and each bound that all have; bounds as base writes numbers, of which 1 and 1.0 are the same."""
    text = times("get", "pod", sums=0.5, **{"0.1": 1, "1": 2, "+Inf": 3})
    text += times("get", "node", sums=0.25, **{"0.1": 2, "0.5": 3, "1.0": 4, "+Inf": 4})
    found = {(name, labels.get("le")): value for name, labels, value in shown(made(TIMES), text)}
    assert found == {
        ("times_bucket", "0.1"): 3,
        ("times_bucket", "1.0"): 6,
        ("times_bucket", "inf"): 7,
        ("times_sum", None): 0.75,
        ("times_count", None): 7,
    }


def test_a_histogram_is_one_series() -> None:
    """One that begins anew does so with all of its lines, and the other of its group with none."""
    combined = made(TIMES)
    before = [("a", 0.5, {"0.1": 9, "+Inf": 9}), ("b", 1.0, {"0.1": 4, "+Inf": 8})]
    after = [("a", 4.0, {"0.1": 1, "+Inf": 10}), ("b", 2.0, {"0.1": 4, "+Inf": 9})]
    found = [
        [
            value
            for *_, value in shown(combined, "".join(times("get", kind, sums=total, **b) for kind, total, b in page))
        ]
        for page in (before, after)
    ]
    assert found == [[13, 17, 1.5, 17], [9 + 1 + 4, 9 + 10 + 9, 0.5 + 4 + 2, 9 + 10 + 9]]


def test_a_bucket_without_a_bound_is_no_part_of_a_series() -> None:
    """It is left out and told by nothing: nobody knows what it counts."""
    combined = made(TIMES)
    text = times("get", "pod", sums=0.5, **{"+Inf": 3}) + 'times_bucket{verb="get",kind="pod"} 7\n'
    assert [value for *_, value in shown(combined, text)] == [3, 0.5, 3]
    assert combined.left_out == 0


def test_totals_go_on() -> None:
    """Over a fall, a line that goes and one that comes; the table is that of the module `totals`."""
    combined = made(CALLS, ())
    pages = [calls(get_pod=5, get_node=7), calls(get_pod=2, get_node=8), calls(get_pod=3), calls(get_pod=3, put_pod=1)]
    assert [shown(combined, text)[0][2] for text in pages] == [12, 15, 16, 17]


def test_a_page_without_the_family_forgets_it() -> None:
    """It begins again with plain sums, and its labels may stand in another order; no lines are no family, too."""
    combined = made(CALLS, ())
    shown(combined, calls(get_pod=5, get_node=7))
    assert shown(combined, calls(get_pod=1, get_node=7)) == [("calls_total", {}, 13)]
    combined.begin()
    combined.turn()
    assert (combined.metric().samples, submitted(combined), list(combined.column.values)) == ([], [], [])
    text = 'calls_total{kind="pod",verb="get"} 2\ncalls_total{kind="node",verb="get"} 7\n'
    assert shown(combined, text) == [("calls_total", {}, 9)]
    assert shown(combined, "") == []
    assert shown(combined, text) == [("calls_total", {}, 9)]


def test_depths_add_up_and_of_ages_the_oldest_counts() -> None:
    """Each family of gauges says how its series are combined."""
    text = '{0}{{verb="a",b="1"}} 1\n{0}{{verb="a",b="2"}} 3\n{0}{{verb="b"}} -2\n'
    assert shown(made(DEPTH), text.format("depth")) == [
        ("depth", {"operation": "a"}, 4),
        ("depth", {"operation": "b"}, -2),
    ]
    assert shown(made(OLDEST), text.format("oldest")) == [
        ("oldest", {"operation": "a"}, 3),
        ("oldest", {"operation": "b"}, -2),
    ]


def test_gauges_are_those_of_the_page() -> None:
    """Nothing is carried on: they fall, come and go."""
    combined = made(DEPTH)
    found = [
        submitted(combined)
        for text in ('depth{verb="a"} 5\n', 'depth{verb="a"} 2\n', 'depth{verb="b"} 1\ndepth{verb="a"} 3\n', "")
        if shown(combined, text) is not None
    ]
    assert found == [
        ["depth operation:a 5.0"],
        ["depth operation:a 2.0"],
        ["depth operation:b 1.0", "depth operation:a 3.0"],
        [],
    ]


@pytest.mark.parametrize("odd", ["NaN", "+Inf", "-Inf", "-1"])
def test_a_gauge_that_is_not_known_is_left_out(odd: str) -> None:
    """Neither what is no number nor the value that stands for none is combined; a group of such has no value."""
    combined = made(OLDEST)
    text = f'oldest{{verb="a",b="1"}} {odd}\noldest{{verb="a",b="2"}} -3\noldest{{verb="b"}} {odd}\n'
    (_, _, a), (_, _, b) = shown(combined, text)
    assert a == -3
    assert math.isnan(b)
    assert combined.left_out == 2
    shown(combined, 'oldest{verb="a"} 0\n')
    assert combined.left_out == 0


def test_a_label_le_of_a_gauge_is_one_as_any_other() -> None:
    """Only histograms have bounds."""
    assert shown(made(DEPTH, (("le", "le"),)), 'depth{le="x"} 1\n') == [("depth", {"le": "x"}, 1)]


def test_values_that_are_no_counts_are_told() -> None:
    """As many as the last page had; and those of a page before are not told again."""
    combined = made(CALLS, ())
    told = []
    for odd in ("5", "NaN", "6"):
        shown(combined, f'calls_total{{a="1"}} {odd}\ncalls_total{{a="2"}} 1\n')
        told.append(combined.left_out)
    assert told == [0, 1, 0]
    shown(combined, 'calls_total{a="1"} NaN\ncalls_total{a="2"} 1\n')
    combined.begin()
    combined.turn()
    assert combined.left_out == 0


def test_a_prefix_stands_before_the_name_on_the_page_only() -> None:
    """What base gets has the name that options call the family by."""
    combined = Summed(CALLS, "proxy_", VERB, Learner())
    combined.read(whole(calls(get_pod=3).replace("calls", "proxy_calls").encode()))
    combined.turn()
    assert [sample.name for sample in combined.metric().samples] == ["calls_total"]
    with pytest.raises(Irregular):
        combined.read(whole(calls(get_pod=3).encode()))


@pytest.mark.parametrize(
    "text",
    [
        'calls_total{kind="node",verb="get"} 1\n',
        "calls_total 1 1700000000\n",
        "calls_total_created 1\n",
        "# a comment\n",
        'calls_total{verb="get",kind="pod"} 3\n',
    ],
    ids=["another order of labels", "a timestamp", "a stray", "a comment", "the same line again"],
)
def test_a_page_that_base_must_read_changes_nothing(text: str) -> None:
    """Until base has done so, the family is as the last page left it."""
    combined = made(CALLS)
    shown(combined, calls(get_pod=3, get_ns=1))
    with pytest.raises(Irregular):
        combined.read(whole((calls(get_pod=2, get_ns=1) + text).encode()))
    assert submitted(combined) == ["calls_total operation:get 4.0"]
    assert shown(combined, calls(get_pod=4, get_ns=1)) == [("calls_total", {"operation": "get"}, 5)]


def test_what_base_has_read_is_summed_with_the_rest() -> None:
    """Series are known again, however they were read."""
    combined = made(CALLS)
    shown(combined, calls(get_pod=3, get_ns=1))
    heads = [b'calls_total{verb="get",kind="pod"} ', b'calls_total{verb="get",kind="ns"} ']
    combined.take(Column(Heads(heads), [1.0, 2.0]))
    combined.turn()
    assert submitted(combined) == ["calls_total operation:get 6.0"]


def test_each_total_is_learnt_once() -> None:
    """Neither a series that comes into a group nor a value that falls makes base be asked again; a new bound does."""
    learner = Learner()
    combined = made(TIMES, VERB, learner)
    for text in (
        times("get", "pod", sums=1, **{"+Inf": 3}),
        times("get", "pod", sums=1, **{"+Inf": 1}),
        times("get", "pod", sums=1, **{"+Inf": 2}) + times("get", "node", sums=1, **{"+Inf": 2}),
        times("get", "node", sums=1, **{"1": 1, "+Inf": 2}),
    ):
        shown(combined, text)
        submitted(combined)
    assert learner.asked == {
        "times_bucket operation:get le:inf": 1,
        "times_sum operation:get": 1,
        "times_count operation:get": 1,
        "times_bucket operation:get le:1.0": 1,
    }
    assert {(metric.name, metric.type, metric.documentation) for metric in learner.metrics} == {
        ("times", "histogram", "Times.")
    }


def test_gauges_are_learnt_once_while_lines_are_the_same() -> None:
    """Whatever their values."""
    learner = Learner()
    combined = made(DEPTH, VERB, learner)
    for value in (1, 5, 2):
        shown(combined, f'depth{{verb="a"}} {value}\ndepth{{verb="b"}} NaN\n')
        submitted(combined)
    assert learner.asked == {"depth operation:a": 1, "depth operation:b": 1}


@pytest.mark.parametrize(("family", "text"), [(CALLS, "calls_total 5\n"), (DEPTH, "depth 5\n")])
def test_relearning_keeps_the_numbers(family: Family, text: str) -> None:
    """When tags are others base is asked again, and the same is submitted under what it says then."""
    tags = ["old"]
    combined = made(family, (), lambda _: [Note(WAY, list(tags))])
    shown(combined, text)
    assert submitted(combined) == ["old 5.0"]
    tags[:] = ["new"]
    assert submitted(combined) == ["old 5.0"]
    combined.relearn()
    assert submitted(combined) == ["new 5.0"]


def test_what_base_does_to_labels_stays_with_base() -> None:
    """It takes off those that it makes tags of; totals of one group must not lose each other's."""
    combined = made(TIMES)
    text = times("get", "pod", sums=1, **{"1": 1, "+Inf": 2})
    before = shown(combined, text)
    combined.metric().samples[0].labels.clear()
    submitted(combined)
    assert shown(combined, text) == before
    assert [labels for _, labels, _ in before] == [
        {"operation": "get", "le": "1.0"},
        {"operation": "get", "le": "inf"},
        {"operation": "get"},
        {"operation": "get"},
    ]


@pytest.mark.parametrize("family", [CALLS, TIMES, DEPTH], ids=lambda family: family.kind)
def test_what_is_gone_is_forgotten(family: Family) -> None:
    """After 1000 pages of ever new series in ever new groups, what is held is what the last page showed."""
    ending = "_count" if family is TIMES else ""
    combined = made(family, VERB, lambda metric: [Note(WAY, [str(metric.samples[0].labels)])])
    for run in range(1000):
        labels = [f'verb="still",b="run{run}"', f'verb="run{run}",b="c"']
        text = "".join(f"{family.exposed}{ending}{{{its}}} 1\n" for its in labels)
        shown(combined, text)
        assert len(submitted(combined)) == 2
    assert runs_in(combined) == {"999"}


@pytest.mark.parametrize(
    ("labels", "kept", "tags"),
    [
        ({"a": "1", "b": "2"}, (("a", "x"),), (("x", "1"),)),
        ({"a": "1", "b": "2"}, (("b", "y"), ("a", "x")), (("y", "2"), ("x", "1"))),
        ({"a": "1", "b": "2"}, (("b", "x"), ("a", "x")), (("x", "2.1"),)),
        ({"a": "1", "b": ""}, (("b", "x"), ("a", "x")), (("x", "1"),)),
        ({"a": ""}, (("a", "x"), ("b", "y")), ()),
        ({"a": "1"}, (), ()),
    ],
    ids=["one of two", "order", "joined", "joined with an empty one", "empty or missing", "none kept"],
)
def test_labels_become_tags(labels: dict[str, str], kept: Labels, tags: tuple[Any, ...]) -> None:
    """Those that are kept, under our names; what is empty or missing makes none."""
    assert tags_of(labels, kept) == tags


def test_lines_are_grouped_by_number() -> None:
    """In the order in which groups appear; a line about nothing is in none."""
    one, other = Line("one", VALUE, 1), Line("other", VALUE, 2)
    assert list(grouped([one, None, other, one]).items()) == [("one", [0, 3]), ("other", [2])]


def test_samples_are_as_bases_parser_gives_them() -> None:
    """Of the type that base's transformers take apart."""
    combined = made(CALLS)
    shown(combined, calls(get_pod=3))
    assert combined.metric().samples == [Sample("calls_total", {"operation": "get"}, 3.0)]


def test_gauges_that_stay_are_not_learnt_again_when_one_comes() -> None:
    """A new resource among four hundred costs the learning of one."""
    learner = Learner()
    combined = made(DEPTH, VERB, learner)
    for text in ('depth{verb="a"} 1\n', 'depth{verb="a"} 1\ndepth{verb="b"} 1\n'):
        shown(combined, text)
        submitted(combined)
    assert learner.asked["depth operation:a"] == 1


def test_a_page_that_is_refused_changes_nothing() -> None:
    """What was read of it before base found the broken line is neither counted nor shown later."""
    combined = made(CALLS, ())
    shown(combined, calls(get_pod=3, get_node=1))
    combined.begin()
    combined.read(whole(calls(get_pod=9, get_node=1).encode()))
    assert shown(combined, calls(get_pod=4, get_node=1)) == [("calls_total", {}, 5)]
