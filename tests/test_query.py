"""What the parser makes of each form of query, by its tree or by its one canonical spelling."""

from __future__ import annotations

import pytest

from lab.datadog.query import metrics, parse_formula, parse_monitor, parse_queries, parse_query, text, words
from lab.datadog.query.tree import (
    Arithmetic,
    Call,
    Change,
    CheckAlert,
    EventAlert,
    Every,
    In,
    Metric,
    MetricAlert,
    Modifier,
    Negative,
    Not,
    Number,
    Scope,
    Some,
    Tag,
    Text,
    Variable,
    Word,
)

A, B, C = Word("a"), Word("b"), Word("c")
FIRST, SECOND = Tag("a", "b"), Tag("c", "d")


def scope_of(scope: str) -> Scope:
    found = parse_query(f"avg:m{{{scope}}}")
    assert isinstance(found, Metric)
    return found.scope


def modifiers_of(modifiers: str) -> tuple[Modifier, ...]:
    found = parse_query(f"avg:m{{*}}{modifiers}")
    assert isinstance(found, Metric)
    return found.modifiers


@pytest.mark.parametrize(
    ("formula", "tree"),
    [
        ("a + b * c", Arithmetic("+", A, Arithmetic("*", B, C))),
        ("a * b + c", Arithmetic("+", Arithmetic("*", A, B), C)),
        ("(a + b) * c", Arithmetic("*", Arithmetic("+", A, B), C)),
        ("a - b - c", Arithmetic("-", Arithmetic("-", A, B), C)),
        ("a - (b - c)", Arithmetic("-", A, Arithmetic("-", B, C))),
        ("a / b * c", Arithmetic("*", Arithmetic("/", A, B), C)),
        ("-a * b", Arithmetic("*", Negative(A), B)),
        ("-(a + b)", Negative(Arithmetic("+", A, B))),
        ("a - -b", Arithmetic("-", A, Negative(B))),
        ("--a", Negative(Negative(A))),
        ("a-1", Arithmetic("-", A, Number(1))),
        ("a - -1.5e-3", Arithmetic("-", A, Number(-0.0015))),
        ("100-a", Arithmetic("-", Number(100), A)),
        (".5 * a", Arithmetic("*", Number(0.5), A)),
        ("((a))", A),
    ],
)
def test_binds_as_arithmetic_does(formula: str, tree: object) -> None:
    """Products bind stronger than sums, a sign stronger than both, and what binds alike goes from left to right."""
    assert parse_formula(formula) == tree


@pytest.mark.parametrize(
    ("scope", "tree"),
    [
        ("*", Every()),
        ("", Every()),
        ("a:b", FIRST),
        ("a:b,c:d", Every((FIRST, SECOND))),
        ("a:b , c:d", Every((FIRST, SECOND))),
        ("a:b AND c:d", Every((FIRST, SECOND))),
        ("*,a:b", Every((Every(), FIRST))),
        ("!a:b", Not(FIRST)),
        ("NOT a:b", Not(FIRST)),
        ("a:b OR c:d,e:f", Some((FIRST, Every((SECOND, Tag("e", "f")))))),
        ("a:b AND NOT (c:d or e:f)", Every((FIRST, Not(Some((SECOND, Tag("e", "f"))))))),
        ("(a:b OR c:d) and e:f", Every((Some((FIRST, SECOND)), Tag("e", "f")))),
        ("a IN (b, c)", In("a", ("b", "c"))),
        ("a NOT IN (b,c)", Not(In("a", ("b", "c")))),
        ("NOT a in (b)", Not(In("a", ("b",)))),
        ('a IN ("b c",$d.value)', In("a", ("b c", "$d.value"))),
        ("$a", Variable("a")),
        ("!$a", Not(Variable("a"))),
        ("$a.value", Variable("a.value")),
        ("$client-id-0.9", Variable("client-id-0.9")),
        ("a:$b", Variable("b", "a")),
        ("a:$b.value", Variable("b", "a")),
        ("a:$b.c.value", Variable("b.c", "a")),
        ("a:*$b.value*", Tag("a", "*$b.value*")),
        ("a:$b.value-west", Tag("a", "$b.value-west")),
        ('a:"$b"', Tag("a", "$b")),
        ("a:b*", Tag("a", "b*")),
        ("a:*", Tag("a", "*")),
        ("a", Tag("a", None)),
        ('a:"b c"', Tag("a", "b c")),
        (r"a:'it\'s'", Tag("a", "it's")),
        ('a:""', Tag("a", "")),
        ('"a=b"', Tag("a=b", None)),
        ("url:https://a.b/c?d=e", Tag("url", "https://a.b/c?d=e")),
        ("server:mongodb://a:_b:27017", Tag("server", "mongodb://a:_b:27017")),
        ("device:/dev/sda-1", Tag("device", "/dev/sda-1")),
        ("resource:v0::a#b", Tag("resource", "v0::a#b")),
        ("stadt:köln", Tag("stadt", "köln")),
    ],
)
def test_reads_a_scope(scope: str, tree: Scope) -> None:
    """Tags, wildcards, variables, lists and boolean words; a comma says AND, which binds stronger than OR."""
    assert scope_of(scope) == tree


@pytest.mark.parametrize(
    ("modifiers", "tree"),
    [
        (".as_count()", (Modifier("as_count"),)),
        (".rollup(sum)", (Modifier("rollup", (Word("sum"),)),)),
        (".rollup('avg', 60)", (Modifier("rollup", (Text("avg"), Number(60))),)),
        (".as_rate().fill(zero,-1)", (Modifier("as_rate"), Modifier("fill", (Word("zero"), Number(-1))))),
        (" .weighted()", (Modifier("weighted"),)),
    ],
)
def test_reads_modifiers(modifiers: str, tree: tuple[Modifier, ...]) -> None:
    """A modifier's arguments are numbers, words or quoted texts."""
    assert modifiers_of(modifiers) == tree


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("avg:system.load.1{*}", Metric("system.load.1", "avg")),
        ("system.load.1{*}", Metric("system.load.1")),
        ("p99.9:a.b{*}", Metric("a.b", "p99.9")),
        ("count:a.5xx{*}by{x,$y}", Metric("a.5xx", "count", by=("x", "$y"))),
        (
            "sum:a{*}.as_count() by {@http.url}",
            Metric("a", "sum", by=("@http.url",), modifiers=(Modifier("as_count"),)),
        ),
        ("sum:a{*} by {}", Metric("a", "sum")),
        ("count(v: v <= 0.5):a{*}", Metric("a", "count(v: v<=0.5)")),
        ("(avg:a{*}).rollup(max)", Metric("a", "avg", modifiers=(Modifier("rollup", (Word("max"),)),))),
    ],
)
def test_reads_a_metric(query: str, tree: Metric) -> None:
    """With an aggregator or without, with groups before or after the modifiers."""
    assert parse_query(query) == tree


M = Metric("m", "avg")


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("abs(avg:m{*})", Call("abs", (M,))),
        ("top(avg:m{*}, 5, mean, desc)", Call("top", (M, Number(5), Word("mean"), Word("desc")))),
        ("timeshift(avg:m{*}, -3600)", Call("timeshift", (M, Number(-3600)))),
        ('calendar_shift(avg:m{*}, "-1d", "UTC")', Call("calendar_shift", (M, Text("-1d"), Text("UTC")))),
        ("forecast(avg:m{*}, 'linear', 1, interval='60m', x=-2, y=no)", Call(
            "forecast", (M, Text("linear"), Number(1)),
            (("interval", Text("60m")), ("x", Number(-2)), ("y", Word("no"))),
        )),
        ("sum(avg:m{*}, { x, y })", Call("sum", (M, Word("{x,y}")))),
        ("ewma_3(avg:m{*}).fill(null)", Call("ewma_3", (M,), modifiers=(Modifier("fill", (Word("null"),)),))),
        ("(avg:m{*} / 2).rollup(avg, 60)", Call(
            "", (Arithmetic("/", M, Number(2)),), modifiers=(Modifier("rollup", (Word("avg"), Number(60))),)
        )),
        ("per_second(avg:m{*}) / count_nonzero(avg:m{*})", Arithmetic(
            "/", Call("per_second", (M,)), Call("count_nonzero", (M,))
        )),
        ("global_time()", Call("global_time", ())),
    ],
)  # fmt: skip
def test_reads_a_function(query: str, tree: Call) -> None:
    """Expressions, texts, words, braced keys and named literals as arguments; modifiers after it or after brackets."""
    assert parse_query(query) == tree


def test_reads_the_queries_of_an_old_widget() -> None:
    """Commas outside of all brackets part queries."""
    assert parse_queries("avg:m{a:b,c:d} , top(avg:m{*}, 5)") == (
        Metric("m", "avg", Every((FIRST, SECOND))),
        Call("top", (M, Number(5))),
    )


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("avg(last_5m):avg:m{*} > 1", MetricAlert("avg", "last_5m", M, ">", 1)),
        ("min(next_1w):avg:m{*}>=-.5", MetricAlert("min", "next_1w", M, ">=", -0.5)),
        ("sum(current_1mo): 2 * avg:m{*} != 1e3", MetricAlert(
            "sum", "current_1mo", Arithmetic("*", Number(2), M), "!=", 1000
        )),
        ("percentile(last_1d):avg:m{*} <= 3", MetricAlert("percentile", "last_1d", M, "<=", 3)),
        ("pct_change(avg(last_5m),last_1h):avg:m{*} < -50", MetricAlert(
            "avg", "last_5m", M, "<", -50, Change("pct_change", "last_1h")
        )),
        ("change(max(last_1m), 5m_ago):avg:m{*} == 1", MetricAlert(
            "max", "last_1m", M, "==", 1, Change("change", "5m_ago")
        )),
    ],
)  # fmt: skip
def test_reads_a_metric_alert(query: str, tree: MetricAlert) -> None:
    """Windows back, ahead and of the calendar, changes, and each comparison."""
    assert parse_monitor(query) == tree


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ('"a.b".over("*").by("x","y").last(4).count_by_status()', CheckAlert(
            "a.b", ("*",), (), ("x", "y"), 4, "count_by_status"
        )),
        ("'a'.over('x:1', 'y:2').exclude('z:3').last(6).pct_by_status()", CheckAlert(
            "a", ("x:1", "y:2"), ("z:3",), (), 6, "pct_by_status"
        )),
        ('"a".by("*").last("5m")', CheckAlert("a", (), (), ("*",), "5m", "")),
        ('"a"', CheckAlert("a", (), (), (), None, "")),
    ],
)  # fmt: skip
def test_reads_a_service_check(query: str, tree: CheckAlert) -> None:
    """In either quotes, with those calls that there are."""
    assert parse_monitor(query) == tree


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ('events("source:x").by("a","b").last("5m") > 1', EventAlert(
            "events", "source:x",
            (Modifier("by", (Text("a"), Text("b"))), Modifier("last", (Text("5m"),))), ">", 1,
        )),
        (r"""trace-analytics( "a:\"b c\" \\d" ).last('1h')<-1""", EventAlert(
            "trace-analytics", r'a:"b c" \d', (Modifier("last", (Text("1h"),)),), "<", -1
        )),
        ('formula("query1 / query2").last("15m") >= 0.5', EventAlert(
            "formula", "query1 / query2", (Modifier("last", (Text("15m"),)),), ">=", 0.5
        )),
    ],
)  # fmt: skip
def test_reads_an_alert_of_another_source(query: str, tree: EventAlert) -> None:
    """Its search is kept as it is, without the escapes of its quotes."""
    assert parse_monitor(query) == tree


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("avg:m{a:b AND  NOT c:d}by{ x , y }", "avg:m{a:b,!c:d} by {x,y}"),
        ("avg:m{}", "avg:m{*}"),
        ("avg:m{a in (b , c),d:e}", "avg:m{a IN (b,c) AND d:e}"),
        ("avg:m{!a:b}", "avg:m{!a:b}"),
        ("avg:m{* AND a:b}", "avg:m{*,a:b}"),
        ("avg:m{a:b, !c:d, e IN (f)}", "avg:m{a:b AND NOT c:d AND e IN (f)}"),
        ("avg:m{!a:b OR !$c}", "avg:m{NOT a:b OR NOT $c}"),
        ("avg:m{a:b,(!c:d OR e:f)}", "avg:m{a:b AND (NOT c:d OR e:f)}"),
        ('avg:m{a IN ($b.value,"c d")} by {$e,f}', 'avg:m{a IN ($b.value,"c d")} by {$e,f}'),
        ("avg:m{NOT (a:b OR c:d)}", "avg:m{NOT (a:b OR c:d)}"),
        ("avg:m{(a:b,c:d) OR e:$f}", "avg:m{(a:b AND c:d) OR e:$f.value}"),
        ("avg:m{a:\"and\",b:'and so'}", 'avg:m{a:"and",b:"and so"}'),
        ("1000000*avg:m{*}/(2*.25)", "1000000 * avg:m{*} / (2 * 0.25)"),
        ("avg:m{*}-(1-2)", "avg:m{*} - (1 - 2)"),
        ("- (3)", "-(3)"),
        ("top(avg:m{*},10,'mean',\"desc\")", "top(avg:m{*}, 10, 'mean', 'desc')"),
        ("sum(avg:m{*} by {a,b},{ a , 'or' })", 'sum(avg:m{*} by {a,b}, {a,"or"})'),
        ("(avg:m{*}+1).fill( null )", "(avg:m{*} + 1).fill(null)"),
    ],
)
def test_spells_a_query_in_one_way(query: str, canonical: str) -> None:
    """As is usual in Datadog; never signs and words in one scope, which Datadog refuses, nor a variable in quotes."""
    assert text(parse_query(query)) == canonical


@pytest.mark.parametrize(
    "query",
    [
        "pct_change(avg(last_5m),last_30m):clamp_min(avg:a.share{*} by {x,y}, 0.1) < -50",
        "max(next_12h):forecast(max:a{*}, 'linear', 1, interval='60m', history='1w', model='default') >= 0.8",
        '"a.quorum".over("*").exclude("b:c").by("x").last(4).count_by_status()',
        'logs("status:error \\"a b\\"").index("*").rollup("count","@x").last("5m") > 100',
    ],
)
def test_leaves_a_canonical_monitor_as_it_is(query: str) -> None:
    """A monitor's source is what it is rendered to."""
    assert text(parse_monitor(query)) == query


def test_knows_where_each_part_begins() -> None:
    """Columns count from 0, for whoever reports on a part of the tree."""
    found = parse_query("2 * top(avg:m{a:b,$c,d IN (e)}.fill(0), 5)")
    assert isinstance(found, Arithmetic)
    call = found.right
    assert isinstance(call, Call)
    metric, number = call.arguments
    assert isinstance(metric, Metric)
    assert isinstance(metric.scope, Every)
    tag, variable, listed = metric.scope.operands
    assert isinstance(tag, Tag)
    assert isinstance(variable, Variable)
    assert isinstance(listed, In)
    parts = (found, found.left, call, metric, tag, variable, listed, metric.modifiers[0], number)
    assert [part.at for part in parts] == [0, 0, 4, 8, 14, 18, 21, 30, 40]


def test_walks_from_left_to_right() -> None:
    """Metrics of an expression or an alert, words of a formula; other alerts have neither."""
    alert = parse_monitor("avg(last_5m):(avg:a{*} + abs(sum:b{*})) / max:a{x:y} > 1")
    assert [metric.name for metric in metrics(alert)] == ["a", "b", "a"]
    assert [word.value for word in words(parse_formula("top(b - a, 5, 'mean') / (2 * c)"))] == ["b", "a", "c"]
    assert list(metrics(parse_monitor('"a".over("*")'))) == []
    assert list(words(parse_monitor('events("a").last("5m") > 1'))) == []
