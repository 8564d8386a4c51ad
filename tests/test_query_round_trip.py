"""Every tree can be written and read again, and no text makes the parser fail in any way but its own."""

from __future__ import annotations

import string
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.datadog.query import QueryError, parse_formula, parse_monitor, parse_queries, parse_query, text
from lab.datadog.query.monitor import COUNTED
from lab.datadog.query.tree import (
    Arithmetic,
    Call,
    Change,
    CheckAlert,
    EventAlert,
    Every,
    Expression,
    In,
    Literal_,
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

LETTERS = string.ascii_letters + string.digits + "_"
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}(\.[a-z0-9_]{1,5}){0,2}", fullmatch=True, alphabet=LETTERS + ".")
WORDS = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True, alphabet=LETTERS)
KEYS = st.from_regex(r"[a-z@*_][a-z0-9_./@-]{0,6}", fullmatch=True, alphabet=LETTERS + "@*./-").filter(
    lambda key: key.upper() not in {"AND", "OR", "NOT", "IN", "*"}
)
ANYTHING = st.text(max_size=12) | st.sampled_from(
    ["and", "IN", "$a", "$a.value", "*$a.value*", "\\", "'\"", "a b", "*"]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6).map(float)


def scopes() -> st.SearchStrategy[Scope]:
    """A parser never makes an Every of one, nor a Some of less than two."""
    tags = st.builds(Tag, KEYS, ANYTHING) | st.builds(Tag, ANYTHING, st.none())
    variables = st.builds(Variable, WORDS, st.none() | KEYS)
    listed = st.builds(In, KEYS, st.lists(ANYTHING, min_size=1, max_size=3).map(tuple))

    def larger(inner: st.SearchStrategy[Scope]) -> st.SearchStrategy[Scope]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.builds(Not, inner) | st.builds(Every, several) | st.builds(Some, several)

    return st.recursive(tags | variables | listed | st.just(Every()), larger, max_leaves=6)


NUMBERS = st.builds(Number, FLOATS)
TEXTS = st.builds(Text, ANYTHING)
LITERALS: st.SearchStrategy[Literal_] = NUMBERS | TEXTS | st.builds(Word, WORDS)
MODIFIER = st.builds(Modifier, WORDS, st.lists(LITERALS, max_size=3).map(tuple))
MODIFIERS = st.lists(MODIFIER, max_size=2).map(tuple)
METRICS = st.builds(
    Metric,
    NAMES,
    st.none() | st.sampled_from(["avg", "sum", "min", "max", "count", "p95", "p99.9", "count(v: v<=0.5)"]),
    scopes(),
    st.lists(ANYTHING, max_size=3).map(tuple),
    MODIFIERS,
)


def expressions(leaves: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Expressions over such leaves and numbers."""

    def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        further = st.lists(inner | TEXTS | st.builds(Word, WORDS), max_size=3)
        calls = st.builds(
            lambda first, rest, **parts: Call(arguments=(first, *rest), **parts),
            inner,
            further,
            function=WORDS,
            keywords=st.lists(st.tuples(WORDS, LITERALS), max_size=2).map(tuple),
            modifiers=MODIFIERS,
        )
        arithmetic = st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner)
        brackets = st.builds(lambda inside, modifier: Call("", (inside,), modifiers=(modifier,)), arithmetic, MODIFIER)
        return arithmetic | st.builds(Negative, inner) | calls | brackets

    return st.recursive(leaves | NUMBERS, larger, max_leaves=8)


WINDOWS = st.sampled_from(["last_5m", "next_1w", "current_1mo"])
COMPARATORS = st.sampled_from([">", ">=", "<", "<=", "==", "!="])
TAGS = st.lists(ANYTHING, max_size=2).map(tuple)
ALERTS = (
    st.builds(
        MetricAlert,
        st.sampled_from(["avg", "sum", "min", "max", "percentile"]),
        WINDOWS,
        expressions(METRICS),
        COMPARATORS,
        FLOATS,
        st.none() | st.builds(Change, st.sampled_from(["change", "pct_change"]), WINDOWS | st.just("5m_ago")),
    )
    | st.builds(CheckAlert, ANYTHING, TAGS, TAGS, TAGS, st.none() | st.integers(1, 99), st.sampled_from(["", *COUNTED]))
    | st.builds(EventAlert, st.sampled_from(["events", "trace-analytics"]), ANYTHING, MODIFIERS, COMPARATORS, FLOATS)
)


@given(expressions(METRICS))
def test_a_query_is_read_as_it_was_written(tree: Expression) -> None:
    """What is written of a tree is read as the same tree."""
    assert parse_query(text(tree)) == tree


@given(expressions(st.builds(Word, WORDS)))
def test_a_formula_is_read_as_it_was_written(tree: Expression) -> None:
    """So with names in place of metrics."""
    assert parse_formula(text(tree)) == tree


@given(ALERTS)
def test_a_monitor_is_read_as_it_was_written(tree: MetricAlert | CheckAlert | EventAlert) -> None:
    """So for each kind of monitor."""
    assert parse_monitor(text(tree)) == tree


PARSERS = (parse_query, parse_queries, parse_formula, parse_monitor)
WORDINGS = ("avg", "sum:", "m{", "} by {", "a:b", " AND ", " OR ", "NOT ", " IN (", "1e9", ".as_count()", "last_5m")
OPENINGS = ("avg(last_5m):", '"a".over(', 'logs("', "count(v: v", "{{a}}", "5m_ago", "$a.value", "> 1")
PIECES = st.sampled_from((*"(){}[],:.!*+-/<>=\"'\\$ \n\0é😀", *WORDINGS, *OPENINGS))


def refusal(parse: Callable[[str], object], query: str) -> QueryError | None:
    try:
        parse(query)
    except QueryError as error:
        return error
    return None


@pytest.mark.parametrize("parse", PARSERS)
@given(hostile=st.text() | st.lists(PIECES, max_size=30).map("".join))
@example(hostile="\ud800")
@example(hostile="\0" * 1_000_000)
@example(hostile="avg:m{" + "😀" * 1_000_000)
@example(hostile='"' + "\\" * 1_000_000)
@example(hostile="9" * 1_000_000)
@example(hostile="a-" * 500_000 + '("')
def test_any_text_is_read_or_refused(parse: Callable[[str], object], hostile: str) -> None:
    """Whatever comes, there is a tree or a QueryError whose column is in the text."""
    error = refusal(parse, hostile)
    if error:
        assert 0 <= error.column <= len(hostile)
        assert len(str(error).split("\n")) == 3
