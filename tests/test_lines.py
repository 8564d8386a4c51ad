"""Lines as two columns: what is read at once, what is reused from the last page, what is left to base's parser."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from etcd_latency.scrape import lines
from etcd_latency.scrape.known import Known
from etcd_latency.scrape.lines import MOST_ORDERS, NO_LINES, Column, Irregular, Orders, Text, Values
from tests.conftest import recorded

PAGE = b'a{b="1"} 1\na{b="2"} 2.5\na{b="3"} 3e+06\n'
HEADS = [b'a{b="1"} ', b'a{b="2"} ', b'a{b="3"} ']

ODD_VALUES = ["", " ", "#", "{", "}", ",", "=", "\\", '"', "\n", 'x",y="', "n", "\\n", "\t", "\r", "\u2028", "é", "1 2"]

REGULAR = [
    (b"a ", {}),
    (b'a{b="c"} ', {"b": "c"}),
    (b'a{b=""} ', {"b": ""}),
    (b'a{_B2="1",c="2"} ', {"_B2": "1", "c": "2"}),
    (b'a{c="2",b="1"} ', {"c": "2", "b": "1"}),
    (b'a{b="} 1",c="{"} ', {"b": "} 1", "c": "{"}),
    (b'a{b="x,y=z"} ', {"b": "x,y=z"}),
    (b'a{b="# TYPE a gauge"} ', {"b": "# TYPE a gauge"}),
    (b'a{b="\\""} ', {"b": '"'}),
    (b'a{b="\\\\"} ', {"b": "\\"}),
    (b'a{b="\\n"} ', {"b": "\n"}),
    (b'a{b="\\\\n"} ', {"b": "\\n"}),
    (b'a{b="\\\\\\n\\""} ', {"b": '\\\n"'}),
    (b'a{b="\\",c=\\""} ', {"b": '",c="'}),
    ('a{b="\u2028é\x85"} '.encode(), {"b": "\u2028é\x85"}),
]


def understood(text: bytes, family: str = "a", kind: str = "gauge", known: Column = NO_LINES) -> list[Sample]:
    """The lines of a family, read and then looked at closely."""
    column = lines.read(text, known.heads)
    return [
        lines.sample(head, family, kind)._replace(value=value)
        for head, value in zip(column.heads.texts, column.values, strict=True)
    ]


def series(samples: list[Sample]) -> list[tuple[str, Mapping[str, str], float]]:
    """What tells samples apart, and their values: base's parser gives integers where it can."""
    return [(sample.name, sample.labels, float(sample.value)) for sample in samples]


def test_a_family_is_read_as_two_columns() -> None:
    """What stands before the values, space included, and the values, in the page's order."""
    column = lines.read(PAGE)
    assert column.heads.texts == HEADS
    assert list(column.values) == [1, 2.5, 3_000_000]


@pytest.mark.parametrize("text", [b"", PAGE, PAGE.removesuffix(b"\n")], ids=["no lines", "lines", "no last line feed"])
def test_the_end_of_a_text_is_the_end_of_a_line(text: bytes) -> None:
    """A text has as many lines as it looks, also when it is known already."""
    column = lines.read(text)
    assert column.heads.texts == (HEADS if text else [])
    assert lines.read(text, column.heads) == column


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1", 1),
        (b"-2", -2),
        (b"0.25", 0.25),
        (b"1.5e-07", 1.5e-07),
        (b"9007199254740993", 2.0**53),
        (b"+Inf", math.inf),
        (b"-Inf", -math.inf),
        (b"1e400", math.inf),
        (b" 7", 7),
        (b"7\r", 7),
    ],
)
def test_values_are_read_as_numbers(text: bytes, value: float) -> None:
    """As Go writes them, and as Windows ends lines."""
    for known in (NO_LINES, Column(lines.read(b"a 1").heads, [])):
        assert list(lines.read(b"a " + text + b"\n", known.heads).values) == [value]


def test_not_a_number_is_read() -> None:
    """It is on real pages, for a summary without observations."""
    (value,) = lines.read(b"a NaN\n").values
    assert math.isnan(value)


def test_known_heads_are_given_again() -> None:
    """While lines are the same, heads are the same object, whatever the values and however long."""
    first = lines.read(PAGE)
    again = lines.read(b'a{b="1"} 12345678\na{b="2"} 0\na{b="3"} NaN\n', first.heads)
    assert again.heads is first.heads
    assert list(again.values[:2]) == [12345678, 0]
    assert math.isnan(again.values[2])


@pytest.mark.parametrize(
    ("text", "heads", "values"),
    [
        (b'a{b="1"} 1\na{b="12"} 9\na{b="2"} 2\na{b="3"} 3\n', [HEADS[0], b'a{b="12"} ', *HEADS[1:]], [1, 9, 2, 3]),
        (b'a{b="3"} 3\na{b="1"} 1\na{b="2"} 2\n', [HEADS[2], *HEADS[:2]], [3, 1, 2]),
        (b'a{b="1"} 1\na{b="3"} 3\n', [HEADS[0], HEADS[2]], [1, 3]),
        (b'a{b="1"} 1\na{b="2"} 2\n', HEADS[:2], [1, 2]),
        (PAGE + b"a 4\n", [*HEADS, b"a "], [1, 2.5, 3e6, 4]),
        (b'a{b="1"} 1\na{b="22"} 2\na{b="3"} 3\n', [HEADS[0], b'a{b="22"} ', HEADS[2]], [1, 2, 3]),
        (b"", [], []),
    ],
    ids=[
        "a new one in the middle",
        "another order",
        "one gone",
        "the last gone",
        "a new last",
        "one other",
        "all gone",
    ],
)
def test_other_lines_are_read_anew(text: bytes, heads: list[bytes], values: list[float]) -> None:
    """No value goes to the line that stood there before."""
    first = lines.read(PAGE)
    column = lines.read(text, first.heads)
    assert (column.heads.texts, list(column.values)) == (heads, values)
    assert first.heads.texts == HEADS


def test_pages_that_change_are_read_as_by_themselves() -> None:
    """With or without the last page, a text means the same; over lines that come, go and change places."""
    source = random.Random(1)  # noqa: S311 - a seed, so that a failure can be repeated
    there = [f'a{{b="{"x" * source.randrange(9)}{number}"}}' for number in range(12)]
    column = NO_LINES
    for _ in range(500):
        shown = there if source.random() < 0.5 else source.sample(there, k=source.randrange(len(there)))
        values = [source.choice((0.0, 1.0, 1e21, source.random())) for _ in shown]
        text = "".join(f"{head} {value}\n" for head, value in zip(shown, values, strict=True)).encode()
        column = lines.read(text, column.heads)
        assert column == lines.read(text)
        assert list(column.values) == values


@pytest.mark.parametrize(
    "text",
    [
        b"a 1\na 1\n",
        b'a{b="1"} 1\na 2\na{b="1"} 3\n',
        b"a 1 1700000000000\n",
        b"a 1_000\n",
        b"a 1\nb_c 1_0 2\n",
        b'a_bucket{le="1"} 1 # {trace_id="x"} 0.5\n',
        b"# a comment\na 1\n",
        b"# 5\na 1\n",
        b"#\n",
        b"# HELP a Ends in 5\na 1\n",
        b"a 1\n# EOF\n",
        b"\na 1\n",
        b"a 1\n\n",
        b"a 1\n\na{} 1\n",
        b"a\n",
        b"a \n",
        b"a 1 \n",
        b"1\n",
        b" a 1\n",
        b"a  1 2\n",
        b"a\t1\n",
        b'a{b="1"}2\n',
        b"a one\n",
        b"a 0x10\n",
        b"a 1;\n",
        "a ١\n".encode(),  # noqa: RUF001 - a digit to Python's `float`
        b"a{} 1\n",
        b'a{b="1",} 1\n',
        b'a{b="1", c="2"} 1\n',
        b'a{ b="1"} 1\n',
        b'a {b="1"} 1\n',
        b'a{b = "1"} 1\n',
        b"a{b=1} 1\n",
        b"a{b='1'} 1\n",
        b'a{b="1"c="2"} 1\n',
        b'a{b="1} 1\n',
        b'a{b="\\"} 1\n',
        b'a{b="1"}} 1\n',
        b'a{1="1"} 1\n',
        b'a{b:c="1"} 1\n',
        b'{"a",b="1"} 1\n',
        b'a{b="1",b="2"} 1\n',
        b'1a{b="1"} 1\n',
        b"a-b 1\n",
    ],
)
def test_what_is_not_as_usual_is_left_to_base(text: bytes) -> None:
    """Timestamps, exemplars, comments, blank lines, doubles, and forms that only a parser can judge."""
    with pytest.raises(Irregular):
        understood(text)


@pytest.mark.parametrize("more", [b" 1700000000", b' # {t="x"} 1', b"_0", b" 1", b"x"])
def test_what_is_new_behind_a_known_head_is_not_overlooked(more: bytes) -> None:
    """A line is known by its beginning; what comes after it must be a number and nothing else."""
    known = lines.read(PAGE)
    with pytest.raises(Irregular):
        lines.read(PAGE[:-1] + more + b"\n", known.heads)


@pytest.mark.parametrize(("head", "labels"), REGULAR)
def test_a_head_is_taken_apart_and_put_together(head: bytes, labels: Mapping[str, str]) -> None:
    """Labels are unescaped, in the order of the line; and the way back leads to the same bytes."""
    sample = lines.sample(head, "a", "gauge")
    assert (sample.name, list(sample.labels.items()), sample.value) == ("a", list(labels.items()), 1)
    assert lines.head(sample) == head


def test_labels_are_those_of_bases_parser() -> None:
    """Of any mixture of odd characters; and there is one head for each series, whichever way it was read."""
    source = random.Random(1)  # noqa: S311 - a seed, so that a failure can be repeated
    for _ in range(500):
        labels = {name: "".join(source.choices(ODD_VALUES, k=source.randrange(4))) for name in source.sample("xyz", 2)}
        head = lines.head(Sample("a_b", labels, 1))
        (metric,) = text_string_to_metric_families(f"# TYPE a_b gauge\n{head.decode()}2.5\n")
        assert series(understood(head + b"2.5\n", "a_b")) == series(metric.samples) == [("a_b", labels, 2.5)]
        assert lines.head(lines.sample(head, "a_b", "gauge")) == head


def test_an_escape_that_there_is_not_stays() -> None:
    """As base's parser takes it: a backslash before any other character is one."""
    text = b'a{b="\\t\\x"} 1\n'
    (metric,) = text_string_to_metric_families(text.decode())
    assert series(understood(text)) == series(metric.samples) == [("a", {"b": "\\t\\x"}, 1)]


def test_bytes_that_are_no_text_are_replaced() -> None:
    """As the page is for base's parser; in a label's value, and nowhere else."""
    assert series(understood(b'a{b="caf\xe9"} 1\n')) == [("a", {"b": "caf\ufffd"}, 1)]
    with pytest.raises(Irregular):
        understood(b"caf\xe9 1\n", "caf\ufffd")


@pytest.mark.parametrize(
    ("head", "family", "kind", "name"),
    [
        (b"a ", "a", "", "a"),
        (b"a ", "a", "untyped", "a"),
        (b"a_total ", "a_total", "counter", "a_total"),
        (b"a ", "a", "counter", "a_total"),
        (b"a_total ", "a_total", "gauge", "a_total"),
        (b'a_bucket{le="1"} ', "a", "histogram", "a_bucket"),
        (b"a_sum ", "a", "histogram", "a_sum"),
        (b"a_count ", "a", "histogram", "a_count"),
        (b'a{quantile="1"} ', "a", "summary", "a"),
        (b"a_sum ", "a", "summary", "a_sum"),
        (b"a_count ", "a", "summary", "a_count"),
        (b"a:b ", "a:b", "gauge", "a:b"),
    ],
)
def test_a_sample_is_named_as_base_names_it(head: bytes, family: str, kind: str, name: str) -> None:
    """A counter has the ending that OpenMetrics wants, all others are called what they are."""
    assert lines.sample(head, family, kind).name == name
    page = f"# TYPE {family} {kind or 'untyped'}\n{head.decode()}1\n"
    assert [sample.name for metric in text_string_to_metric_families(page) for sample in metric.samples] == [name]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"b ", "gauge"),
        (b"ba ", "gauge"),
        (b"a_sum ", "gauge"),
        (b"a_total ", "counter"),
        (b"a_created ", "counter"),
        (b"a ", "histogram"),
        (b"a_created ", "histogram"),
        (b"a_bucketful ", "histogram"),
        (b"_sum ", "histogram"),
        (b'a_bucket{le="1"} ', "summary"),
        (b"a_info ", "info"),
    ],
)
def test_a_stray_is_left_to_base(head: bytes, kind: str) -> None:
    """What stands under another family's header may be a family by itself, or tell when a series began."""
    with pytest.raises(Irregular):
        lines.sample(head, "a", kind)


def test_labels_may_have_one_order_only() -> None:
    """Each set of labels has its own; the same ones in another order may be a series that is there twice."""
    orders = Orders()
    for labels in ("", "ab", "ba"[::-1], "abc", "c", "ca", "ca"):
        orders.check(labels)
    for labels in ("ba", "acb", "ac"):
        with pytest.raises(Irregular):
            orders.check(labels)


def test_sets_of_labels_are_not_without_end() -> None:
    """So many are no family that anybody writes, and all of them are remembered."""
    orders = Orders()
    for number in [*range(MOST_ORDERS), *range(MOST_ORDERS)]:
        orders.check(["a", f"label{number}"])
    with pytest.raises(Irregular):
        orders.check(["a", "one more"])


@pytest.mark.parametrize("recording", ["etcd-3.5.16/m1-leader-load", "kube-1.20.2/kcm-fresh"])
def test_recorded_lines_are_all_as_usual(recording: str) -> None:
    """Each line of a real page is read, and means what base's parser says it means."""
    text = recorded(recording).decode()
    expected = [sample for metric in text_string_to_metric_families(text) for sample in metric.samples]
    found = []
    for block in text.split("# HELP ")[1:]:
        _, declared, *samples = block.splitlines()
        family, kind = declared.split()[2:]
        found += understood("\n".join(samples).encode(), family, kind)
    assert [str(one) for one in series(found)] == [str(one) for one in series(expected)]
    assert len(found) > 500


def whole(text: bytes) -> Text:
    """A page that is one family."""
    return Text(text, 0, len(text))


def test_a_known_family_reads_as_a_new_one_does() -> None:
    """Values that change, stand still and become no numbers; lines that come, go and change places; nothing at all."""
    known = Known()
    for text in (
        PAGE,
        PAGE,
        b'a{b="1"} 1\na{b="2"} 0\na{b="3"} NaN\n',
        b'a{b="1"} 1\na{b="3"} 5\n',
        b'a{b="3"} 5\na{b="1"} 7\n',
        b"",
        PAGE,
    ):
        found, anew = known.read(whole(text)), lines.read(text)
        assert (found.heads, list(map(repr, found.values))) == (anew.heads, list(map(repr, anew.values)))


def test_a_known_family_looks_at_changed_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three lines one is another than before: one text is read as a number, and the heads are the same object."""
    read: list[bytes] = []
    numbers = lines.numbers

    def listening(found: Iterable[bytes]) -> Values:
        texts = list(found)
        read.extend(texts)
        return numbers(texts)

    known = Known()
    first = known.read(whole(b"a 1\na_x 2\na_y 3\n"))
    monkeypatch.setattr(lines, "numbers", listening)
    again = known.read(whole(b"a 1\na_x 22\na_y 3\n"))
    assert (read, list(again.values)) == ([b"1", b"22", b"3"], [1, 22, 3])
    assert again.heads is first.heads
    assert known.read(whole(b"a 1\na_x 22\na_y 3\n")) is again


@pytest.mark.parametrize("value", [b"1_0", b"1 1700000000000", b"", b"x"])
def test_a_known_family_stays_sound_after_an_irregular_page(value: bytes) -> None:
    """A page that is for base alone changes nothing of what the next one gives."""
    known = Known()
    known.read(whole(b"a 1\na_x 2\n"))
    for _ in range(2):
        with pytest.raises(Irregular):
            known.read(whole(b"a 3\na_x %b\n" % value))
    assert list(known.read(whole(b"a 4\na_x 2\n")).values) == [4, 2]


def some_histograms(chance: random.Random, names: list[str]) -> list[bytes]:
    """Lines as a page has them, so that stretches end after each `_count`, and after 64 lines where there is none."""
    found = []
    for name in names:
        bounds = chance.choice((1, 3, 70)) if name.startswith("h") else 0
        found += [f'h_bucket{{a="{name}",le="{bound}"}} {chance.randrange(3)}' for bound in range(bounds)]
        found += [f'h_sum{{a="{name}"}} {chance.random()}', f'h_count{{a="{name}"}} {chance.randrange(3)}']
    return [line.encode() for line in found]


@pytest.mark.parametrize("seed", range(20))
def test_a_known_family_follows_all_that_happens_to_its_lines(seed: int) -> None:
    """Series come, go and move, at the ends and in the middle, while values change: as if each page were the first."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    known, names = Known(), [f"h{number}" for number in range(12)]
    for page in range(40):
        text = b"\n".join(some_histograms(random.Random(seed + page // 3), names)) + b"\n"  # noqa: S311 - likewise
        found, anew = known.read(whole(text)), lines.read(text)
        assert found.heads == anew.heads
        assert list(found.values) == list(anew.values)
        if chance.random() < 0.5:
            names.insert(chance.randrange(len(names) + 1), f"{chance.choice('hx')}n{page}")
        if chance.random() < 0.5 and names:
            names.pop(chance.randrange(len(names)))
        if chance.random() < 0.2:
            chance.shuffle(names)


def test_what_is_twice_is_noticed_in_any_stretch() -> None:
    """A line that is new in one stretch and known in another: base's parser must say what it means."""
    known = Known()
    text = b"".join(b'h_count{a="%d"} 1\n' % number for number in range(9))
    known.read(whole(text))
    with pytest.raises(Irregular):
        known.read(whole(text.replace(b'h_count{a="7"} 1\n', b'h_count{a="7"} 1\nh_count{a="2"} 1\n')))
    assert list(known.read(whole(text)).values) == [1.0] * 9
