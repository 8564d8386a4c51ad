"""What stands between a metric's braces, and after its `by`.

    scope  = [every {OR every}]
    every  = one {("," | AND) one}
    one    = (NOT | "!") one | "(" scope ")" | "*" | tag
    tag    = key | key:value | key:"value" | $name | key:$name.value | key [NOT] IN "(" value {"," value} ")"

Words: https://docs.datadoghq.com/metrics/advanced-filtering
"""

from __future__ import annotations

import re

from lab.datadog.query.cursor import Cursor
from lab.datadog.query.lexer import Token
from lab.datadog.query.tree import Every, In, Not, Scope, Some, Tag, Variable

VARIABLE = re.compile(r"\$(\w[\w-]*(?:\.(?!value\b)[\w-]+)*)(\.value)?")
"""Of a dashboard. What has more around it (`*$name.value*`) is a tag's value as it stands."""
KEYWORDS = frozenset({"AND", "OR", "NOT", "IN"})
FILTER = "a tag, such as key:value"


def braced(cursor: Cursor) -> Scope:
    """`{scope}`; of nothing at all it is that of everything."""
    cursor.expect("{")
    scope = Every() if cursor.at("}") else _some(cursor)
    cursor.close("}", "',', AND, OR")
    return scope


def keys(cursor: Cursor) -> tuple[str, ...]:
    """`{key, key}`."""
    cursor.expect("{")
    found = [] if cursor.at("}") else _separated(cursor, "a tag's key")
    cursor.close("}")
    return tuple(found)


def keyword(token: Token, *names: str) -> bool:
    """Whether it is one of these words, small or large."""
    return token.kind == "word" and token.value.upper() in (names or KEYWORDS)


def _some(cursor: Cursor) -> Scope:
    operands = [_every(cursor)]
    while keyword(cursor.here, "OR"):
        cursor.take()
        operands.append(_every(cursor))
    return operands[0] if len(operands) == 1 else Some(tuple(operands))


def _every(cursor: Cursor) -> Scope:
    operands = [_one(cursor)]
    while cursor.accept(",") or _accept(cursor, "AND"):
        operands.append(_one(cursor))
    return operands[0] if len(operands) == 1 else Every(tuple(operands))


def _one(cursor: Cursor) -> Scope:
    if cursor.accept("!") or _accept(cursor, "NOT"):
        with cursor.deeper():
            return Not(_one(cursor))
    if cursor.accept("("):
        with cursor.deeper():
            scope = _some(cursor)
        cursor.close(")", "',', AND, OR")
        return scope
    return _tag(cursor)


def _tag(cursor: Cursor) -> Scope:
    if cursor.here.kind == "text":
        quoted = cursor.take()
        return Tag(quoted.value, None, quoted.at)
    word = _word(cursor, FILTER)
    if word.value == "*":
        return Every()
    if keyword(cursor.here, "IN") or (keyword(cursor.here, "NOT") and keyword(cursor.ahead, "IN")):
        return _in(cursor, word)
    key, colon, value = word.value.partition(":")
    if "=" in key:
        cursor.refuse(FILTER, word)
    if colon and not value:
        return Tag(key, _value(cursor, f"the value of {key!r}").value, word.at)
    return _variable(word, key, value) or Tag(key, value if colon else None, word.at)


def _in(cursor: Cursor, key: Token) -> Scope:
    negative = _accept(cursor, "NOT")
    cursor.take()
    cursor.expect("(")
    values = tuple(_separated(cursor, f"a value of {key.value!r}"))
    cursor.close(")")
    found = In(key.value, values, key.at)
    return Not(found) if negative else found


def _variable(word: Token, key: str, value: str) -> Variable | None:
    """A bare `$name.value` keeps its ending: it stands for less than `$name`, which has the tag's key too."""
    if found := VARIABLE.fullmatch(value):
        return Variable(found[1], key, word.at)
    return Variable(word.value[1:], None, word.at) if VARIABLE.fullmatch(word.value) else None


def _separated(cursor: Cursor, expected: str) -> list[str]:
    found = [_value(cursor, expected).value]
    while cursor.accept(","):
        found.append(_value(cursor, expected).value)
    return found


def _value(cursor: Cursor, expected: str) -> Token:
    return cursor.take() if cursor.here.kind == "text" else _word(cursor, expected)


def _word(cursor: Cursor, expected: str) -> Token:
    if keyword(cursor.here):
        cursor.refuse(expected)
    return cursor.expect_kind("word", expected)


def _accept(cursor: Cursor, name: str) -> bool:
    found = keyword(cursor.here, name)
    if found:
        cursor.take()
    return found
