"""Where queries are wrong: the column and the message of each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.datadog.query import QueryError, parse_formula, parse_monitor, parse_queries, parse_query
from lab.datadog.query.cursor import DEEPEST
from lab.process import LabError

AGGREGATORS = "avg, sum, min, max, count or a percentile such as p95"
OVER_TIME = "an aggregator over time: avg, sum, min, max, percentile, last, or change, pct_change"


def refused(parse: Callable[[str], object], query: str) -> QueryError:
    with pytest.raises(QueryError) as raised:
        parse(query)
    return raised.value


@pytest.mark.parametrize(
    ("query", "column", "problem"),
    [
        ("", 0, "expected a metric, a function or a number, found the end"),
        ("avg:", 4, "expected a metric's name, found the end"),
        ("avg:m", 5, "expected the scope of 'm', such as {*}, found the end"),
        ("mean:m{*}", 0, f"expected an aggregator: {AGGREGATORS}, found 'mean'"),
        ("avg:m{*", 7, "expected ',', AND, OR or '}', found the end"),
        ("avg:m{a:b c:d}", 10, "expected ',', AND, OR or '}', found 'c:d'"),
        ('avg:m{a="b"}', 6, "expected a tag, such as key:value, found 'a='"),
        ("avg:m{c:d,a!=b}", 10, "expected a tag, such as key:value, found 'a!=b'"),
        ("avg:m{a:b,}", 10, "expected a tag, such as key:value, found '}'"),
        ("avg:m{a:b OR AND c}", 13, "expected a tag, such as key:value, found 'AND'"),
        ("avg:m{host:}", 11, "expected the value of 'host', found '}'"),
        ("avg:m{a:b} by host", 14, "expected '{', found 'host'"),
        ("avg:m{a IN b}", 11, "expected '(', found 'b'"),
        ("avg:m{a IN ()}", 12, "expected a value of 'a', found ')'"),
        ("avg:m{a IN (b c)}", 14, "expected ',' or ')', found 'c'"),
        ('avg:m{a:"b}', 8, "expected the value of 'a', found a quote that is never closed"),
        ("avg:m{*} by {a,}", 15, "expected a tag's key, found '}'"),
        ("avg:m{*}.as_count", 17, "expected '(', found the end"),
        ("avg:m{*}.rollup(avg:m)", 19, "expected ',' or ')', found ':'"),
        ("avg:m{*}.fill({)", 14, "expected a number, a text in quotes or a word, found '{'"),
        ("avg:m{*} avg:n{*}", 9, "expected an operator or the end, found 'avg'"),
        ("avg:m{*} +", 10, "expected a metric, a function or a number, found the end"),
        ("(avg:m{*}", 9, "expected an operator or ')', found the end"),
        ("top(avg:m{*}, 5", 15, "expected ',' or ')', found the end"),
        ("top(m, 5)", 5, "expected the scope of 'm', such as {*}, found ','"),
        ("f(avg:m{*}, a='b', 1)", 19, "expected an argument with a name, such as history='1w', found '1'"),
        ("avg:m{*} * 1e999", 11, "the number is too large"),
        ("avg:m{*} § 2", 9, "expected an operator or the end, found '§'"),
        ("count(v: x<1):m{*}", 9, "expected v, the value, found 'x'"),
        (f"avg:m{{*}} {'long' * 10}", 9, f"expected an operator or the end, found '{'long' * 7}lo...'"),
    ],
)  # fmt: skip
def test_points_at_what_is_wrong_in_a_query(query: str, column: int, problem: str) -> None:
    """The first thing that does not fit is named, with what should be in its place."""
    error = refused(parse_query, query)
    assert (error.column, error.problem) == (column, problem)


@pytest.mark.parametrize(
    ("query", "column", "problem"),
    [
        ("avg:m{*} > 1", 3, "expected '(', found ':'"),
        ("m{*} > 1", 0, f"expected {OVER_TIME}, found 'm'"),
        ("avg(5m):avg:m{*} > 1", 4, "expected a window such as last_5m, next_1w or current_1d, found '5'"),
        ("avg(last_5x):avg:m{*} > 1", 4, "expected a window such as last_5m, next_1w or current_1d, found 'last_5x'"),
        ("avg(last_0m):avg:m{*} > 1", 4, "expected a window such as last_5m, next_1w or current_1d, found 'last_0m'"),
        ("change(avg(last_5m),0m_ago):avg:m{*} > 1", 20,
         "expected a window such as last_5m, next_1w or current_1d, found '0'"),
        ("avg(last_5m) avg:m{*} > 1", 13, "expected ':', found 'avg'"),
        ("pct_change(avg(last_5m)):avg:m{*} > 1", 23, "expected ',', found ')'"),
        ("avg(last_5m):avg:m{*}", 21, "expected an operator or a comparison such as > 1, found the end"),
        ("avg(last_5m):avg:m{*} > x", 24, "expected a number, found 'x'"),
        ("avg(last_5m):avg:m{*} > 0.9 by {host}", 28, "expected the end, found 'by'"),
        ("1 && 2", 0, f"expected {OVER_TIME}, found '1'"),
        ('"a".count()', 4, "expected one of over, exclude, by, last, count_by_status, pct_by_status, found 'count'"),
        ('"a".over(b)', 9, "expected a text in quotes as an argument of over"),
        ('"a".last(0)', 4, "expected a number of runs, such as last(4)"),
        ('"a".over("b").last(1).over("c")', 22, "expected no over after over"),
        ('"a".count_by_status().pct_by_status()', 22, "expected no pct_by_status after count_by_status"),
        ('"a".last(1).count_by_status(3)', 28, "expected no argument of count_by_status"),
        ('"a".last(1) > 1', 12, "expected the end, found '>'"),
        ('logs("a").last("5m")', 20, "expected '.' or a comparison such as > 1, found the end"),
        ('logs("a", 2) > 1', 8, "expected ')', found ','"),
        ('logs(") > 1', 5, "expected a search in quotes, found a quote that is never closed"),
    ],
)  # fmt: skip
def test_points_at_what_is_wrong_in_a_monitor(query: str, column: int, problem: str) -> None:
    """In a monitor as in a query."""
    error = refused(parse_monitor, query)
    assert (error.column, error.problem) == (column, problem)


def test_a_formula_has_no_metrics() -> None:
    """Only names of queries: a scope does not belong there."""
    error = refused(parse_formula, "query1 / avg:m{*}")
    assert (error.column, error.problem) == (12, "expected an operator or the end, found ':'")
    assert (
        refused(parse_formula, "2 * 'a'").problem == "expected the name of a query, a function or a number, found 'a'"
    )


def test_an_old_widget_needs_a_query_after_each_comma() -> None:
    """A comma at the end is one too many."""
    error = refused(parse_queries, "avg:m{*}, ")
    assert (error.column, error.problem) == (10, "expected a metric, a function or a number, found the end")


def test_shows_the_query_with_a_mark() -> None:
    """Under the message stands the query, and under its column a mark; people count from 1."""
    error = refused(parse_query, "avg:m{*}\n* *")
    assert str(error) == "column 12: expected a metric, a function or a number, found '*'\navg:m{*} * *\n           ^"
    assert isinstance(error, LabError)


def test_shows_what_is_around_the_mark_in_a_long_query() -> None:
    """A hundred characters of it, with the column in their middle where it can be."""
    long = "avg:m{*} + " * 50
    _, shown, mark = str(refused(parse_query, f"{long} + {long}")).split("\n")
    assert len(shown) == 106
    assert (shown[:3], shown[-3:]) == ("...", "...")
    assert shown[mark.index("^") - 3 :].startswith("+  + avg:m")
    _, shown, mark = str(refused(parse_query, long)).split("\n")
    assert (shown[:3], len(shown), len(mark)) == ("...", 103, 104)


@pytest.mark.parametrize("times", [DEEPEST + 1, 200_000])
@pytest.mark.parametrize(
    ("opening", "inner", "closing"),
    [
        ("(", "avg:m{*}", ")"),
        ("abs(", "avg:m{*}", ")"),
        ("-", "avg:m{*}", ""),
        ("1 + ", "avg:m{*}", ""),
        ("f(", "avg:m{*}", " * 2)"),
        ("avg:m{", "a", "}"),
        ("1 + (2 * ", "3", ")"),
    ],
)
def test_refuses_what_nests_too_deep(opening: str, inner: str, closing: str, times: int) -> None:
    """Hostile depth ends in a message, at once, not in a crash."""
    with pytest.raises(QueryError):
        parse_query(opening * times + inner + closing * times)


@pytest.mark.parametrize("opening", ["!", "NOT ", "(", "(a OR NOT ", "(a,b OR "])
def test_refuses_a_scope_that_nests_too_deep(opening: str) -> None:
    """In a scope as well."""
    error = refused(parse_query, f"avg:m{{{opening * 200_000}")
    assert error.problem == "the query is nested more than 100 levels deep"


def test_counts_terms_of_all_brackets() -> None:
    """Terms in a row within terms in a row make a deep tree too, though no brackets do."""
    row = " + a" * 60
    assert refused(parse_formula, f"(a{row}){row}").problem == "the query is nested more than 100 levels deep"
    assert refused(parse_formula, f"a{' + a' * 100}").column == 398
